"""Work through incidents in a terminal: list, show, acknowledge, close; each word is kept with who and when."""

import json
import shutil

import pytest
from click.testing import CliRunner

from detector.cli import main
from detector.emit.verdicts import read
from tests.cli.test_batch import batch


def call(*arguments, **environment):
    return CliRunner(env=environment).invoke(main, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def kept(log, tmp_path_factory):
    """A state with open incidents of u1."""
    folder = tmp_path_factory.mktemp("kept")
    assert batch(log, "--state", folder / "state", "--alerts", folder / "alerts.jsonl").exit_code == 0
    return folder / "state"


@pytest.fixture
def state(kept, tmp_path):
    return shutil.copytree(kept, tmp_path / "state")


@pytest.fixture
def incident(state):
    (one,) = told(state, "--account", "u1")
    return one["id"]


def told(state, *more):
    result = call("incidents", "--state", state, "-o", "json", *more)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_list_says_what_a_person_on_duty_needs(state, incident):
    (one,) = told(state)
    assert (one["status"], one["level"], one["account"]) == ("open", "critical", "u1")
    assert one["subjects_count"] > 900
    assert (one["verdict"], one["by"]) == (None, None)
    lines = call("incidents", "--state", state).stdout.splitlines()
    assert lines[0].split() == ["what", "status", "level", "about", "id", "since", "last", "verdict", "by", "persons"]
    assert incident in lines[1]
    assert one["message"] in lines[1]
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["--account", "u1"], 1),
        (["--account", "u2"], 0),
        (["--level", "critical"], 1),
        (["--status", "open"], 1),
        (["--status", "closed", "--status", "acknowledged"], 0),
        (["--since", "2026-03-05"], 1),
        (["--since", "2026-03-09"], 0),
    ],
)
def test_the_list_is_filtered(state, asked, found):
    assert len(told(state, *asked)) == found
    assert ("no incident" in call("incidents", "--state", state, *asked).stdout) == (not found)


def test_who_looks_into_it_is_kept_with_when_and_why(state, incident):
    said = call(
        "incidents", "acknowledge", incident[:6], "--note", "calling the practice", "--who", "alice", "--state", state
    )
    assert said.exit_code == 0, said.output
    (word,) = read(state)
    assert (word.who, word.incident, word.action, word.note) == (
        "alice",
        incident,
        "acknowledge",
        "calling the practice",
    )
    assert (told(state)[0]["status"], told(state)[0]["by"]) == ("acknowledged", "alice")
    shown = call("incidents", "show", incident[:6], "--state", state).stdout
    assert f"{word.at}  acknowledge  alice: calling the practice" in shown


@pytest.mark.parametrize("command", [["feedback"], ["incidents", "close"]])
def test_a_word_on_what_it_was_takes_effect_with_the_next_run(state, incident, log, command):
    said = call(*command, incident, "benign", "--note", "a bulk import", "--who", "alice", "--state", state)
    assert said.exit_code == 0, said.output
    assert "not taken up yet" in call("incidents", "show", incident, "--state", state).stdout
    alerts = state.parent / "alerts.jsonl"
    assert batch("/dev/null", "--state", state, "--alerts", alerts).exit_code == 0
    closed = json.loads(alerts.read_text("utf-8").splitlines()[-1])
    assert closed["portal"]["incident"] == {"id": incident, "state": "closed"}
    assert "closed as benign by alice" in closed["message"]
    assert "bulk import" not in alerts.read_text("utf-8")
    assert told(state)[0]["status"] == "closed"
    shown = json.loads(call("incidents", "show", incident, "--state", state, "-o", "json").stdout)
    assert shown["words"][0]["outcome"].startswith("closed;")
    assert shown["alerts"][-1]["state"] == "closed"
    assert "taken up at" in call("incidents", "show", incident, "--state", state).stdout


def test_a_word_that_overrules_says_so(state, incident):
    call("feedback", incident, "benign", "--note", "a bulk import", "--who", "alice", "--state", state)
    said = call("feedback", incident, "confirmed", "--note", "it was none", "--who", "bob", "--state", state)
    assert "it overrules: benign, alice" in said.stdout
    again = call("feedback", incident, "benign", "--note", "it was", "--who", "eve", "--state", state, "-o", "json")
    kept = json.loads(again.stdout)
    assert (kept["incident"], kept["about"], kept["action"], kept["who"]) == (incident, "u1", "benign", "eve")
    assert kept["remarks"][0].startswith("it overrules: confirmed, bob")
    assert [one.action for one in read(state)] == ["benign", "confirmed", "benign"]


@pytest.mark.parametrize("command", ["feedback", "show"])
def test_an_id_that_is_not_known_is_refused_with_those_that_are_open(state, incident, command):
    more = ["benign", "--note", "x"] if command == "feedback" else []
    asked = ["feedback", "nope", *more] if command == "feedback" else ["incidents", "show", "nope"]
    said = call(*asked, "--state", state)
    assert said.exit_code == 2
    assert f"no incident 'nope' in this state; open are:\n  {incident}  critical  u1" in said.stderr
    assert read(state) == []


def test_a_word_needs_a_why(state, incident):
    assert call("feedback", incident, "benign", "--state", state).exit_code == 2
    said = call("feedback", incident, "benign", "--note", " ", "--state", state)
    assert said.exit_code == 2
    assert "--note is empty" in said.stderr


def test_a_folder_without_a_state_is_named(tmp_path):
    said = call("incidents", "--state", tmp_path)
    assert said.exit_code == 2
    assert "no state is there" in said.stderr
    assert "Missing option '--state'" in call("incidents").stderr
