from datetime import UTC, date, datetime, timedelta

import polars as pl

from detector.context.intake import DAYS, Intake
from detector.schema import EVENT, LATE, conform

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def events(*days: int, late: bool = False) -> pl.DataFrame:
    times = [NOON + timedelta(days=day) for day in days]
    told = pl.DataFrame({"@timestamp": times, "portal.local_date": [time.date() for time in times]})
    return conform(told, EVENT).with_columns(pl.lit(late).alias(LATE))


def test_days_add_up_and_rejects_count_for_the_latest():
    intake = Intake()
    intake.observe(events(), 4)  # of no day that anybody knows
    intake.observe(events(0, 0, 1), 2)
    intake.observe(events(0, late=True), 1)
    assert intake.days == {date(2026, 3, 2): [3, 0, 1], date(2026, 3, 3): [1, 3, 0]}
    assert intake.last == NOON + timedelta(days=1)


def test_a_restart_goes_on_and_old_days_go():
    intake, again = Intake(), Intake()
    intake.observe(events(0), 1)
    again.restore(intake.snapshot())
    assert (again.days, again.last) == (intake.days, intake.last)
    again.observe(events(*range(1, DAYS + 1)), 0)
    assert len(again.days) == DAYS
    assert min(again.days) == date(2026, 3, 3)
