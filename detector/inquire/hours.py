"""Hold an account's activity against what its models expect of the hour."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from detector.context.day import ACCOUNT
from detector.inquire.memory import Memory
from detector.inquire.usual import Usual

HOUR_FEATURE: Final = "records_1h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One hour of an account. `limit`: records from which the hour is worth a closer look; None while cold.

    `at_work`: whether it is one of the account's usual hours.
    """

    start: datetime
    requests: int
    records: int
    missed: int
    persons: int
    strangers: int
    limit: float | None
    at_work: bool

    @property
    def odd(self) -> bool:
        """Whether more was displayed than is usual at this hour."""
        return self.records > 0 and (not self.at_work or (self.limit is not None and self.records >= self.limit))


def hours(memory: Memory, done: pl.DataFrame, habit: Usual, since: datetime, until: datetime) -> list[Hour]:
    """Return the hours with activity of the account of `habit` from `since` to `until`, both included, in order.

    Shapes: `done` HOURS, of other accounts too.
    """
    span = (pl.col(ACCOUNT) == habit.account) & pl.col("hour").is_between(
        since.timestamp() // 3600, until.timestamp() // 3600
    )
    measure = habit.measure(HOUR_FEATURE)
    limit = None if measure is None else measure.limit
    return [_hour(memory, row, habit, limit) for row in done.filter(span).iter_rows(named=True)]


def _hour(memory: Memory, row: dict[str, int], habit: Usual, limit: float | None) -> Hour:
    start = memory.local(row["hour"])
    return Hour(
        start=start,
        **{name: row[name] for name in ("requests", "records", "missed", "persons", "strangers")},
        limit=limit,
        at_work=habit.works_at(start.weekday() * 24 + start.hour),
    )


def by_day(some: Iterable[Hour]) -> list[Hour]:
    """Add hours up to local days."""
    days: dict[datetime, list[Hour]] = {}
    for one in some:
        days.setdefault(one.start - timedelta(hours=one.start.hour), []).append(one)
    names = ("requests", "records", "missed", "persons", "strangers")
    return [
        Hour(
            start=start,
            **{name: sum(getattr(one, name) for one in parts) for name in names},
            limit=None,
            at_work=not any(one.odd for one in parts),
        )
        for start, parts in days.items()
    ]
