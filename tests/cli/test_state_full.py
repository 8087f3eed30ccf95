"""Disks that take nothing: a run waits, says so, goes on by itself, and its alerts are those of a batch."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from detector import clock, config
from detector.emit.sinks.file import FileSink
from detector.pipeline import Pipeline
from detector.pipeline.live import tail as follow_live
from detector.pipeline.service import Service, StoppedError
from detector.pipeline.watching import watch as watching
from detector.telemetry import Telemetry
from tests.cli.in_process import delivered, state_command, tail, tailed

WITHIN_S = 60.0


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
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


class Course(Service):
    """What befalls a run while it rests: each step once what it waits for has come about; then it is stopped."""

    def __init__(self, *steps: tuple[Callable[[], bool], Callable[[], object]]) -> None:
        super().__init__()
        self._steps = [*steps]
        self._end_s = clock.monotonic_s() + WITHIN_S

    def _wait(self, seconds: float, over: Callable[[], bool]) -> None:
        assert clock.monotonic_s() < self._end_s, "it did not come about"
        if self._steps and self._steps[0][0]():
            self._steps.pop(0)[1]()
        if not self._steps:
            self.stop()
        super()._wait(min(seconds, 0.05), over)


def follow(log: Path, state: Path, alerts: Path, course: Course) -> Telemetry:
    """Follow to the end of a course, rejects going beside the alerts; return what was counted."""
    sink = FileSink(config.ToFile(path=alerts))
    with alerts.with_name("rejects.jsonl").open("ab") as rejects:
        telemetry = Telemetry(rejects)
        pipeline = Pipeline(config.load(), state=state, sinks=[sink], telemetry=telemetry)
        follow_live(pipeline, [log], from_start=True, service=course)
    sink.close()
    return telemetry


def the_rest_on_a_full_disk(log: Path, live: Path, disk: Path) -> tuple[Callable[[], bool], Callable[[], object]]:
    """Write the first lines of `log` to `live`; the others, as a step of a course, once the disk is full."""
    lines = log.read_text().splitlines(keepends=True)
    live.write_text("".join(lines[:600]))

    def write() -> None:
        fill(disk)
        with live.open("a") as file:
            file.writelines(lines[600:])

    return (lambda: (disk / "state" / "state.sqlite").exists()), write


def test_a_full_disk_stops_reading_until_there_is_room_and_loses_nothing(log, disk, tmp_path, expected, caplog):
    live, alerts = tmp_path / "access.log", tmp_path / "alerts.jsonl"
    caplog.set_level("INFO", "detector")
    course = Course(
        the_rest_on_a_full_disk(log, live, disk),
        (lambda: "nothing is read until" in caplog.text and "disk is full" in _faults(caplog), unlink(disk)),
        (lambda: "the state can be written again" in caplog.text, lambda: None),
    )
    counted = follow(live, disk / "state", alerts, course)
    again = tailed(live, tmp_path, "--state", str(disk / "state"))
    assert again.exit_code == 0, again.stderr
    assert delivered(tmp_path) == expected
    lines = log.read_text().splitlines()
    assert counted.lines <= len(lines)  # what was dropped and read again counts once
    assert (alerts.with_name("rejects.jsonl").read_text().count("\n"), counted.rejects) in {(0, 0), (1, 1)}


def test_while_it_waits_for_room_everybody_is_told(log, disk, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(watching, "EVERY_S", 0.0)
    monkeypatch.setattr(watching, "MOST_SHARE", 1.0)
    live, alerts, asked = tmp_path / "access.log", tmp_path / "alerts.jsonl", []

    def told() -> bool:
        words = [sys.executable, "-m", "detector", "status", "--state", disk / "state"]
        asked.append(subprocess.run(words, capture_output=True, text=True))
        return "the state cannot be written (database or disk is full)" in " ".join(asked[-1].stdout.split())

    caplog.set_level("INFO", "detector")
    course = Course(
        the_rest_on_a_full_disk(log, live, disk),
        (lambda: "nothing is read until" in caplog.text, lambda: None),
        (told, lambda: course.reload()),  # nothing can be taken up now, and nothing turns faster for it
        (lambda: True, unlink(disk)),
        (lambda: "the state can be written again" in caplog.text, lambda: None),
    )
    follow(live, disk / "state", alerts, course)
    assert asked[-1].returncode == 1
    assert "not known while nothing is read" in asked[-1].stdout
    assert caplog.text.count("nothing is read until") < 10


def test_a_stop_while_it_waits_for_room_saves_nothing_of_what_was_dropped(log, disk, tmp_path, expected, caplog):
    live, alerts = tmp_path / "access.log", tmp_path / "alerts.jsonl"
    caplog.set_level("INFO", "detector")
    course = Course(
        the_rest_on_a_full_disk(log, live, disk),
        (lambda: "nothing is read until" in caplog.text, unlink(disk)),  # there is room again as it is stopped
    )
    with pytest.raises(StoppedError):
        follow(live, disk / "state", alerts, course)
    again = tailed(live, tmp_path, "--state", str(disk / "state"))
    assert again.exit_code == 0, again.stderr
    assert delivered(tmp_path) == expected


def unlink(disk: Path) -> Callable[[], None]:
    return (disk / "ballast").unlink


def _faults(caplog: pytest.LogCaptureFixture) -> str:
    return " ".join(str(getattr(record, name, "")) for record in caplog.records for name in ("fault", "reason"))


def test_a_full_disk_ends_a_run_that_has_an_end_with_a_sentence(log, disk, expected):
    fill(disk)
    full = tailed(log, disk, "--from-start", "--alerts", str(disk.parent / "alerts.jsonl"))
    assert full.exit_code == 6, full.stderr
    assert str(disk / "state") in full.stderr
    (disk / "ballast").unlink()
    assert tailed(log, disk, "--from-start", "--alerts", str(disk.parent / "alerts.jsonl")).exit_code == 0
    assert delivered(disk.parent) == expected


def test_alerts_wait_for_room_on_their_own_disk_and_none_is_cut(log, disk, tmp_path, expected, caplog):
    alerts = disk / "alerts.jsonl"
    caplog.set_level("INFO", "detector")
    course = Course(
        (lambda: "sink fails" in caplog.text and "No space left" in _faults(caplog), unlink(disk)),
        (lambda: alerts.stat().st_size > 0 and "sink is back" in caplog.text, lambda: None),
    )
    fill(disk)
    follow(log, tmp_path / "state", alerts, course)
    assert set() < delivered(disk) <= expected


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_what_cannot_be_written_beside_alerts_is_told_and_detection_goes_on(log, tmp_path, expected):
    """Rejects, and standard error itself."""
    done = tailed(log, tmp_path, "--from-start", "--rejects", "/dev/full")
    assert done.exit_code == 0, done.stderr
    assert "rejects: not written: No space left on device" in done.stderr
    assert delivered(tmp_path) == expected
    figures = tailed(log, tmp_path, "--stats", "/dev/full")
    assert figures.exit_code == 2
    assert figures.stderr.endswith("detector: /dev/full: cannot be written: No space left on device\n")
    with open("/dev/full", "w") as full:
        refused = subprocess.run([*tail(log, tmp_path, "--once")[:3], "parse", "/no/log"], stderr=full, check=False)
    assert refused.returncode == 3


def test_a_state_that_may_not_be_written_is_refused_and_can_be_looked_into(log, made, disk):
    shutil.copytree(made / "state", disk / "state")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    refused = tailed(log, disk, "--from-start", "--alerts", str(disk.parent / "alerts.jsonl"))
    assert refused.exit_code == 6, refused.stderr
    assert "Read-only file system" in refused.stderr
    for words in ("info", "verify"):
        looked = state_command(words, "--state", disk / "state")
        assert looked.exit_code == 0, looked.output
    copied = state_command("backup", disk.parent / "copy", "--state", disk / "state")
    assert copied.exit_code == 0, copied.output
