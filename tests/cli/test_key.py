import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from detector.cli import main
from detector.cli.key import NAMES

AGAIN = re.compile(rb"1852(\d{10})")
LINE = '192.0.2.1 - u1 [02/Mar/2026:09:15:01 +0100] "GET /patients/1850578123450/rights HTTP/1.1" 200 812 "-" "x"'

pytestmark = pytest.mark.usefixtures("no_key")


@pytest.fixture
def no_key(monkeypatch) -> None:
    monkeypatch.delenv("PORTAL_DETECTOR_KEY", raising=False)


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result


def tail(folder: Path, *more: object, code: int = 0) -> str:
    asked = ["--state", folder / "state", "--alerts", folder / "alerts.jsonl", "--from-start", "--once", *more]
    return run("tail", folder / "access.log", *asked, code=code).stderr


def parted(log: Path, folder: Path, between) -> str:
    """Read a log that comes in two parts, with something done between, and return what was said of the second.

    One account reads the same 200 files again and again, in both parts: known again, they are fewer than rules ask for.
    """
    folder.mkdir()
    known = AGAIN.sub(lambda found: b"1852%010d" % (int(found[1]) % 200), log.read_bytes())
    lines = known.splitlines(keepends=True)
    (folder / "access.log").write_bytes(b"".join(lines[:700]))
    assert "WARNING: The state" not in tail(folder)
    between(folder / "state" / "subject.key")
    with (folder / "access.log").open("ab") as file:
        file.writelines(lines[700:])
    return tail(folder)


def alerts(folder: Path) -> list[str]:
    lines = [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]
    return sorted(json.dumps(line | {"event": line["event"] | {"created": ""}}) for line in lines)


def rotated(key: Path) -> None:
    assert "the current one" in run("key", "check", key, "--state", key.parent).stdout
    run("key", "rotate", key)
    assert "a former one" in run("key", "check", key, "--state", key.parent).stdout
    key.chmod(0o644)


def test_a_rotation_is_told_and_changes_no_alert(log, tmp_path):
    said = parted(log, tmp_path / "one", rotated)
    assert "WARNING: The state goes on under key" in said
    assert "the key is open to others (mode 0644" in said
    parted(log, tmp_path / "two", lambda key: None)
    assert alerts(tmp_path / "one") == alerts(tmp_path / "two") != []


def test_a_program_is_told_which_key_is_current(tmp_path):
    made = json.loads(run("key", "new", tmp_path / "subject.key", "-o", "json").stdout)["key"]
    rotated = json.loads(run("key", "rotate", tmp_path / "subject.key", "-o", "json").stdout)
    assert rotated["former"] == [made] != [rotated["key"]]


def test_a_state_refuses_a_key_that_its_tokens_are_not_of(tmp_path):
    with_lines = tmp_path / "access.log"
    with_lines.write_text(LINE + "\n")
    tail(tmp_path)
    run("key", "new", tmp_path / "other.key")
    (tmp_path / "c.yml").write_text("portal: {key: {file: other.key}}\n")
    before = (tmp_path / "state" / "state.sqlite").read_bytes()
    assert "nobody in its memory could be known again" in tail(tmp_path, "--config", tmp_path / "c.yml", code=2)
    assert (tmp_path / "state" / "state.sqlite").read_bytes() == before
    check = ["key", "check", tmp_path / "other.key", "--state", tmp_path / "state"]
    assert "the state's tokens are of key" in run(*check, code=2).stderr
    told = json.loads(run(*check, "-o", "json", code=2).stdout)
    assert told["state_key"] != told["keys"][0]["id"]
    assert told["keys"][0]["current"] is True


def test_a_key_that_others_can_read_is_warned_of_and_fails_the_check(tmp_path):
    (tmp_path / "access.log").write_text(LINE + "\n")
    run("key", "new", tmp_path / "a.key")
    (tmp_path / "c.yml").write_text("portal: {key: {file: a.key}}\n")
    parse = ["parse", tmp_path / "access.log", "--config", tmp_path / "c.yml"]
    assert "open to others" not in run(*parse).stderr
    os.chmod(tmp_path / "a.key", 0o644)
    assert "the key is open to others (mode 0644" in run(*parse).stderr
    assert "open to others" in run("key", "check", tmp_path / "a.key", code=2).stderr
    assert "note: " + str(tmp_path / "a.key") in run("check", "--config", tmp_path / "c.yml").stderr


def test_no_command_shows_a_key(tmp_path):
    path = tmp_path / "a.key"
    said = run("key", "new", path).output + run("key", "rotate", path).output + run("key", "check", path).output
    keys = [line.split()[2] for line in path.read_text().splitlines()[3:]]
    assert len(keys) == 2
    assert [key for key in keys if key in said] == []
    assert [key for key in keys if len([line for line in said.splitlines() if key[:8] in line])] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_an_example(name):
    assert f"detector key {name} " in run("key", name, "--help").output.split("Example")[1]
