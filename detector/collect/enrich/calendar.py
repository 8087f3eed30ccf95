"""Say what local day and hour it is, and whether people work on it."""

from datetime import date

import polars as pl

from detector.collect.enrich.memo import over_unique
from detector.config import Calendar
from detector.errors import FaultsError

QUARTER = "15m"
"""No zone of today is off by less from UTC, so a quarter of an hour has one local date and hour."""


class LocalTime:
    """Local time of the people who work on the portal, and their days off.

    Raises: `FaultsError` for a country or subdivision that has no calendar.
    """

    def __init__(self, where: Calendar) -> None:
        self._where = where
        self._days_off: dict[int, frozenset[date]] = {}
        try:
            self._public(2000)
        except NotImplementedError as fault:
            wrong = "country" if where.subdivision is None else "subdivision"
            raise FaultsError([where.fault(str(fault), wrong)]) from None

    def describe(self, times: pl.Series) -> pl.DataFrame:
        """Return local date, hour of the week and working day of each moment; a null moment has none.

        Shapes: n Datetime(UTC) -> n rows {portal.local_date, portal.hour_of_week, portal.working_day}.
        """
        quarters = times.to_frame("quarter").select(pl.col("quarter").dt.truncate(QUARTER))
        return over_unique(quarters, self._local).drop("quarter")

    def _local(self, quarters: pl.DataFrame) -> pl.DataFrame:
        local = pl.col("quarter").dt.convert_time_zone(self._where.timezone)
        days = quarters.with_columns(
            local.dt.date().alias("portal.local_date"),
            ((local.dt.weekday().cast(pl.Int16) - 1) * 24 + local.dt.hour()).alias("portal.hour_of_week"),
        )
        return days.hstack(over_unique(days.select("portal.local_date"), self._working).select("portal.working_day"))

    def _working(self, days: pl.DataFrame) -> pl.DataFrame:
        answers = [self.working(day) for day in days.to_series()]
        return days.with_columns(pl.Series("portal.working_day", answers, dtype=pl.Boolean))

    def working(self, day: date | None) -> bool | None:
        """Tell whether a day is neither a weekend nor a day off."""
        return None if day is None else day.weekday() < 5 and day not in self._off(day.year)

    def _off(self, year: int) -> frozenset[date]:
        if year not in self._days_off:
            self._days_off[year] = frozenset(self._where.extra_days_off) | self._public(year)
        return self._days_off[year]

    def _public(self, year: int) -> frozenset[date]:
        if self._where.country is None:
            return frozenset()
        import holidays  # slow to load, and unused where no country is set

        return frozenset(holidays.country_holidays(self._where.country, self._where.subdivision, years=year))
