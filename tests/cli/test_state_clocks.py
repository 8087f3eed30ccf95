"""Clocks that are wrong: of one line, of the machine, of a configuration that changed. No alert is lost by it."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest

from detector import clock, config
from detector.emit.sinks.file import FileSink
from detector.pipeline import Pipeline
from detector.pipeline.live import tail as follow_live
from tests.cli.test_batch import batch, ids
from tests.cli.test_tail import tail


def stamped(line: str, stamp: str) -> str:
    return re.sub(r"\[[^]]*\]", f"[{stamp}]", line, count=1)


def figures(path: Path) -> dict[str, object]:
    return json.loads(path.read_text())


def run(log: Path, folder: Path, command: str, *more: str) -> dict[str, object]:
    """Run `command` over `log`, and return its figures."""
    words = tail(log, folder, "--stats", str(folder / "stats.json"), "--rejects", str(folder / "rejects.jsonl"), *more)
    words[words.index("tail")] = command
    subprocess.run(words, capture_output=True, check=True, text=True)
    return figures(folder / "stats.json")


@pytest.mark.parametrize("stamp", ["01/Jan/2099:00:00:00 +0000", "01/Jan/1970:00:00:00 +0000"])
@pytest.mark.parametrize("place", [100, 1200])
def test_one_line_of_another_age_changes_no_alert(log, tmp_path, stamp, place):
    lines = log.read_text().splitlines(keepends=True)
    odd = tmp_path / "access.log"
    odd.write_text("".join([*lines[:place], stamped(lines[place], stamp), *lines[place:]]))
    told = run(odd, tmp_path, "tail", "--from-start", "--once")
    assert (told["late"], told["lines"]) == (0, told["events"] + told["rejects"])
    assert set(ids((tmp_path / "alerts.jsonl").read_text())) == set(ids(batch(log).stdout))


@pytest.mark.parametrize("command", ["batch", "tail"])
def test_a_last_line_from_the_future_makes_nothing_after_it_late(log, tmp_path, command):
    lines = log.read_text().splitlines(keepends=True)
    once = ("--from-start", "--once") if command == "tail" else ()
    first = tmp_path / "access.log"
    first.write_text("".join([*lines[:700], stamped(lines[700], "01/Jan/2099:00:00:00 +0000")]))
    told = run(first, tmp_path, command, *once)
    assert told["last_event"] < "2027"
    if command == "batch":
        first = tmp_path / "next.log"
    with first.open("a") as file:
        file.writelines(lines[700:])
    told = run(first, tmp_path, command, *once)
    assert told["late"] == 0
    assert set(ids((tmp_path / "alerts.jsonl").read_text())) == set(ids(batch(log).stdout))


def test_a_clock_of_the_machine_that_jumps_changes_what_is_written_only(log, tmp_path, monkeypatch):
    """`event.created` follows it; no alert, no pause and no retry does."""
    start, jumps = datetime(2026, 3, 5, 12, tzinfo=UTC), cycle((0, 3600, -86_400, 40 * 365 * 86_400, -7200))
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(seconds=next(jumps)))
    sink = FileSink(config.ToFile(path=tmp_path / "alerts.jsonl"))
    follow_live(Pipeline(config.load(), state=tmp_path / "state", sinks=[sink]), [log], from_start=True, once=True)
    sink.close()
    assert set(ids((tmp_path / "alerts.jsonl").read_text())) == set(ids(batch(log).stdout))


def test_the_zone_of_the_process_changes_nothing(log, tmp_path):
    words = [*tail(log, tmp_path, "--from-start", "--once")]
    subprocess.run(words, capture_output=True, check=True, env={"TZ": "Pacific/Auckland", "PATH": "/usr/bin"})
    assert set(ids((tmp_path / "alerts.jsonl").read_text())) == set(ids(batch(log).stdout))


def test_a_calendar_of_another_zone_between_two_runs_repeats_no_day(log, tmp_path):
    lines, live = log.read_text().splitlines(keepends=True), tmp_path / "access.log"
    for zone, part in (("Pacific/Auckland", lines[:1000]), ("America/Lima", lines[1000:])):
        (tmp_path / "detector.yml").write_text(f"calendar: {{timezone: {zone}}}\n")
        with live.open("a") as file:
            file.writelines(part)
        told = run(live, tmp_path, "tail", "--from-start", "--once", "--config", str(tmp_path / "detector.yml"))
        assert told["late"] == 0
    asked = [sys.executable, "-m", "detector", "state", "verify", "--state", str(tmp_path / "state")]
    subprocess.run(asked, check=True, capture_output=True)
    users = {json.loads(line)["user"]["name"] for line in (tmp_path / "alerts.jsonl").read_text().splitlines()}
    assert users == {"u1"}


def test_a_night_of_twenty_five_hours_is_read_in_order(log, tmp_path):
    """Local stamps of the hour that comes twice carry their offset: nothing of it is late, and nothing is lost."""
    line = log.read_text().splitlines(keepends=True)[0]
    autumn = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
    stamps = []
    for minute in range(0, 240, 2):
        at = autumn + timedelta(minutes=minute)
        offset = 2 if at < datetime(2026, 10, 25, 1, tzinfo=UTC) else 1
        stamps.append(f"{at + timedelta(hours=offset):%d/%b/%Y:%H:%M:%S} +0{offset}00")
    night = tmp_path / "access.log"
    night.write_text("".join(stamped(line, stamp) for stamp in stamps))
    told = run(night, tmp_path, "tail", "--from-start", "--once")
    assert (told["events"], told["late"], told["rejects"]) == (len(stamps), 0, 0)
