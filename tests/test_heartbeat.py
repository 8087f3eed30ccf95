"""A silent source is told: at the same moment however the lines are cut; not by night, nor on days off."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from detector import config
from detector.cli import main
from detector.config import load
from detector.emit.sinks.file import FileSink
from detector.pipeline import Pipeline
from detector.pipeline.archives import batch
from detector.pipeline.live import tail
from detector.telemetry import Telemetry

MONDAY = datetime(2026, 2, 2, 0, tzinfo=UTC)
LINE = '192.0.2.{n} - u{n} [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /news HTTP/1.1" 200 812 "-" "Mozilla/5.0 (X11)"'
SILENT = "source_silent"


def lines(days, silent=()):
    """A line a minute, from 7 to 19 h, on working days; ten an hour at the weekend."""
    found = []
    for day in range(days):
        start = MONDAY + timedelta(days=day, hours=7)
        step = 1 if start.weekday() < 5 else 6
        found += [start + timedelta(minutes=minute) for minute in range(0, 12 * 60, step)]
    return [LINE.format(at=at, n=at.minute % 5 + 1) for at in found if not any(a < at < b for a, b in silent)]


def gap(day, hour, hours):
    start = MONDAY + timedelta(days=day, hours=hour)
    return start, start + timedelta(hours=hours)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "detector.yml"
    path.write_text(
        "calendar: {timezone: UTC}\ninput: {max_lateness_s: 0}\nrules: {shipped: false}\nmodels: {enabled: false}\n",
        "utf-8",
    )
    return load(path)


def run(folder, settings, written, **how):
    log = folder / "access.log"
    log.write_text("\n".join(written) + "\n", "utf-8")
    sink = FileSink(config.ToFile(path=folder / "alerts.jsonl"))
    batch(Pipeline(settings, sinks=[sink], telemetry=Telemetry(), **how), [log])
    sink.close()
    return told(folder)


def told(folder):
    return [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]


def test_a_silence_opens_escalates_and_closes_when_lines_come_again(settings, tmp_path):
    start, end = gap(14, 9, 6)  # the third Monday, 9 to 15 h: a line a minute lacks
    opened, escalated, closed = run(tmp_path, settings, lines(16, [(start, end)]))
    assert [one["portal"]["incident"]["state"] for one in (opened, escalated, closed)] == [
        "opened",
        "escalated",
        "closed",
    ]
    assert {one["rule"]["id"] for one in (opened, escalated, closed)} == {SILENT}
    assert opened["@timestamp"] == "2026-02-16T09:30:01.000Z"  # thirty lines lack
    assert escalated["@timestamp"] == "2026-02-16T14:00:01.000Z"  # three hundred
    assert closed["@timestamp"] == "2026-02-16T15:00:00.000Z"
    assert (opened["portal"]["level"], escalated["portal"]["level"]) == ("medium", "high")
    assert opened["user"]["name"] == "-"
    assert opened["threat"]["technique"]["id"] == ["T1562"]
    assert "source" not in opened
    assert "no line from 2026-02-16T09:00:00Z to 2026-02-16T15:00:00Z" in closed["message"]
    assert closed["portal"]["reasons"][0]["expected"] == 360.0


@pytest.mark.parametrize(
    "silent",
    [
        gap(4, 9, 6),  # nothing is known of the first week
        gap(14, 18.9, 12.1),  # night
        gap(19, 7, 3),  # a Saturday, of which too few are known
        gap(14, 9, 0.4),  # too short
    ],
    ids=["cold", "night", "day_off", "short"],
)
def test_no_silence_where_it_is_usual_or_nothing_is_known(settings, tmp_path, silent):
    assert run(tmp_path, settings, lines(21, [silent])) == []


def test_a_public_holiday_is_a_day_off(settings, tmp_path):
    easter = (datetime(2026, 4, 6, tzinfo=UTC) - MONDAY).days
    sunday = lines(easter)[-120:]
    monday = [line.replace("05/Apr", "06/Apr") for line in sunday]
    assert run(tmp_path, settings, [*lines(easter), *monday, *lines(easter + 2)[-720:]]) == []


def test_a_silence_over_days_is_one_incident(settings, tmp_path):
    states = [one["portal"]["incident"] for one in run(tmp_path, settings, lines(24, [gap(14, 12, 5 * 24)]))]
    assert [one["state"] for one in states] == ["opened", "escalated", "closed"]
    assert len({one["id"] for one in states}) == 1


def test_what_was_silent_teaches_nothing_until_it_is_a_habit(settings, tmp_path):
    silences = [gap(day, 9, 2) for day in (14, 15, 16, 17, 18)]
    opened = [
        one for one in run(tmp_path, settings, lines(21, silences)) if one["portal"]["incident"]["state"] == "opened"
    ]
    assert [one["@timestamp"][:10] for one in opened] == ["2026-02-16", "2026-02-17", "2026-02-18"]


def test_an_allow_list_entry_silences_it(settings, tmp_path):
    entry = config.Allow(reason="the portal moves", until=datetime(2026, 2, 16).date(), rules=(SILENT,))
    allowed = settings.model_copy(update={"allow": (entry,)})
    assert run(tmp_path, allowed, lines(16, [gap(14, 9, 6)])) == []


def test_nothing_is_raised_while_learning(settings, tmp_path):
    assert run(tmp_path, settings, lines(16, [gap(14, 9, 6)]), learn=True) == []


@pytest.mark.parametrize("parts", [2, 9])
def test_any_cut_and_any_restart_gives_the_same(settings, tmp_path, parts):
    written = lines(18, [gap(14, 9, 6), gap(16, 17, 20)])
    wanted = {one["event"]["id"] for one in run(tmp_path, settings, written)}
    assert len(wanted) == 6
    log, folder = tmp_path / "live.log", tmp_path / "live"
    folder.mkdir()
    for part in range(parts):
        share = written[len(written) * part // parts : len(written) * (part + 1) // parts]
        with log.open("a") as file:
            file.write("\n".join(share) + "\n")
        sink = FileSink(config.ToFile(path=folder / "alerts.jsonl"))
        tail(Pipeline(settings, state=tmp_path / "state", sinks=[sink]), [log], from_start=True, once=True)
        sink.close()
    assert {one["event"]["id"] for one in told(folder)} == wanted


def test_explain_tells_it_as_of_nobody(settings, tmp_path):
    opened, *_ = run(tmp_path, settings, lines(16, [gap(14, 9, 6)]), state=tmp_path / "state")
    said = CliRunner().invoke(main, ["explain", opened["portal"]["incident"]["id"], "--state", str(tmp_path / "state")])
    assert "The source is silent, from" in said.stdout
    assert "account" not in said.stdout
    assert "detector scope" not in said.stdout
