"""`detector tail` as a process: one that is stopped, one that ends by itself. What it reads is tried in collect."""

import json
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tests.cli.in_process import delivered, tail, tailed
from tests.cli.test_batch import ids


def test_once_from_the_start_says_what_batch_says_and_a_second_look_repeats_nothing(log, tmp_path, expected):
    done = subprocess.run(tail(log, tmp_path, "--from-start", "--once"), capture_output=True, text=True, check=True)
    assert "1 incident opened" in done.stderr
    assert tailed(log, tmp_path, "--from-start").exit_code == 0
    assert sorted(ids((tmp_path / "alerts.jsonl").read_text())) == sorted(expected)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean_and_the_next_run_goes_on(log, tmp_path, expected, stop):
    lines = log.read_text().splitlines(keepends=True)
    live = tmp_path / "access.log"
    live.write_text("".join(lines[:900]))
    process = subprocess.Popen(tail(live, tmp_path, "--from-start", "--log-level", "info"), stderr=subprocess.PIPE)
    guard = threading.Timer(60, process.kill)  # a test must not hang where the program does
    guard.start()
    while b"format taken" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(stop)
    _, said = process.communicate()
    guard.cancel()
    assert process.returncode == 0, said.decode()
    assert b"Traceback" not in said
    with live.open("a") as file:
        file.writelines(lines[900:])
    assert tailed(live, tmp_path, "--from-start").exit_code == 0
    accounts = [json.loads(line)["user"]["name"] for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert set(accounts) == {"u1"}
    assert delivered(tmp_path) == expected


def test_idle_exit(log, tmp_path):
    done = tailed(log, tmp_path, "--idle-exit", "0.1")
    assert done.exit_code == 0
    assert "0 lines" in done.stderr  # a log that is there already is followed from its end


def test_standard_input_is_judged_to_its_end(log, tmp_path, expected):
    with log.open("rb") as lines:
        done = subprocess.run(tail(Path("-"), tmp_path), stdin=lines, capture_output=True, text=True, check=True)
    assert delivered(tmp_path) == expected
    assert "1 incident opened" in done.stderr


def test_a_path_where_nothing_is_yet_is_named_once(tmp_path):
    done = tailed(tmp_path / "later.log", tmp_path, "--idle-exit", "0.6")
    assert done.exit_code == 0
    assert done.stderr.count("it is waited for") == done.stderr.count("later.log") == 1


def test_nothing_to_read_at_once_is_a_fault(tmp_path):
    done = tailed(tmp_path / "mistyped.log", tmp_path)
    assert done.exit_code == 3
    assert "mistyped.log: nothing is there to read" in done.stderr


def test_a_span_in_which_nothing_lies_is_refused(log, tmp_path):
    span = ("--since", "2026-03-05", "--until", "2026-03-05")
    done = tailed(log, tmp_path, *span)
    assert done.exit_code == 2
    assert "--since 2026-03-05 00:00:00 is not before --until" in done.stderr
    assert not (tmp_path / "alerts.jsonl").exists()
