"""Remember how much was read on each day, and how much could not be: the health of a detector over weeks."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

import polars as pl

from detector.schema import LATE

DAYS: Final = 60
NAME: Final = "intake"


class Intake:
    """Events, rejects and late events by local day, and the time of the latest event.

    A reject has no time of its own: it counts for the day of the latest event before it.
    """

    def __init__(self) -> None:
        self.days: dict[date, list[int]] = {}
        self.last: datetime | None = None

    def observe(self, events: pl.DataFrame, rejects_count: int) -> None:
        """Count what was read. Shapes: EVENT with LATE."""
        dated = events.group_by("portal.local_date").agg(pl.len(), pl.col(LATE).sum()).drop_nulls()
        for day, count, late in dated.iter_rows():
            self._add(day, count, 0, late)
        last = events.get_column("@timestamp").max()
        if isinstance(last, datetime):
            self.last = max(last, self.last or last)
        if rejects_count and self.days:
            self._add(max(self.days), 0, rejects_count, 0)
        for old in sorted(self.days)[:-DAYS]:
            del self.days[old]

    def _add(self, day: date, *counts: int) -> None:
        before = self.days.get(day, [0, 0, 0])
        self.days[day] = [one + more for one, more in zip(before, counts, strict=True)]

    def snapshot(self) -> dict[str, bytes]:
        """Return the figures, for `restore`."""
        days = {day.isoformat(): counts for day, counts in sorted(self.days.items())}
        told = {"days": days, "last": self.last.isoformat() if self.last else None}
        return {NAME: json.dumps(told, separators=(",", ":")).encode()}

    def restore(self, saved: Mapping[str, bytes]) -> None:
        """Take up the figures that `snapshot` gave."""
        told = json.loads(saved[NAME])
        self.days = {date.fromisoformat(day): counts for day, counts in told["days"].items()}
        self.last = datetime.fromisoformat(told["last"]) if told["last"] else None
