from datetime import UTC, date, datetime

import polars as pl
import pytest

from detector.collect.enrich.calendar import LocalTime
from detector.config import Calendar
from detector.errors import FaultsError

PARIS = LocalTime(Calendar())


def at(*moments: datetime) -> pl.DataFrame:
    return PARIS.describe(pl.Series(list(moments), dtype=pl.Datetime("us", "UTC")))


@pytest.mark.parametrize(
    ("utc", "day", "hour"),
    [
        (datetime(2026, 3, 1, 23, 0, tzinfo=UTC), date(2026, 3, 2), 0),  # Monday, midnight in Paris
        (datetime(2026, 3, 8, 22, 59, 59, 999999, tzinfo=UTC), date(2026, 3, 8), 167),
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), date(2026, 3, 29), 145),  # clocks go from 2 to 3
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), date(2026, 3, 29), 147),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), date(2026, 10, 25), 146),  # the hour that comes twice
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), date(2026, 10, 25), 146),
    ],
)
def test_local_day_and_hour_of_the_week(utc: datetime, day: date, hour: int) -> None:
    assert at(utc).select("portal.local_date", "portal.hour_of_week").row(0) == (day, hour)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 3, 2), True),
        (date(2026, 3, 7), False),
        (date(2026, 3, 8), False),
        (date(2026, 7, 14), False),
        (date(2026, 4, 6), False),  # Easter Monday
        (date(2025, 12, 26), True),
    ],
)
def test_working_days_of_france(day: date, works: bool) -> None:
    assert at(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))["portal.working_day"].to_list() == [works]


def test_a_region_another_country_and_days_of_ones_own() -> None:
    noon = pl.Series([datetime(2025, 12, 26, 12, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC"))
    assert LocalTime(Calendar(subdivision="57")).describe(noon)["portal.working_day"].to_list() == [False]
    assert LocalTime(Calendar(country="BE")).describe(noon)["portal.working_day"].to_list() == [True]
    off = Calendar(country=None, extra_days_off=(date(2025, 12, 26),))
    assert LocalTime(off).describe(noon)["portal.working_day"].to_list() == [False]


def test_rows_keep_their_order_and_a_missing_time_is_missing() -> None:
    times = [datetime(2026, 3, 3, 9, tzinfo=UTC), None, datetime(2026, 3, 2, 9, tzinfo=UTC)]
    found = PARIS.describe(pl.Series(times, dtype=pl.Datetime("us", "UTC")))
    assert found["portal.hour_of_week"].to_list() == [34, None, 10]
    assert found["portal.working_day"].to_list() == [True, None, True]


def test_a_quarter_hour_zone() -> None:
    noon = pl.Series([datetime(2026, 3, 2, 18, 15, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC"))
    found = LocalTime(Calendar(timezone="Asia/Kathmandu", country=None)).describe(noon)
    assert found.row(0)[:2] == (date(2026, 3, 3), 24)


def test_a_country_without_a_calendar_is_a_fault() -> None:
    for where in (Calendar(country="XX"), Calendar(subdivision="Atlantis")):
        with pytest.raises(FaultsError, match=r"not available|subdivision"):
            LocalTime(where)
