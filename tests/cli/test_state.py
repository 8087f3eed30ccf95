"""`detector state`: look into it, find what is damaged, copy it while it is written, erase from it."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detector.checkpoint import Checkpoint
from detector.cli import main
from tests.cli.test_batch import batch, ids
from tests.cli.test_tail import tail


def state_command(*words: str) -> Result:
    return CliRunner().invoke(main, ["state", *map(str, words)])


@pytest.fixture(scope="module")
def made(log, tmp_path_factory) -> Path:
    """A state that has read most of the log, in two runs: it has a journal as well."""
    folder = tmp_path_factory.mktemp("made")
    live, lines = folder / "access.log", log.read_text().splitlines(keepends=True)
    live.write_text("".join(lines[:1000]))
    subprocess.run(tail(live, folder, "--from-start", "--once"), capture_output=True, check=True)
    return folder


@pytest.fixture
def state(made, tmp_path) -> Path:
    return Path(shutil.copytree(made / "state", tmp_path / "state"))


def test_info_tells_what_is_there_beside_a_detector(made, state):
    with closing(Checkpoint(state)):
        told = json.loads(state_command("info", "--state", state, "-o", "json").output)
        text = state_command("info", "--state", state).output
    assert told["versions"]["schema"] == "3"
    assert told["accounts"] == 3
    assert told["reading"] == [{"stream": str(made / "access.log"), "path": str(made / "access.log"),
                                "offset": (made / "access.log").stat().st_size}]  # fmt: skip
    assert told["first_day"] == "2026-03-02"
    assert told["tables"]["outbox"][0] == told["alerts"] > 0
    assert told["files"]["state.sqlite"] > 100_000
    assert told["sinks"][0]["pending"] == 0
    assert "365 days (state.retain_days)" in text


def test_a_state_that_is_whole_says_so_also_beside_a_detector(state):
    with closing(Checkpoint(state)):
        result = state_command("verify", "--state", state)
    assert (result.exit_code, result.output) == (0, f"{state}: whole\n")


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def flip_in_a_part(path: Path) -> None:
    """One bit of the greatest part of the snapshot: SQLite itself cannot see it."""
    with closing(sqlite3.connect(path)) as database, database:
        ((name, body),) = database.execute("SELECT name, body FROM snapshot ORDER BY length(body) DESC LIMIT 1")
        middle = len(body) // 2
        changed = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        database.execute("UPDATE snapshot SET body = ? WHERE name = ?", (changed, name))


def flip_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 16384, 3):
            file.seek(page * 16384)
            file.write(os.urandom(2000))


def lose_a_part(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM snapshot WHERE name = 'Sessions/sessions'")


DAMAGES = [truncate, overwrite, flip_in_a_part, flip_a_page, lose_a_part]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_a_detector_refuses_it(state, made, damage, tmp_path):
    damage(state / "state.sqlite")
    found = state_command("verify", "--state", state)
    assert found.exit_code == 3, found.output
    assert str(state / "state.sqlite") in found.output
    begun = subprocess.run(
        tail(made / "access.log", tmp_path, "--once"), capture_output=True, text=True, check=False, timeout=60
    )
    assert begun.returncode == 2, begun.stderr
    assert "Traceback" not in begun.stderr
    assert "detector state verify" in begun.stderr


def test_every_other_fault_is_listed_too(state, tmp_path):
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        database.execute("UPDATE outbox_size SET bytes = 1")
        database.execute("UPDATE activity SET hours = zeroblob(30)")
        database.execute("UPDATE memory SET numbers = '{' WHERE key = 'u1'")
        database.execute("UPDATE outbox SET body = '{}' WHERE seq = 1")
    (state / "delivery.sqlite").chmod(0o644)
    (state / "subject.key").unlink()
    assert CliRunner().invoke(main, ["key", "new", str(state / "subject.key")]).exit_code == 0
    result = state_command("verify", "--state", state, "-o", "json")
    assert result.exit_code == 3
    told = "\n".join(json.loads(result.stdout)["faults"])
    wanted = ("outbox: ", "activity 7", "memory account u1", "outbox 1: ", "open to others (mode 0644", "are of key")
    assert [words for words in wanted if words not in told] == []


def test_nothing_there_is_named(tmp_path):
    for words in (["info"], ["verify"], ["backup", str(tmp_path / "to")], ["forget", "u1", "--reason", "r", "--yes"]):
        result = state_command(*words, "--state", tmp_path / "none")
        assert result.exit_code in (2, 3), words
        assert "no state is there" in result.output
        assert not (tmp_path / "none").exists()


def test_a_copy_made_while_tail_runs_goes_on_where_it_was_made(log, tmp_path):
    lines, live = log.read_text().splitlines(keepends=True), tmp_path / "access.log"
    live.write_text("".join(lines[:900]))
    process = subprocess.Popen(tail(live, tmp_path, "--from-start", "--log-level", "debug"), stderr=subprocess.PIPE)
    try:
        while b"committed" not in process.stderr.readline():
            assert process.poll() is None
        made = state_command("backup", tmp_path / "copy", "--state", tmp_path / "state", "--with-key")
        assert made.exit_code == 0, made.output
        with live.open("a") as file:
            file.writelines(lines[900:])
        process.terminate()
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "copy").iterdir()} == {0o600}
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "copy").rename(tmp_path / "state")
    subprocess.run(tail(live, tmp_path, "--from-start", "--once"), capture_output=True, check=True)
    assert set(ids((tmp_path / "alerts.jsonl").read_text())) == set(ids(batch(log).stdout))


def test_a_copy_without_the_key_has_none_and_nothing_is_copied_over(state, tmp_path):
    assert state_command("backup", tmp_path / "copy", "--state", state).exit_code == 0
    assert not (tmp_path / "copy" / "subject.key").exists()
    again = state_command("backup", tmp_path / "copy", "--state", state)
    assert again.exit_code == 2
    assert "a new folder is required" in again.output


def everything(folder: Path) -> bytes:
    """Return the bytes of all files, and of all that is packed in the state."""
    plain = b"".join(path.read_bytes() for path in folder.iterdir())
    from detector.context import frames

    with closing(sqlite3.connect(folder / "state.sqlite")) as database:
        for table in ("snapshot", "journal"):
            for (body,) in database.execute(f"SELECT body FROM {table}"):
                plain += frames.unpack(body).write_ndjson().encode() if body.startswith(b"ARROW1") else body
        for hours, places in database.execute("SELECT hours, places FROM activity"):
            plain += frames.unpack(hours).write_ndjson().encode() + frames.unpack(places).write_ndjson().encode()
        for (pairs,) in database.execute("SELECT pairs FROM tenants"):
            plain += frames.unpack(pairs).write_ndjson().encode()
    return plain


@pytest.fixture(scope="module")
def named(tmp_path_factory, log) -> Path:
    """A state of accounts with names that no byte sequence has by chance."""
    folder = tmp_path_factory.mktemp("named")
    text = log.read_text()
    for number in range(3):
        text = text.replace(f" u{number} [", f" holder-of-{number} [")
    (folder / "access.log").write_text(text)
    subprocess.run(tail(folder / "access.log", folder, "--from-start", "--once"), capture_output=True, check=True)
    return folder


def test_an_account_that_is_forgotten_leaves_no_byte(named, tmp_path):
    state = Path(shutil.copytree(named / "state", tmp_path / "state"))
    subprocess.run(
        [sys.executable, "-m", "detector", "feedback", _incident(state), "confirmed",
         "--note", "holder-of-1 was phished, not holder-of-10", "--state", str(state)],
        check=True, capture_output=True,
    )  # fmt: skip
    assert b'holder-of-1"' in everything(state)
    done = state_command("forget", "holder-of-1", "--reason", "case 7", "--yes", "--state", state)
    assert done.exit_code == 0, done.output
    left = everything(state).replace(b"holder-of-10", b"")
    assert b"holder-of-1" not in left
    assert b"holder-of-0" in left
    note = json.loads((state / "erasures.jsonl").read_text())
    assert (note["action"], note["what"], note["reason"]) == ("erased", "account", "case 7")
    assert state_command("verify", "--state", state).exit_code == 0
    again = state_command("forget", "holder-of-1", "--reason", "case 7", "--yes", "--state", state)
    assert again.exit_code == 3
    assert "near it: holder-of-2, holder-of-0" in again.output
    with (tmp_path / "access.log").open("w") as file:
        file.write((named / "access.log").read_text())
    subprocess.run(tail(tmp_path / "access.log", tmp_path, "--once"), capture_output=True, check=True)


def _incident(state: Path) -> str:
    told = CliRunner().invoke(main, ["incidents", "--state", str(state), "-o", "json"]).output
    return json.loads(told)[0]["id"]


def test_a_person_that_is_forgotten_leaves_no_byte(named, tmp_path):
    state = Path(shutil.copytree(named / "state", tmp_path / "state"))
    lines = (named / "access.log").read_text().splitlines(keepends=True)
    (tmp_path / "access.log").write_text(lines[0])
    parsed = CliRunner().invoke(main, ["parse", str(tmp_path / "access.log")], env={"PORTAL_DETECTOR_KEY": _key(state)})
    token = json.loads(parsed.stdout.splitlines()[0])["portal.subject"]
    before = everything(state)
    done = state_command("forget", "--subject", token, "--reason", "request 31", "--yes", "--state", state)
    assert done.exit_code == 0, done.output + str(token.encode() in before)
    assert token.encode() not in everything(state)
    assert state_command("verify", "--state", state).exit_code == 0


def _key(state: Path) -> str:
    return (state / "subject.key").read_text().split()[-1]


def test_nobody_is_forgotten_beside_a_detector_nor_with_alerts_on_their_way(named, tmp_path):
    state = Path(shutil.copytree(named / "state", tmp_path / "state"))
    asked = ("forget", "holder-of-1", "--reason", "case 7", "--yes", "--state", state)
    with closing(Checkpoint(state)):
        held = state_command(*asked)
    assert held.exit_code == 4
    assert "held by another detector" in held.output
    with closing(sqlite3.connect(state / "delivery.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE sink SET upto = 0")
    waiting = state_command(*asked)
    assert waiting.exit_code == 2
    assert "alerts that name them wait" in waiting.output
    named_reason = state_command("forget", "holder-of-1", "--reason", "holder-of-1", "--yes", "--state", state)
    assert named_reason.exit_code == 2


@pytest.fixture
def older(state) -> Path:
    """As version 2 had it: no checksums, no days of accounts, models of another kind."""
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        database.execute("UPDATE meta SET value = '2' WHERE name = 'schema'")
        database.execute("UPDATE memory SET numbers = '{}'")
        for table in ("checksum", "seen"):
            database.execute(f"DROP TABLE {table}")
    return state


def test_an_older_state_keeps_what_holds_no_model_where_somebody_says_so(older, log, made, tmp_path):
    refused = state_command("migrate", "--state", older)
    assert refused.exit_code == 2
    assert "what was learned of 3 accounts" in refused.output
    began = subprocess.run(tail(log, tmp_path, "--once"), capture_output=True, text=True, check=False)
    assert began.returncode == 2
    assert "version 2, required 3" in began.stderr
    assert "detector state migrate" in began.stderr
    key = _key(older)
    done = state_command("migrate", "--state", older, "--forget-memory")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "state.version-2" / "state.sqlite").stat().st_mode & 0o777 == 0o600
    assert state_command("verify", "--state", older).exit_code == 0
    told = json.loads(state_command("info", "--state", older, "-o", "json").output)
    assert (told["accounts"], told["versions"]["schema"]) == (0, "3")
    assert told["reading"][0]["offset"] == (made / "access.log").stat().st_size
    assert told["alerts"] > 0
    assert _key(older) == key
    again = state_command("migrate", "--state", older)
    assert (again.exit_code, "nothing to do" in again.output) == (0, True)
    followed = subprocess.run(
        tail(made / "access.log", tmp_path, "--once"), capture_output=True, text=True, check=True, timeout=60
    )
    assert "0 late" in followed.stderr


def test_a_newer_state_is_refused_by_name(state, log, tmp_path):
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        database.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    for result in (state_command("migrate", "--state", state), state_command("info", "--state", state)):
        assert result.exit_code == 2
        assert "state of version 99" in result.output
        assert "made by a newer version" in result.output
