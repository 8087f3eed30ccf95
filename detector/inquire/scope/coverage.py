"""Know of archives what they cover: lines of every file, lines by ten minutes, every silence, at the cost of a sample.

One line in `STEP` is read for its time. Where as many lines as elsewhere took unusually long, all between are read, so
that a silence is known to the line; one in which fewer than some dozens of lines would have come may go unseen.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from detector.collect.source.find import stream_of
from detector.schema import REJECT, empty

STEP: Final = 64
SLOT: Final = timedelta(minutes=10)
SILENCE: Final = timedelta(minutes=5)
_UNUSUAL: Final = 1.5
"""Times the median of the samples around. Assumption: counts of 64 lines vary by an eighth."""

_AROUND: Final = 5
_US: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Array = np.ndarray[Any, Any]

Times = Callable[[pl.DataFrame], pl.DataFrame]
"""Reads lines. Shapes: {line, log.offset} -> {log.offset, @timestamp}, without those that cannot be read."""


@dataclass(slots=True, kw_only=True)
class FileCover:
    """What one file holds.

    `parsed` lines were handed on as they may matter; `looked_at` lines were read for their time, of which `unread`
    could not be.

    Shapes: `rejects` REJECT.
    """

    path: str
    stream: str
    lines: int = 0
    parsed: int = 0
    looked_at: int = 0
    unread: int = 0
    first: datetime | None = None
    last: datetime | None = None
    rejects: pl.DataFrame = field(default_factory=lambda: empty(REJECT))


@dataclass(slots=True, kw_only=True)
class StreamCover:
    """What one log holds: lines by slot (a number since 1970), and every silence, in the order of its lines.

    `top` is the latest time so far: lines that come late open no silence.
    """

    slots: dict[int, float] = field(default_factory=dict)
    silences: list[tuple[datetime, datetime]] = field(default_factory=list)
    top: datetime | None = None


class Coverage:
    """Grows with every block of lines. Memory: a number for ten minutes and a pair for each silence."""

    def __init__(self) -> None:
        self.files: dict[str, FileCover] = {}
        self.streams: dict[str, StreamCover] = {}

    @property
    def lines(self) -> int:
        """Lines so far."""
        return sum(file.lines for file in self.files.values())

    def observe(self, stream: str, path: str, lines: pl.DataFrame, times: Times) -> None:
        """Note a block of lines in the file's order. Shapes: {line, log.offset}."""
        file = self.files.setdefault(path, FileCover(path=path, stream=stream))
        file.lines += lines.height
        if lines.is_empty():
            return
        numbered = lines.with_row_index("row")
        looked = np.zeros(lines.height, bool)
        looked[::STEP] = looked[-1] = True
        told = _read(file, numbered.filter(looked), times)
        slow = _slow(told, lines.height) & ~looked
        if slow.any():
            told = pl.concat([told, _read(file, numbered.filter(slow), times)]).sort("row")
        if not told.is_empty():
            _note(file, self.streams.setdefault(stream, StreamCover()), told, looked | slow)

    def refuse(self, path: str, rejects: pl.DataFrame) -> None:
        """Note lines that could not be read. Shapes: REJECT."""
        file = self.files.setdefault(path, FileCover(path=path, stream=stream_of(path)))
        file.rejects = pl.concat([file.rejects, rejects])


def _read(file: FileCover, some: pl.DataFrame, times: Times) -> pl.DataFrame:
    """Read the times of some lines. Shapes: -> {row, @timestamp}, fewer rows where lines cannot be read."""
    told = some.join(times(some.select("line", "log.offset")), on="log.offset", maintain_order="left")
    blank = int(some["line"].str.contains(r"^\s*$|^#").sum())
    file.looked_at += some.height - blank
    file.unread += max(0, some.height - blank - told.height)
    return told.select("row", "@timestamp")


def _slow(told: pl.DataFrame, height: int) -> _Array:
    """Mark the rows between two samples that lie further apart in time than those around."""
    marked = np.zeros(height, bool)
    rows, micros = told["row"].to_numpy(), told["@timestamp"].dt.epoch("us").to_numpy()
    took = pl.Series(np.diff(micros))
    usual = took.cast(pl.Float64).rolling_median(_AROUND, min_samples=1, center=True)
    for at in ((took >= SILENCE // _US) & (took > usual * _UNUSUAL)).arg_true():
        marked[rows[at] + 1 : rows[at + 1]] = True
    return marked


def _note(file: FileCover, cover: StreamCover, told: pl.DataFrame, looked: _Array) -> None:
    rows, micros = told["row"].to_numpy().astype(np.int64), told["@timestamp"].dt.epoch("us").to_numpy()
    first, last = _moment(micros.min()), _moment(micros.max())
    file.first = first if file.first is None else min(first, file.first)
    file.last = last if file.last is None else max(last, file.last)
    reached = np.maximum.accumulate(micros)
    if cover.top is not None:
        top = (cover.top - _EPOCH) // _US
        reached = np.maximum(reached, top)
        if reached[0] - top >= SILENCE // _US:
            cover.silences.append((cover.top, _moment(reached[0])))
    seen = np.cumsum(looked)
    whole = seen[rows[1:]] - seen[rows[:-1]] == np.diff(rows)  # nothing between them that was not looked at
    for at in np.flatnonzero((np.diff(reached) >= SILENCE // _US) & whole):
        cover.silences.append((_moment(reached[at]), _moment(reached[at + 1])))
    _count(cover, reached, rows, len(looked))
    cover.top = _moment(reached[-1])


def _count(cover: StreamCover, reached: _Array, rows: _Array, height: int) -> None:
    """Count the lines of each slot; those between two samples are spread evenly."""
    slot_us = SLOT // _US
    begin, end = int(reached[0]) // slot_us, int(reached[-1]) // slot_us + 1
    numbers = np.append(rows[1:], height)
    counted = np.interp(np.arange(begin, end + 1) * slot_us, reached, numbers, left=0, right=height)
    for slot, count in zip(range(begin, end), np.diff(counted), strict=True):
        if count > 0:
            cover.slots[slot] = cover.slots.get(slot, 0.0) + float(count)


def _moment(micros: np.int64) -> datetime:
    return _EPOCH + int(micros) * _US
