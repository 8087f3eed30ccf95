"""Days end where they end, also for lines that come too late: in whatever pieces they are read."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from detector import schema
from detector.context.midnight import cut_at_midnight

BEFORE = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)


def rows(*minutes_late):
    times = [BEFORE + timedelta(minutes=minutes) for minutes, _ in minutes_late]
    return pl.DataFrame(
        {
            "@timestamp": times,
            "portal.local_date": [time.date() for time in times],
            schema.LATE: [late for _, late in minutes_late],
        }
    )


def test_a_late_line_belongs_to_the_day_that_runs_when_it_comes():
    events = rows((0, False), (2, False), (-600, True), (3, False))
    found = [(day, part.height) for day, part in cut_at_midnight(events, date(2026, 3, 1))]
    assert found == [(date(2026, 3, 2), 1), (date(2026, 3, 3), 3)]
    assert [day for day, _ in cut_at_midnight(events[2:], date(2026, 3, 3))] == [date(2026, 3, 3)]
