"""Disks that take nothing: a run waits, says so, goes on by itself, and its alerts are those of a batch."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_batch import batch, ids
from tests.cli.test_tail import tail

WITHIN_S = 60.0


@pytest.fixture
def disk(tmp_path) -> Path:
    """A small file system of its own; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Take all room of a file system."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return ballast


def until(holds: Callable[[], bool], process: subprocess.Popen) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def said(path: Path, *words: str) -> bool:
    return all(word in path.read_text() for word in words)


def follow(log: Path, state: Path, alerts: Path, errors: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "detector", "tail", log, "--from-start", "--state", state, "--alerts", alerts]
    with errors.open("wb") as file:
        return subprocess.Popen([*map(str, command), "--log-level", "debug"], stderr=file)


def test_a_full_disk_stops_reading_until_there_is_room_and_loses_nothing(log, disk, tmp_path):
    lines, live = log.read_text().splitlines(keepends=True), tmp_path / "access.log"
    live.write_text("".join(lines[:600]))
    alerts, errors = tmp_path / "alerts.jsonl", tmp_path / "errors"
    process = follow(live, disk / "state", alerts, errors)
    try:
        until(lambda: said(errors, "committed"), process)
        ballast = fill(disk)
        with live.open("a") as file:
            file.writelines(lines[600:])
        until(lambda: said(errors, "nothing is read until the state can be written", "disk is full"), process)
        ballast.unlink()
        until(lambda: said(errors, "the state can be written again"), process)
        until(lambda: alerts.exists() and len(ids(alerts.read_text())) > 0, process)
        process.terminate()
        assert process.wait(timeout=WITHIN_S) == 0
    finally:
        process.kill()
    assert not said(errors, "Traceback")
    whole = ["tail", live, "--once", "--state", disk / "state", "--alerts", alerts]
    subprocess.run([sys.executable, "-m", "detector", *map(str, whole)], check=True, capture_output=True)
    assert set(ids(alerts.read_text())) == set(ids(batch(log).stdout))


def test_a_full_disk_ends_a_run_that_has_an_end_with_a_sentence(log, disk):
    first = ["tail", log, "--from-start", "--once", "--state", disk / "state", "--alerts", disk.parent / "alerts.jsonl"]
    fill(disk)
    command = [sys.executable, "-m", "detector", *map(str, first)]
    full = subprocess.run(command, capture_output=True, text=True, check=False)
    assert full.returncode in (2, 6), full.stderr
    assert "Traceback" not in full.stderr
    assert str(disk / "state") in full.stderr
    (disk / "ballast").unlink()
    subprocess.run(command, check=True, capture_output=True)
    assert set(ids((disk.parent / "alerts.jsonl").read_text())) == set(ids(batch(log).stdout))


def test_alerts_wait_for_room_on_their_own_disk_and_none_is_cut(log, disk, tmp_path):
    alerts, errors = disk / "alerts.jsonl", tmp_path / "errors"
    ballast = fill(disk)
    process = follow(log, tmp_path / "state", alerts, errors)
    try:
        until(lambda: said(errors, "sink fails", "No space left"), process)
        ballast.unlink()
        until(lambda: alerts.stat().st_size > 0 and said(errors, "sink is back"), process)
        process.terminate()
        assert process.wait(timeout=WITHIN_S) == 0
    finally:
        process.kill()
    subprocess.run(tail(log, tmp_path, "--once", "--alerts", str(alerts)), check=True, capture_output=True)
    assert set(ids(alerts.read_text())) == set(ids(batch(log).stdout))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_rejects_that_cannot_be_written_are_counted_and_detection_goes_on(log, tmp_path):
    done = subprocess.run(
        tail(log, tmp_path, "--from-start", "--once", "--rejects", "/dev/full"), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "rejects: not written: No space left on device" in done.stderr
    assert set(ids((tmp_path / "alerts.jsonl").read_text())) == set(ids(batch(log).stdout))
    figures = subprocess.run(tail(log, tmp_path, "--once", "--stats", "/dev/full"), capture_output=True, text=True)
    assert figures.returncode == 2
    assert figures.stderr.endswith("detector: /dev/full: cannot be written: No space left on device\n")


def test_a_state_that_may_not_be_written_is_refused_and_can_be_looked_into(log, disk):
    state = disk / "state"
    command = tail(log, disk, "--from-start", "--once")
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode in (2, 6), refused.stderr
    assert "Read-only file system" in refused.stderr
    assert "Traceback" not in refused.stderr
    for words in ("info", "verify"):
        asked = [sys.executable, "-m", "detector", "state", words, "--state", str(state)]
        looked = subprocess.run(asked, capture_output=True, text=True, check=False)
        assert looked.returncode == 0, looked.stderr
