"""A silence that the clock shows is told at once, with the ids that its end would give; old logs are not silent."""

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from detector.context.traffic import Traffic
from detector.detect.heartbeat import Heartbeat
from detector.emit.incident import Incidents
from detector.language import Words
from detector.pipeline.silence import Silences
from detector.schema import EVENT, LATE, conform
from tests.emit.signals import CONFIG, NOON

DAYS = 14


def events(first: datetime, until: datetime) -> pl.DataFrame:
    """A line a minute."""
    times = pl.datetime_range(first, until, "1m", eager=True, closed="left", time_zone="UTC")
    return conform(times.cast(EVENT["@timestamp"]).alias("@timestamp").to_frame(), EVENT).with_columns(
        pl.lit(False).alias(LATE)
    )


class Portal:
    """Fourteen days of a line a minute up to NOON; every day is a working day."""

    def __init__(self):
        self.incidents = Incidents(CONFIG)
        self.heartbeat = Heartbeat(Traffic(CONFIG.zone, _always), Words.of("en"))
        self.silences = Silences(self.heartbeat, self.incidents, _nobody, CONFIG, {}, quiet=False)

    def take(self, rows):
        return [alert for part in self.heartbeat.parts(rows) for alert in self.silences.end(part)]


def _always(_: date) -> bool:
    return True


def _nobody(*_: object) -> int:
    return 0


@pytest.fixture
def portal():
    portal = Portal()
    assert portal.take(events(NOON - timedelta(days=DAYS), NOON)) == []
    return portal


LAST = NOON - timedelta(minutes=1)


def after(hours: float) -> datetime:
    return LAST + timedelta(hours=hours)


def test_it_is_told_ahead_once_and_again_by_the_line_that_ends_it(portal):
    assert portal.silences.ahead(LAST, after(0.4)) == []
    [opened] = portal.silences.ahead(LAST, after(0.6))
    assert portal.silences.ahead(LAST, after(0.7)) == []
    [escalated] = portal.silences.ahead(LAST, after(6))
    assert (opened.timestamp, escalated.level) == (LAST + timedelta(minutes=30, seconds=1), "high")
    assert portal.heartbeat.ahead == LAST
    told = portal.take(events(after(7), after(8)))
    assert [one.id for one in told[:2]] == [opened.id, escalated.id]
    assert [one.state for one in told] == ["opened", "escalated", "closed"]
    assert portal.heartbeat.ahead is None


def test_lines_that_come_late_after_all_take_it_back(portal):
    [opened] = portal.silences.ahead(LAST, after(1))
    [closed] = portal.take(events(after(0.1), after(2)))
    assert (closed.incident_id, closed.state) == (opened.incident_id, "closed")
    assert "late" in closed.message
    assert portal.incidents.snapshot() == {}


def test_a_restart_knows_what_was_told_ahead(portal):
    portal.silences.ahead(LAST, after(1))
    again = Portal()
    again.heartbeat.restore(portal.heartbeat.snapshot())
    assert [one.state for one in again.take(events(after(0.1), after(2)))] == ["closed"]


def test_an_old_log_that_is_read_to_its_end_is_not_silent(portal):
    assert portal.silences.ahead(LAST, LAST + timedelta(days=200)) == []
    assert portal.silences.ahead(after(3), after(5)) == []


def test_a_state_from_before_there_were_heartbeats_is_cold(portal):
    portal.heartbeat.restore({})
    assert portal.silences.ahead(LAST, after(6)) == []
    assert portal.take(events(after(7), after(8))) == []
