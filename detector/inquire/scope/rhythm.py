"""Know the usual rhythm of a log: how many lines at least it has at an hour of such a day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from detector.collect.enrich.calendar import LocalTime
from detector.config import Calendar
from detector.inquire.scope.coverage import SLOT, StreamCover

_SLOTS: Final = timedelta(days=1) // SLOT
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FEW: Final = 0.1
"""The share of comparable days that may have had fewer lines: strikes, a day's holiday."""

_LEAST_DAYS: Final = 3
_LEAST: Final = 20
"""Lines that must be missing at least: chance, and days that differ, leave out fewer."""

_VERY_MANY: Final = 500
_TWICE: Final = 2
_AROUND: Final = timedelta(hours=1) // SLOT
_ROUNDED: Final = 1e-9

_Array = np.ndarray[Any, Any]


class Usual:
    """Working days and hours of the people who use the portal."""

    def __init__(self, calendar: Calendar) -> None:
        self._zone, self._local = calendar.timezone, LocalTime(calendar)

    def rhythm(self, cover: StreamCover) -> "Rhythm":
        """Return the rhythm of one log."""
        numbers = sorted(cover.slots)
        if not numbers:
            return Rhythm(np.zeros((0, _SLOTS)), [], [], self._zone)
        slots = pl.DataFrame({"slot": range(numbers[0], numbers[-1] + 1)}).with_columns(
            pl.Series("count", [cover.slots.get(slot, 0.0) for slot in range(numbers[0], numbers[-1] + 1)])
        )
        local = (pl.from_epoch(pl.col("slot") * int(SLOT.total_seconds()))).dt.replace_time_zone("UTC")
        local = local.dt.convert_time_zone(self._zone)
        slots = slots.with_columns(local.dt.date().alias("day"), (_minute(local) // 10).alias("at"))
        days = slots["day"].unique().sort().to_list()
        row = {day: at for at, day in enumerate(days)}
        table = np.full((len(days), _SLOTS), np.nan)
        for day, at, count in slots.select("day", "at", "count").iter_rows():
            table[row[day], at] = count + (0.0 if np.isnan(table[row[day], at]) else table[row[day], at])
        return Rhythm(table, days, [bool(self._local.working(day)) for day in days], self._zone)


class Rhythm:
    """Lines by day and ten minutes of the day, NaN where the log does not reach."""

    def __init__(self, table: _Array, days: list[date], working: list[bool], zone: str) -> None:
        self._table, self._days, self._zone = table, days, zone
        self._working = np.array(working, bool)
        self._alive = np.nansum(table, axis=1) > 0
        self._weekend = dict(zip(days, working, strict=True))

    @property
    def unknown(self) -> bool:
        """Whether there are too few days to compare with."""
        return int(self._alive.sum()) <= _LEAST_DAYS

    def least(self, start: datetime, end: datetime) -> int | None:
        """Return how many lines usually come between two moments at least; None: a silence there is nothing unusual.

        Every day is compared with the others of its kind (working, or not) at the same hours, and an hour around them:
        people come in turns. A silence no longer than twice one on those days is nothing unusual either. Ten minutes
        that are silent in part count only where very many lines are usual.
        """
        shares = self._shares(start, end)
        whole = sum(self._low(day, np.floor(weights + _ROUNDED)) for day, weights in shares.items())
        if whole >= _LEAST:
            return int(whole)
        partly = sum(self._low(day, weights) for day, weights in shares.items())
        return int(partly) if partly >= _VERY_MANY else None

    def _low(self, day: date, weights: _Array) -> float:
        if not weights.any():
            return 0.0
        kind = self._weekend.get(day, day.weekday() < 5)
        others = self._alive & np.array([one != day for one in self._days], bool)
        known = others & ~np.isnan(self._table[:, weights > 0]).any(axis=1)
        alike = known & (self._working == kind)
        chosen = alike if alike.sum() >= _LEAST_DAYS else known
        if chosen.sum() < _LEAST_DAYS:
            return 0.0
        counts = np.nan_to_num(self._table[chosen])
        if weights.max() == 1.0 and weights.sum() <= _TWICE * _longest_rest(counts, weights):
            return 0.0
        around = np.stack([np.roll(weights, shift) for shift in range(-_AROUND, _AROUND + 1)], axis=1)
        return float(np.quantile(counts @ around, _FEW, axis=0, method="lower").min())

    def _shares(self, start: datetime, end: datetime) -> dict[date, _Array]:
        """Return of each local day how much of each of its slots lies between two moments."""
        shares: dict[date, _Array] = {}
        first, last = (start - _EPOCH) // SLOT, (end - _EPOCH) // SLOT
        slots = pl.DataFrame({"slot": range(first, last + 1)}).with_columns(
            pl.from_epoch(pl.col("slot") * int(SLOT.total_seconds())).dt.replace_time_zone("UTC").alias("time")
        )
        local = pl.col("time").dt.convert_time_zone(self._zone)
        slots = slots.with_columns(local.dt.date().alias("day"), (_minute(local) // 10).alias("at"))
        for time, day, at in slots.select("time", "day", "at").iter_rows():
            share = (min(end, time + SLOT) - max(start, time)) / SLOT
            shares.setdefault(day, np.zeros(_SLOTS))[at] += max(0.0, share)
        return shares


def _longest_rest(counts: _Array, weights: _Array) -> int:
    """Return how many slots in a row were silent on nearly all of some days, at the hours weighted or around them."""
    inside = np.flatnonzero(weights)
    near = counts[:, max(0, inside[0] - _AROUND) : inside[-1] + _AROUND + 1] < 1
    longest = running = np.zeros(len(near), int)
    for slot in near.T:
        running = (running + 1) * slot
        longest = np.maximum(longest, running)
    return int(np.quantile(longest, 1 - _FEW, method="higher"))


def _minute(local: pl.Expr) -> pl.Expr:
    return local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute().cast(pl.Int32)
