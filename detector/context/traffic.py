"""Remember how many lines came in each quarter of an hour of the last weeks, to hold a silence against."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

QUARTER: Final = timedelta(minutes=15)
_QUARTERS: Final = 96

KEPT_DAYS: Final = 60
"""Kept: for days off, of which there are two a week, it takes so long to have seen a few."""

COMPARED: Final = 20
"""Days alike that are looked back to: four weeks of working days, so that a portal that shrinks is followed."""

LEAST_DAYS: Final = 7
"""Days alike from which on anything is usual. Among so many working days is every day of the week."""

HABIT: Final = 3
"""Silences at one hour, among the days compared, that make it a habit: such as a nightly maintenance."""

_BLIND: Final = -1
"""In the place of a count: the portal was silent as it never is, which teaches nothing."""

Working = Callable[[date], bool | None]
"""Whether a local day is neither a weekend nor a day off."""


class Traffic:
    """Lines by local day and quarter of an hour, and the time of the last one. Late lines are left out.

    Cold: below LEAST_DAYS days alike nothing is usual. The first day of all is not whole and counts for nothing.
    """

    def __init__(self, zone: ZoneInfo, working: Working) -> None:
        self._zone, self._working = zone, working
        self.days: dict[date, list[int]] = {}
        self.last: datetime | None = None
        self._least: dict[tuple[date, bool], list[int] | None] = {}

    def observe(self, times: pl.Series) -> None:
        """Count lines that came in time. Shapes: n Datetime(UTC), in order."""
        if times.is_empty():
            return
        quarters = times.dt.truncate("15m").alias("at").to_frame().group_by("at").len()
        for at, count in quarters.iter_rows():
            day, quarter = self._local(at)
            if day not in self.days:
                self.days[day] = [0] * _QUARTERS
                for old in sorted(self.days)[1:-KEPT_DAYS]:  # the first of all stays: it is known as such
                    del self.days[old]
            if self.days[day][quarter] != _BLIND:
                self.days[day][quarter] += count
        last = times[-1]
        self.last = last if self.last is None else max(last, self.last)

    def blind(self, since: datetime, until: datetime) -> None:
        """Let a silence teach nothing, the quarters in which it began and ended included."""
        self.days.setdefault(self._local(until)[0], [0] * _QUARTERS)
        at = _floor(since)
        while at <= until:
            day, quarter = self._local(at)
            if day in self.days:
                self.days[day][quarter] = _BLIND
            at += QUARTER
        self._least.clear()

    def least(self, at: datetime, since: datetime) -> int:
        """Return how many lines came at least in the quarter of `at` on days like that, before the day of `since`.

        0 where nothing is known.
        """
        day, quarter = self._local(at)
        key = self._local(since)[0], bool(self._working(day))
        if key not in self._least:
            self._least = {one: counts for one, counts in self._least.items() if one[0] == key[0]}
            self._least[key] = self._learned(*key)
        counts = self._least[key]
        return 0 if counts is None else counts[quarter]

    def known_days(self, at: datetime) -> int:
        """Return on how many days what is usual at a time rests."""
        day = self._local(at)[0]
        return len(self._alike(day, bool(self._working(day))))

    def _alike(self, before: date, working: bool) -> list[list[int]]:
        known = sorted(self.days)[1:]
        return [self.days[one] for one in known if one < before and bool(self._working(one)) == working][-COMPARED:]

    def _learned(self, before: date, working: bool) -> list[int] | None:
        alike = self._alike(before, working)
        return None if len(alike) < LEAST_DAYS else [_least(counts) for counts in zip(*alike, strict=True)]

    def _local(self, at: datetime) -> tuple[date, int]:
        local = at.astimezone(self._zone)
        return local.date(), local.hour * 4 + local.minute // 15

    def snapshot(self) -> dict[str, bytes]:
        """Return the counts, for `restore`."""
        days = {day.isoformat(): counts for day, counts in sorted(self.days.items())}
        told = {"days": days, "last": self.last and self.last.isoformat()}
        return {"traffic": json.dumps(told, separators=(",", ":")).encode()}

    def restore(self, saved: Mapping[str, bytes]) -> None:
        """Take up the counts that `snapshot` gave; a state from before there were any has none."""
        told = json.loads(saved.get("traffic", b'{"days": {}, "last": null}'))
        self.days = {date.fromisoformat(day): counts for day, counts in told["days"].items()}
        self.last = told["last"] and datetime.fromisoformat(told["last"])
        self._least.clear()


def _least(counts: tuple[int, ...]) -> int:
    seen = [count for count in counts if count != _BLIND]
    return 0 if len(counts) - len(seen) >= HABIT else min(seen, default=0)


def _floor(at: datetime) -> datetime:
    seconds = at.timestamp() // QUARTER.total_seconds() * QUARTER.total_seconds()
    return datetime.fromtimestamp(seconds, UTC)
