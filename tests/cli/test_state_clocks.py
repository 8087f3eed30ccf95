"""Clocks that are wrong: of one line, of the machine, of a configuration that changed. No alert is lost by it."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest

from detector import clock, config
from detector.emit.sinks.file import FileSink
from detector.pipeline import Pipeline
from detector.pipeline.live import tail as follow_live
from tests.cli.in_process import delivered, state_command, tailed
from tests.cli.test_batch import batch


def stamped(line: str, stamp: str) -> str:
    return re.sub(r"\[[^]]*\]", f"[{stamp}]", line, count=1)


def run(log: Path, folder: Path, command: str, *more: str) -> dict[str, object]:
    """Run `command` over `log`, and return its figures."""
    files = {"stats": "stats.json", "rejects": "rejects.jsonl", "alerts": "alerts.jsonl", "state": "state"}
    words = [part for name, file in files.items() for part in (f"--{name}", str(folder / file))]
    done = tailed(log, folder, "--from-start", *words[:4], *more) if command == "tail" else batch(log, *words, *more)
    assert done.exit_code == 0, done.output
    return json.loads((folder / "stats.json").read_text())


FUTURE, PAST = "01/Jan/2099:00:00:00 +0000", "01/Jan/1970:00:00:00 +0000"
SLOW = [pytest.param(*one, marks=pytest.mark.slow) for one in ((FUTURE, 100), (PAST, 100), (PAST, 1200))]


@pytest.mark.parametrize(("stamp", "place"), [(FUTURE, 1200), *SLOW])
def test_one_line_of_another_age_changes_no_alert(log, tmp_path, expected, stamp, place):
    lines = log.read_text().splitlines(keepends=True)
    odd = tmp_path / "access.log"
    odd.write_text("".join([*lines[:place], stamped(lines[place], stamp), *lines[place:]]))
    told = run(odd, tmp_path, "tail")
    assert (told["late"], told["lines"]) == (0, told["events"] + told["rejects"])
    assert delivered(tmp_path) == expected


@pytest.mark.parametrize("command", [pytest.param("batch", marks=pytest.mark.slow), "tail"])
def test_a_last_line_from_the_future_makes_nothing_after_it_late(log, tmp_path, expected, command):
    lines = log.read_text().splitlines(keepends=True)
    first = tmp_path / "access.log"
    first.write_text("".join([*lines[:700], stamped(lines[700], FUTURE)]))
    told = run(first, tmp_path, command)
    assert told["last_event"] < "2027"
    if command == "batch":
        first = tmp_path / "next.log"
    with first.open("a") as file:
        file.writelines(lines[700:])
    told = run(first, tmp_path, command)
    assert told["late"] == 0
    assert delivered(tmp_path) == expected


def test_a_clock_of_the_machine_that_jumps_changes_what_is_written_only(log, tmp_path, expected, monkeypatch):
    """`event.created` follows it; no alert, no pause and no retry does."""
    start, jumps = datetime(2026, 3, 5, 12, tzinfo=UTC), cycle((0, 3600, -86_400, 40 * 365 * 86_400, -7200))
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(seconds=next(jumps)))
    sink = FileSink(config.ToFile(path=tmp_path / "alerts.jsonl"))
    follow_live(Pipeline(config.load(), state=tmp_path / "state", sinks=[sink]), [log], from_start=True, once=True)
    sink.close()
    assert delivered(tmp_path) == expected


@pytest.mark.slow
def test_the_zone_of_the_process_changes_nothing(log, tmp_path, expected, monkeypatch):
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        assert tailed(log, tmp_path, "--from-start").exit_code == 0
    time.tzset()
    assert delivered(tmp_path) == expected


@pytest.mark.slow
def test_a_calendar_of_another_zone_between_two_runs_repeats_no_day(log, tmp_path):
    lines, live = log.read_text().splitlines(keepends=True), tmp_path / "access.log"
    for zone, part in (("Pacific/Auckland", lines[:1000]), ("America/Lima", lines[1000:])):
        (tmp_path / "detector.yml").write_text(f"calendar: {{timezone: {zone}}}\n")
        with live.open("a") as file:
            file.writelines(part)
        told = run(live, tmp_path, "tail", "--config", str(tmp_path / "detector.yml"))
        assert told["late"] == 0
    assert state_command("verify", "--state", tmp_path / "state").exit_code == 0
    users = {json.loads(line)["user"]["name"] for line in (tmp_path / "alerts.jsonl").read_text().splitlines()}
    assert users == {"u1"}


@pytest.mark.slow
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
    told = run(night, tmp_path, "tail")
    assert (told["events"], told["late"], told["rejects"]) == (len(stamps), 0, 0)
