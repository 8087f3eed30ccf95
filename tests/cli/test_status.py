"""`detector status`: beside a run, after it, and where there was none; its exit code is for cron."""

import fcntl
import json
import os
import stat
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from detector import clock, config
from detector.cli import main
from detector.pipeline import Pipeline
from detector.pipeline.live import tail
from detector.pipeline.watching.figures import Figures
from detector.pipeline.watching.watch import FILE


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("status")
    log = folder / "access.log"
    line = '192.0.2.1 - u1 [02/Mar/2026:10:00:00 +0000] "GET /news HTTP/1.1" 200 812 "-" "Mozilla/5.0 (X11)"\n'
    log.write_text(20 * line + "no line of a log\n", "utf-8")
    tail(Pipeline(config.load(None), state=folder / "state"), [log], from_start=True, once=True)
    return folder / "state"


def status(state, *more):
    return CliRunner().invoke(main, ["status", "--state", str(state), *more])


@contextmanager
def running(state, holder=None, **changes):
    """A detector that holds the state, with figures of now; or another process does."""
    path = state / FILE
    before, now = path.read_text("utf-8"), clock.now()
    figures = replace(Figures.from_json(before), ended=False, written=now, **changes)
    path.write_text(figures.as_json(), "utf-8")
    with (state / "lock").open("rb+", buffering=0) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(str(holder or figures.pid).encode())
        yield
    path.write_text(before, "utf-8")


def test_after_the_end_it_says_so_and_what_there_was(state):
    said = status(state)
    assert said.exit_code == 1
    assert "NOT RUNNING" in said.stdout
    assert "start it" in said.stdout
    assert "21; 1 not read, 0 late" in said.stdout
    assert "\x1b" not in said.stdout


def test_beside_a_run_that_is_well(state):
    with running(state):
        said, told = status(state), json.loads(status(state, "-o", "json").stdout)
    assert said.exit_code == 0
    assert said.stdout.startswith("healthy, running since")
    assert (told["running"], told["healthy"], told["concerns"]) == (True, True, [])
    assert told["figures"]["lines"] == 21


def test_beside_a_run_that_stands_still(state):
    with running(state):
        old = Figures.from_json((state / FILE).read_text("utf-8"))
        (state / FILE).write_text(replace(old, written=clock.now() - timedelta(hours=1)).as_json(), "utf-8")
        said = status(state)
    assert said.exit_code == 1
    assert "UNHEALTHY" in said.stdout
    assert "no turn of the loop for" in said.stdout


def test_a_run_that_was_killed_is_not_taken_for_one_that_runs(state):
    with running(state):
        killed = (state / FILE).read_text("utf-8")
    before = (state / FILE).read_text("utf-8")
    (state / FILE).write_text(killed, "utf-8")
    said = status(state)
    (state / FILE).write_text(before, "utf-8")
    assert said.exit_code == 1
    assert "was killed" in said.stdout


def test_another_process_on_the_state_is_not_taken_for_the_run_that_was_killed(state):
    with running(state, holder=1):
        said = status(state)
    assert said.exit_code == 1
    assert "NOT RUNNING" in said.stdout
    assert "process 1 holds the state" in " ".join(said.stdout.split())


def test_a_clock_that_was_set_back_gives_no_negative_spans(state):
    with running(state, began=clock.now() + timedelta(days=400)):
        assert "(0 s)" in status(state).stdout


@pytest.mark.parametrize("content", [None, "{", '{"lines": 3}'])
def test_where_nothing_can_be_told(tmp_path, content):
    if content is not None:
        (tmp_path / FILE).write_text(content, "utf-8")
    said = status(tmp_path)
    assert said.exit_code == 3
    assert str(tmp_path) in said.stderr


def test_the_file_is_for_its_owners_eyes(state):
    assert stat.S_IMODE(os.stat(state / FILE).st_mode) == 0o600
    told = (state / FILE).read_text("utf-8")
    assert "192.0.2.1" not in told
    assert "u1" not in told
