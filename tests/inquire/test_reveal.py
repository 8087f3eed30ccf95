"""What was turned into a token is found again, after the log has it, and stands nowhere but in the output."""

import io
import json
import os
import random
import signal
import stat
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from detector.cli import main
from detector.collect.enrich import Enricher
from detector.collect.enrich.keyfile import new_key, rotate_key
from detector.collect.enrich.secret import Secret, read_secret
from detector.collect.enrich.tokens import Tokens
from detector.collect.enrich.wanted import SUBJECT, TokenSet, Wanted, as_identifiers, halves
from detector.collect.order import Sequencer
from detector.collect.reader import Reader, first_time
from detector.collect.source.files import Files
from detector.config import load
from detector.errors import DetectorError, InputError
from detector.inquire.reveal import audit
from detector.inquire.reveal.asked import read_tokens
from detector.inquire.reveal.giving import HEADER, Request, give
from detector.inquire.reveal.searching import Search
from detector.telemetry import Telemetry
from tests.test_privacy import held, written

CONFIG = load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of 400 lines with identifiers in every spelling, and a key."""
    (tmp_path / "access.log").write_text("\n".join(written(random.Random(5), 400, set())) + "\n", "utf-8")
    new_key(tmp_path / "a.key")
    return tmp_path


def tokens_of(folder: Path, key: Secret) -> list[str]:
    """The tokens that a detector makes of the log, each once."""
    source = Files([folder / "access.log"], CONFIG.input, first_time(CONFIG.input))
    reader = Reader(source, Enricher(CONFIG, key).enrich, Sequencer(300), CONFIG.input)
    events = pl.concat([*(got.events for got in reader.batches()), reader.settle().events])
    reader.close()
    return sorted(set(events[SUBJECT].drop_nulls()))


def asked(folder: Path, tokens: list[str], name: str = "tokens.csv") -> Path:
    pl.DataFrame({SUBJECT: tokens, "first": "2026-03-02"}).write_csv(folder / name)
    return folder / name


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result


def reveal(folder: Path, tokens: Path, *more: object, code: int = 0, reason: str = "Case 12"):
    archives = ["--from", folder / "access.log", "--no-progress"]
    return run("reveal", tokens, "--key", folder / "a.key", "--reason", reason, *archives, *more, code=code)


def rows(path: Path) -> dict[str, tuple[str, str]]:
    return {token: (one, logged) for token, one, logged in pl.read_csv(path, infer_schema=False).iter_rows()}


def entries(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "a.key.audit.jsonl").read_text().splitlines()]


def test_everybody_asked_for_is_found_and_nobody_else(folder):
    key = read_secret(folder / "a.key")
    tokens = tokens_of(folder, key)
    wanted = tokens[::3]
    said = reveal(folder, asked(folder, [*wanted, "0" * 32])).stderr
    found = rows(folder / "tokens.revealed.csv")
    assert set(found) == {*wanted, "0" * 32}
    assert found.pop("0" * 32) == (None, None)
    for token, (one, logged) in found.items():
        assert Tokens(key).subjects(pl.Series([one, logged])).to_list() == [token, token]
    assert f"{len(wanted)} of {len(wanted) + 1} found" in said
    assert f"not found: {'0' * 32}\n" in said
    assert len(tokens) > 300
    assert stat.S_IMODE((folder / "tokens.revealed.csv").stat().st_mode) == 0o600


def test_tokens_of_former_keys_are_found_and_lists_from_before_and_after_count_as_one(folder):
    before = tokens_of(folder, read_secret(folder / "a.key"))
    now = tokens_of(folder, rotate_key(folder / "a.key"))
    path = asked(folder, before[:50] + now)
    reveal(folder, path)
    found = rows(folder / "tokens.revealed.csv")
    assert {one for one, _ in found.values()} == {found[token][0] for token in now}
    run("key", "rekey", path, "--key", folder / "a.key", "--from", folder / "access.log", "--output", folder / "r.csv")
    joined = pl.read_csv(folder / "r.csv")
    assert set(joined["former"]) == {*before[:50], *now}
    assert set(joined[SUBJECT]) == set(now)
    assert joined.filter(pl.col("former").is_in(now)).select((pl.col("former") == pl.col(SUBJECT)).all()).item()


def test_persons_whom_only_the_owner_saw_are_revealed_on_demand_alone(folder):
    tokens = tokens_of(folder, read_secret(folder / "a.key"))[:8]
    whose = ["attacker", "owner", "both", "undecided", None, "owner", "owner", "attacker"]
    told = pl.DataFrame({SUBJECT: tokens, "whose": whose})
    told.write_csv(folder / "persons.csv")
    told.write_parquet(folder / "persons.parquet")
    concerned = {token for token, side in zip(tokens, whose, strict=True) if side != "owner"}
    for name in ("persons.csv", "persons.parquet"):
        said = reveal(folder, folder / name, "--output", folder / f"{name}.out").stderr
        assert set(rows(folder / f"{name}.out")) == concerned
        assert "5 of 5 found" in said
        assert "left out: 3, which scope calls none of attacker, both, undecided" in said
    reveal(folder, folder / "persons.csv", "--whose", "owner", "--output", folder / "own.csv")
    assert set(rows(folder / "own.csv")) == {*tokens} - concerned | {tokens[4]}  # of whom nobody says anything
    assert [one["whose"] for one in entries(folder) if "whose" in one][-1] == ["owner"]
    told.filter(pl.col("whose") == "owner").write_csv(folder / "none.csv")
    refused = reveal(folder, folder / "none.csv", code=3).stderr
    assert "no token of attacker, both, undecided is in it; rows of others: 3" in refused


def test_the_log_has_it_before_the_first_identifier_is_written(folder):
    log = folder / "a.key.audit.jsonl"

    class Watching(io.BytesIO):
        def write(self, body):
            (begun,) = audit.check(log).entries  # nothing was noted: the log would not be there
            assert begun["action"] == "reveal_begun"
            return super().write(body)

    tokens = tokens_of(folder, read_secret(folder / "a.key"))
    request = Request(tokens=asked(folder, tokens), key=read_secret(folder / "a.key"), reason="Case 12", output=None,
                      archives=(str(folder / "access.log"),), log=log, whose=())  # fmt: skip
    out = Watching()
    search = Search(request.archives, CONFIG.input, Telemetry(), lambda telemetry: None)
    answer, _, last = give(request, CONFIG, search, out)
    assert answer.found == len(tokens) == len(out.getvalue().splitlines()) - 1
    assert audit.check(log).last == last


class Late(Wanted):
    """Lets the thread that reads ahead find the next ones before the caller looks again."""

    def take(self):
        yield from super().take()
        deadline = monotonic() + 10
        while not self._found.qsize() and self.given_count < len(self.tokens) and monotonic() < deadline:
            sleep(0.001)


def test_what_is_found_while_the_caller_writes_is_not_lost(folder):
    key = read_secret(folder / "a.key")
    tokens = tokens_of(folder, key)
    settings = CONFIG.input.model_copy(update={"chunk_bytes": 1 << 16})
    search = Search([str(folder / "access.log")], settings, Telemetry(), lambda telemetry: None)
    wanted = Late(CONFIG.portal.subjects, [key], read_tokens(asked(folder, tokens)), as_identifiers)
    out = io.BytesIO()
    answer = search.write(out, wanted, HEADER)
    assert (answer.found, answer.lacking) == (len(tokens), ())
    assert len(out.getvalue().splitlines()) == len(tokens) + 1


def test_an_entry_says_who_when_why_and_for_how_many(folder, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "anne")
    key = read_secret(folder / "a.key")
    reveal(folder, asked(folder, tokens_of(folder, key)[:7]), reason="  Case 12: letters ")
    begun, ended = entries(folder)
    assert (begun["reason"], begun["asked"], begun["keys"], begun["sudo_user"]) == (
        "Case 12: letters", 7, [key.id], "anne",
    )  # fmt: skip
    assert {"at", "user", "host", "tokens_sha256", "archives", "output"} <= set(begun)
    assert (ended["of"], ended["outcome"], ended["found"]) == (1, "done", 7)
    assert stat.S_IMODE((folder / "a.key.audit.jsonl").stat().st_mode) == 0o600
    assert " anne as " in run("key", "audit", folder / "a.key.audit.jsonl").stdout


def test_no_cell_is_a_formula_to_a_spreadsheet(folder):
    names = ["=1+1", "+33", "-2", "@SUM", "plain"]
    lines = [
        f'u1 [02/Mar/2026:09:00:0{at} +0100] "GET /patients/{name}/rights HTTP/1.1" 200 500'
        for at, name in enumerate(names)
    ]
    (folder / "access.log").write_text("".join(f"203.0.113.7 - {line}\n" for line in lines))
    settings = folder / "any.yml"
    settings.write_text("portal: {subjects: [{path: '^/patients/([^/]+)'}]}\ninput: {format: common}\n")
    key = read_secret(folder / "a.key")
    tokens = Tokens(key).subjects(pl.Series(names)).to_list()
    reveal(folder, asked(folder, tokens), "--config", settings)
    written = rows(folder / "tokens.revealed.csv")
    assert [written[token][1] for token in tokens] == ["'=1+1", "'+33", "'-2", "'@SUM", "plain"]


@pytest.mark.parametrize("reason", ["", " \n", "the letter of 1 85 05 78 006 084", "for 185057800608436"])
def test_without_a_reason_or_with_an_identifier_in_it_nothing_is_done(folder, reason):
    reveal(folder, asked(folder, ["0" * 32]), reason=reason, code=2)
    assert sorted(os.listdir(folder)) == ["a.key", "access.log", "tokens.csv"]


def test_what_must_be_in_order_is_looked_at_before_anything_is_noted(folder):
    path = asked(folder, ["0" * 32])
    assert "Missing option '--reason'" in run("reveal", path, "--key", "x", "--from", "y", code=2).output
    reveal(folder, path, folder / "none.log", code=3)
    (folder / "tokens.revealed.csv").write_text("mine")
    assert "a new file is required" in reveal(folder, path, code=2).stderr
    assert (folder / "tokens.revealed.csv").read_text() == "mine"
    (folder / "a.key").chmod(0o644)
    assert "open to others" in reveal(folder, path, code=2).stderr
    assert not (folder / "a.key.audit.jsonl").exists()


def test_nothing_is_given_where_it_cannot_be_noted(folder):
    path = asked(folder, tokens_of(folder, read_secret(folder / "a.key")))
    (folder / "a.key.audit.jsonl").write_text("torn")
    assert "a.key.audit.jsonl:1: the audit log is broken: this line is cut off" in reveal(folder, path, code=2).stderr
    assert "cannot be written" in reveal(folder, path, "--audit", folder / "none" / "log", code=2).stderr
    assert "one that keeps what is written" in reveal(folder, path, "--audit", "/dev/null", code=2).stderr
    assert not (folder / "tokens.revealed.csv").exists()


def test_standard_output_only_when_it_is_asked_for(folder):
    path = asked(folder, tokens_of(folder, read_secret(folder / "a.key"))[:3])
    assert reveal(folder, path).stdout == ""
    assert len(reveal(folder, path, "--output", "-").stdout.splitlines()) == 4


class Stumbling(Telemetry):
    """Falls over in the midst of reading, with an identifier in what it says."""

    def __init__(self, fault: BaseException) -> None:
        super().__init__()
        self._fault = fault

    def observe_read(self, got) -> None:
        raise self._fault


@pytest.mark.parametrize(
    ("fault", "raised", "outcome"),
    [
        (ValueError("1850578006084"), DetectorError, "failed"),
        (pl.exceptions.ComputeError("1850578006084"), DetectorError, "failed"),
        (InputError("gone"), InputError, "failed"),
        (KeyboardInterrupt(), KeyboardInterrupt, "interrupted"),
    ],
)
def test_what_ends_early_leaves_no_file_and_shows_nobody(folder, fault, raised, outcome):
    key, log = read_secret(folder / "a.key"), folder / "a.key.audit.jsonl"
    request = Request(tokens=asked(folder, tokens_of(folder, key)), key=key, archives=(str(folder / "access.log"),),
                      reason="Case 12", output=folder / "out.csv", log=log, whose=())  # fmt: skip
    search = Search(request.archives, CONFIG.input, Stumbling(fault), lambda telemetry: None)
    with pytest.raises(raised) as seen:
        give(request, CONFIG, search, io.BytesIO())
    assert "1850578006084" not in str(seen.value)
    assert seen.value.__cause__ is None
    assert not (folder / "out.csv").exists()
    assert entries(folder)[1]["outcome"] == outcome


def test_a_service_that_ends_it_leaves_no_file(folder):
    path = asked(folder, tokens_of(folder, read_secret(folder / "a.key")))
    command = ["reveal", path, "--key", folder / "a.key", "--reason", "Case 12", "--from", "-"]
    process = subprocess.Popen(
        [sys.executable, "-m", "detector", *map(str, command)], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, deadline = folder / "tokens.revealed.csv", monotonic() + 60
    while not (out.exists() and out.stat().st_size) and monotonic() < deadline:
        sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr.decode()
    assert not out.exists()
    assert [one.get("outcome") for one in entries(folder)] == [None, "interrupted"]


def test_no_output_but_its_own_holds_an_identifier(folder):
    used = set[str]()
    written(random.Random(5), 400, used)
    path = asked(folder, tokens_of(folder, read_secret(folder / "a.key")))
    said = reveal(folder, path, "--log-level", "debug").output
    rotate_key(folder / "a.key")
    rekey = ["--key", folder / "a.key", "--from", folder / "access.log", "--output", folder / "r.csv"]
    said += run("key", "rekey", path, *rekey, "--log-level", "debug").output
    said += run("key", "audit", folder / "a.key.audit.jsonl").output
    mistaken = folder / "identifiers.csv"
    mistaken.write_text(SUBJECT + "\n" + "\n".join(sorted(used)) + "\n")
    said += reveal(folder, mistaken, code=3).output
    said += reveal(folder, folder / "access.log", code=3).output
    shown = {one.name: one.read_bytes() for one in folder.iterdir()}
    assert held(shown.pop("tokens.revealed.csv"), used)
    for name in ("access.log", "identifiers.csv"):
        del shown[name]
    assert {name: hit for name, body in {**shown, "said": said.encode()}.items() if (hit := held(body, used))} == {}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tokens_are_read_from_tables_and_lists(tmp_path, separator):
    tokens = [f"{number:032x}" for number in (5, 2**100, 3)]
    frame = pl.DataFrame({"account": "a", SUBJECT: [*tokens, tokens[0], None]})
    frame.write_csv(tmp_path / "a.csv", separator=separator)
    frame.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.txt").write_text("\n".join([*tokens, "", tokens[0] + " "]))
    for name in ("a.csv", "a.parquet", "a.txt"):
        read = read_tokens(tmp_path / name)
        assert sorted(pl.concat(read.unmet())[SUBJECT]) == sorted(tokens), name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{SUBJECT}\n{'a' * 32}\n1850578006084\n", "rows of something else: 1, the first is number 2"),
        ("1850578006084\n", "the first is number 1"),
        (f"{SUBJECT}\n", "no token is in it"),
        ("", "not a table of tokens"),
        (f"x{SUBJECT},b\n1850578006084,2\n", "a column portal.subject is required"),
        (f"{SUBJECT},b\n1850578006084,2,3,4\n", "the first is number 1"),
    ],
)
def test_what_is_no_list_of_tokens_is_said_without_showing_it(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError) as fault:
        read_tokens(tmp_path / "a.csv")
    assert said in str(fault.value)
    assert "1850578006084" not in str(fault.value)


token = st.builds(lambda high, low: f"{high:016x}{low:016x}", st.sampled_from([0, 7, 2**64 - 1]), st.integers(0, 3))


@given(st.lists(token, min_size=1), st.lists(st.lists(token, unique=True)))
def test_a_set_of_tokens_is_a_set(members, batches):
    tokens = TokenSet(pl.DataFrame({SUBJECT: members}).select(halves(pl.col(SUBJECT))))
    left = set(members)
    assert len(tokens) == len(left)
    for batch in batches:
        assert tokens.meet(pl.Series(batch, dtype=pl.String)).to_list() == [one in left for one in batch]
        left -= set(batch)
    assert {one for part in tokens.unmet() for one in part[SUBJECT]} == left


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.jsonl"
    for number in range(5):
        audit.append(path, {"action": "reveal_begun", "reason": f"case {number}\nof ₂", "asked": number})
    return path


def test_a_chain_that_is_whole_is_read_and_holds_its_hashes(log):
    chain = audit.check(log)
    assert [entry["seq"] for entry in chain.entries] == [1, 2, 3, 4, 5]
    assert json.loads(run("key", "audit", log, "-o", "json").stdout)["last"] == chain.last
    assert "5 entries, the chain is whole" in run("key", "audit", log, "--holds", chain.hashes[2]).stdout
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    assert "cut off or written anew" in run("key", "audit", log, "--holds", chain.hashes[2], code=2).stderr


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [lines[0].replace(b"case 0", b"case 9"), *lines[1:]], 2),
        (lambda lines: [*lines[:2], *lines[3:]], 3),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1),
        (lambda lines: lines[1:], 1),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4),
        (lambda lines: [*lines[:2], b"no json\n", *lines[2:]], 3),
        (lambda lines: [*lines[:2], b"[]\n", *lines[2:]], 3),
        (lambda lines: [*lines, lines[-1][:20]], 6),
    ],
)
def test_a_chain_that_is_broken_says_where_and_takes_no_more(log, change, line):
    log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))
    assert f"audit.jsonl:{line}: the audit log is broken" in run("key", "audit", log, code=2).stderr
    with pytest.raises(DetectorError, match=rf":{line}: the audit log is broken"):
        audit.append(log, {"action": "reveal_begun"})


def test_a_run_that_was_killed_is_seen_in_the_log(log):
    assert run("key", "audit", log).stdout.count("killed, or not ended yet") == 5
