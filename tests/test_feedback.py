"""A person's word is an input: at the same event time it leads to the same alerts, whatever cuts, kills or restarts."""

import json
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from detector import config
from detector.emit.sinks.file import FileSink
from detector.emit.verdicts import record
from detector.inquire.incidents import incidents
from detector.lab.simulate import simulate
from detector.pipeline import Pipeline
from detector.pipeline.archives import batch as read_archives
from detector.pipeline.live import tail

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A small portal; its log cut in two behind the first incidents, a quarter of a day or more before midnight."""
    folder = tmp_path_factory.mktemp("portal")
    simulate(folder, seed=77, accounts=10, days=4, attacks=("smash_and_grab", "viamedis", "swarm"), size=0.05)
    lines = (folder / "access.log").read_bytes().splitlines(keepends=True)
    at = len(lines) * 5 // 7
    (folder / "first.log").write_bytes(b"".join(lines[:at]))
    (folder / "second.log").write_bytes(b"".join(lines[at:]))
    return folder


def settings(portal):
    return config.load(portal / "detector.yml")


def run(portal, folder, work, kind=Pipeline):
    """Let a pipeline on the state in `folder` do `work`; return the ids of all alerts so far."""
    sink = FileSink(config.ToFile(path=folder / "alerts.jsonl"))
    try:
        work(kind(settings(portal), state=folder / "state", sinks=[sink]))
    finally:
        sink.close()
    return [json.loads(line) for line in (folder / "alerts.jsonl").read_bytes().splitlines()]


def batch(portal, folder, part, kind=Pipeline):
    return run(portal, folder, lambda pipeline: read_archives(pipeline, [portal / part]), kind)


def say(folder, action="benign", of=-1):
    """Say what the incident opened last was."""
    alerts = [json.loads(line) for line in (folder / "alerts.jsonl").read_bytes().splitlines()]
    opened = [one["portal"]["incident"]["id"] for one in alerts if one["portal"]["incident"]["state"] == "opened"]
    record(folder / "state", at=NOON, who="alice", incident=opened[of], action=action, note="tried")
    return opened[of]


def ids(alerts):
    return {alert["event"]["id"] for alert in alerts}


def of(alerts, incident):
    return [one["portal"]["incident"]["state"] for one in alerts if one["portal"]["incident"]["id"] == incident]


@pytest.fixture(scope="module")
def begun(portal, tmp_path_factory):
    """State and alerts behind the first batch: to be copied."""
    folder = tmp_path_factory.mktemp("begun")
    batch(portal, folder, "first.log")
    return folder


def copied(begun, folder):
    """A folder with the state and the alerts behind the first batch."""
    return shutil.copytree(begun, folder, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def silent(portal, begun, tmp_path_factory):
    """What two batches raise when nobody says a word."""
    return ids(batch(portal, copied(begun, tmp_path_factory.mktemp("silent")), "second.log"))


@pytest.fixture(scope="module")
def expected(portal, begun, silent, tmp_path_factory):
    """What two batches raise with a word between them."""
    folder = copied(begun, tmp_path_factory.mktemp("expected"))
    incident = say(folder)
    alerts = batch(portal, folder, "second.log")
    assert of(alerts, incident)[-1] == "closed"
    assert ids(alerts) != silent
    (word,) = next(one for one in incidents(folder / "state") if one.id == incident).words
    assert word.outcome.startswith("closed;")
    return ids(alerts)


def test_a_tail_raises_the_same(portal, expected, tmp_path):
    """It judges ahead what it holds, and takes that back: the word waits until it is judged again."""
    log = tmp_path / "access.log"

    def once(pipeline):
        tail(pipeline, [log], from_start=True, once=True)

    log.write_bytes((portal / "first.log").read_bytes())
    run(portal, tmp_path, once)
    say(tmp_path)
    run(portal, tmp_path, once)
    body = (portal / "second.log").read_bytes()
    for cut in (len(body) // 3, len(body)):
        with log.open("ab") as file:
            file.write(body[log.stat().st_size - (portal / "first.log").stat().st_size : cut])
        alerts = run(portal, tmp_path, once)
    assert ids(alerts) == expected


class Dying(Pipeline):
    """Dies when a word is taken up and not committed yet."""

    def put(self, alerts):
        raise SystemExit(9)


def test_killed_between_taking_a_word_up_and_the_commit_it_is_taken_up_again(portal, begun, expected, tmp_path):
    copied(begun, tmp_path)
    incident = say(tmp_path)
    with pytest.raises(SystemExit):
        batch(portal, tmp_path, "second.log", kind=Dying)
    (standing,) = [one for one in incidents(tmp_path / "state") if one.id == incident]
    assert (standing.status, standing.words[0].outcome) == ("acknowledged", None)
    assert ids(batch(portal, tmp_path, "second.log")) == expected


def test_killed_anywhere_behind_the_word_it_raises_the_same(portal, expected, tmp_path):
    """The real command, killed as it commits, its journal observed again at the next start."""
    log, told = tmp_path / "access.log", portal / "small.yml"
    told.write_text((portal / "detector.yml").read_text().replace("input:\n", "input:\n  chunk_bytes: 120000\n"))
    given = {"--config": told, "--state": tmp_path / "state", "--alerts": tmp_path / "alerts.jsonl"}
    command = [sys.executable, "-m", "detector", "tail", str(log), "--from-start", "--once", "--log-level", "debug"]
    command += [str(part) for pair in given.items() for part in pair]
    log.write_bytes((portal / "first.log").read_bytes())
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    say(tmp_path)
    with log.open("ab") as file:
        file.write((portal / "second.log").read_bytes())
    process = subprocess.Popen([one for one in command if one != "--once"], stderr=subprocess.PIPE)
    commits = (line for line in process.stderr if b"committed" in line)
    for _ in range(4):  # the first is that of the word itself
        next(commits)
    process.send_signal(signal.SIGKILL)
    process.stderr.close()
    assert process.wait() == -signal.SIGKILL
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    alerts = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_bytes().splitlines()]
    assert ids(alerts) == expected


def test_a_running_tail_takes_a_word_up_between_two_looks(portal, tmp_path):
    log, alerts = tmp_path / "access.log", tmp_path / "alerts.jsonl"
    log.write_bytes((portal / "first.log").read_bytes())
    given = {"--config": portal / "detector.yml", "--state": tmp_path / "state", "--alerts": alerts}
    command = [sys.executable, "-m", "detector", "tail", str(log), "--from-start", "--no-progress"]
    process = subprocess.Popen(command + [str(part) for pair in given.items() for part in pair])
    try:
        wait_for(lambda: alerts.exists() and b"opened" in alerts.read_bytes())
        incident = say(tmp_path, of=0)
        wait_for(lambda: b"closed as benign by alice" in alerts.read_bytes())
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert "closed" in of([json.loads(line) for line in alerts.read_bytes().splitlines()], incident)


def wait_for(true, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_confirmed_closes_nothing_and_nothing_of_it_is_learned(portal, begun, silent, tmp_path):
    copied(begun, tmp_path)
    incident = say(tmp_path, "confirmed")
    alerts = batch(portal, tmp_path, "second.log")
    assert ids(alerts) == silent
    (standing,) = [one for one in incidents(tmp_path / "state") if one.id == incident]
    assert standing.words[0].outcome.startswith("stays open, its account frozen until it is quiet")
    pipeline = Pipeline(settings(portal), state=tmp_path / "state")
    assert pipeline.detection.behaviour.withheld.of(standing.account) == []
    pipeline.checkpoint.close()
