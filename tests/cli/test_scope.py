"""`detector scope` as it is called: what it prints and writes, what it refuses, and nobody's identifier in it."""

import json
import re

import polars as pl
import pytest
from click.testing import CliRunner

from detector.cli import main
from detector.config import load
from detector.inquire.scope.asked import Asked
from detector.inquire.scope.finding import from_json
from detector.inquire.scope.scoping import Scoping

KEY = "a key for the tests of scope"
PERSONS = [f"18505780060{n:02d}" for n in range(40)]


HOME = ("192.0.2.7", "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0")
ELSEWHERE = ("203.0.113.9", "curl/8.9")


def line(n: int, second: int, request: str, status: int) -> str:
    ip, agent = HOME if n < 30 else ELSEWHERE
    at = f"{2 + n // 10:02d}/Mar/2026:09:{n:02d}:{second:02d} +0000"
    return f'{ip} - dr.who [{at}] "{request} HTTP/1.1" {status} 812 "-" "{agent}"\n'


@pytest.fixture
def log(tmp_path):
    """Forty records by one account, with claims from home; the last ten from elsewhere by a program, without."""
    path = tmp_path / "access.log"
    with path.open("w") as out:
        for n, person in enumerate(PERSONS):
            out.write(line(n, 0, f"GET /patients/{person}/rights", 200))
            if n < 30:
                out.write(line(n, 30, "POST /claims", 201))
    return path


def scope(*arguments, key=KEY):
    return CliRunner().invoke(main, ["scope", *map(str, arguments)], env={"PORTAL_DETECTOR_KEY": key})


def test_it_tells_both_counts_in_words(log):
    told = scope("--account", "dr.who", log)
    assert told.exit_code == 0, told.output
    assert "40 insured persons displayed in all, by 70 requests" in told.stdout
    assert re.search(r"to the attacker: +10 insured persons", told.stdout)
    assert re.search(r"to the account's owner: +30 insured persons", told.stdout)
    assert "coverage: 10" in told.stdout
    assert "by a program" in told.stdout


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_it_writes_the_finding_and_the_tokens_and_nobodys_identifier(log, tmp_path, suffix):
    output = tmp_path / f"persons.{suffix}"
    told = scope("--account", "dr.who", "-o", "json", "--output", output, "--every-line", log)
    found = from_json(told.stdout, where="stdout")
    assert found.subjects.attacker_count == 10
    assert found.key_id
    assert found.others == ()
    table = pl.read_csv(output) if suffix == "csv" else pl.read_parquet(output)
    assert table.filter(pl.col("whose") == "attacker").height == 10
    assert table["portal.subject"].str.contains("^[0-9a-f]{32}$").all()
    assert output.stat().st_mode & 0o077 == 0
    written = told.output.encode() + output.read_bytes() + table.write_ndjson().encode()
    assert not any(person.encode() in written for person in PERSONS)


def test_without_a_key_it_says_that_the_tokens_are_of_this_run(log):
    told = scope("--account", "dr.who", "-o", "json", log, key="")
    assert from_json(told.stdout, where="stdout").key_id is None
    assert "No key is configured" in told.stderr


def test_an_account_that_is_not_there_is_no_failure(log):
    told = scope("--account", "nobody", log)
    assert told.exit_code == 0
    assert "No request of what was asked for is in the archives" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["access.log"], 2, "required: --account, --session, --address or --incident"),
        (["--account", "a", "--output", "x.txt", "access.log"], 2, "ends in .csv or .parquet"),
        (["--address", "home", "access.log"], 2, "'home' is no address"),
        (["--incident", "abc", "access.log"], 2, "--incident needs --state"),
        (["--incident", "abc", "--state", "none", "access.log"], 2, "no state is there"),
        (["--account", "a", "missing.log"], 3, "no such file"),
        (["--account", "a", "--since", "2026-03-02", "--until", "2026-03-01", "access.log"], 2, "is not before"),
        (["--account", "a", "--scratch", "/nowhere/at/all", "access.log"], 2, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_exit_code(log, monkeypatch, arguments, code, said):
    monkeypatch.chdir(log.parent)
    told = scope(*arguments)
    assert told.exit_code == code
    assert said in told.output


def test_a_scope_that_fails_leaves_the_list_that_is_there(log, tmp_path):
    persons = tmp_path / "persons.csv"
    scope("--account", "dr.who", "--output", persons, log)
    before = persons.read_bytes()
    failed = CliRunner().invoke(
        main, ["scope", "--account", "dr.who", "--output", str(persons), str(tmp_path / "none.log")]
    )
    assert failed.exit_code == 3, failed.output
    assert persons.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if "persons" in one.name] == ["persons.csv"]


def test_an_incident_gives_its_accounts_and_the_addresses_that_raised_it(log, tmp_path):
    config = tmp_path / "detector.yml"
    config.write_text("rules: {min_level: low}\n", "utf-8")
    state, alerts = tmp_path / "state", tmp_path / "alerts.jsonl"
    ran = CliRunner().invoke(
        main, ["batch", str(log), "--state", str(state), "--alerts", str(alerts), "--config", str(config)],
        env={"PORTAL_DETECTOR_KEY": ""},
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    told = [json.loads(line) for line in alerts.read_text("utf-8").splitlines()]
    incident = next(one["portal"]["incident"]["id"] for one in told if one["user"]["name"] == "dr.who")
    got = scope("--incident", incident[:12], "--state", state, "-o", "json", log, key="")
    found = from_json(got.stdout, where="stdout")
    assert found.incident == incident
    assert "dr.who" in found.accounts
    assert found.key_id is not None  # the key kept beside the state
    assert found.subjects.attacker_count == 10


def test_an_alert_from_the_owners_own_place_does_not_make_all_work_there_the_attackers(log, tmp_path, monkeypatch):
    monkeypatch.setenv("PORTAL_DETECTOR_KEY", KEY)
    asked = Asked(accounts=frozenset({"dr.who"}), suspect=frozenset({HOME[0]}))
    folder = tmp_path / "scratch"
    folder.mkdir()
    found = Scoping([log], load(None), asked, folder).find()
    assert (found.subjects.attacker_count, found.subjects.owner_count) == (10, 30)
