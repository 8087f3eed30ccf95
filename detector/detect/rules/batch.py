"""Hold a batch of events while rules look at it: times, key hashes worked out once, and which rows matched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from detector.detect.rules import keys
from detector.detect.rules.fields import resolve
from detector.detect.rules.keys import Bits, Hashes, Index, Mask
from detector.schema import LATE


class Batch:
    """A batch of events in event time order.

    `live` marks the rows that correlations see: not late, and (should the order be broken) not before an
    earlier row. `reached` is how far time had come at each row. `matched` gives for each rule key the live rows it
    holds on, `named` marks by column the rows whose text windows keep the hash of.
    """

    def __init__(self, events: pl.DataFrame, after_us: int) -> None:
        self.events = events
        self.time: Index = events["@timestamp"].to_physical().to_numpy()
        late = events[LATE].fill_null(False).to_numpy() if LATE in events.columns else np.zeros(len(events), np.bool_)
        self.reached: Index = np.maximum.accumulate(np.maximum(self.time, after_us))
        self.live: Mask = ~late & (self.time >= self.reached)
        self.all_live = bool(self.live.all())
        self.end_us = int(self.reached[-1]) if len(events) else after_us
        self.matched: dict[str, Index] = {}
        self.named: dict[str, Mask] = {}
        self._columns: dict[str, pl.Series] = {}
        self._hashes: dict[str, Hashes] = {}
        self._absent: dict[str, Mask | None] = {}

    def column(self, name: str) -> pl.Series:
        """Give a column (a derived one is worked out once)."""
        if name not in self._columns:
            column = resolve(name)
            if column is None:
                raise ValueError(f"no field {name!r}")
            self._columns[name] = self.events.select(column.expression().alias(name)).to_series()
        return self._columns[name]

    def put(self, name: str, rows: Index, values: pl.Series) -> None:
        """Add a column of a rule's own: `values` at `rows`, null elsewhere."""
        column = pl.Series([None], dtype=pl.String).new_from_index(0, self.events.height)
        self._columns[name] = column.scatter(rows, values) if len(rows) else column
        self._hashes.pop(name, None)
        self._absent.pop(name, None)

    def hashed(self, name: str) -> Hashes:
        """Give the hashes of a column's texts."""
        if name not in self._hashes:
            self._hashes[name] = keys.hashes(self.column(name))
        return self._hashes[name]

    def numbered(self, name: str) -> pl.Series:
        """Give the hashes of a column's texts as a column, null where there is no value."""
        numbers, absent = pl.Series(self.hashed(name)), self.absent(name)
        return numbers if absent is None else numbers.set(pl.Series(absent), None)

    def name(self, name: str, rows: Index) -> pl.Series:
        """Give the hashes of a column's texts at `rows`, and note that the texts are needed."""
        self.named.setdefault(name, np.zeros(self.events.height, dtype=np.bool_))[rows] = True
        return self.numbered(name)[rows]

    def absent(self, name: str) -> Mask | None:
        """Mark the rows where a column has no value; None if all have one."""
        if name not in self._absent:
            column = self.column(name)
            self._absent[name] = column.is_null().to_numpy() if column.null_count() else None
        return self._absent[name]


@dataclass(slots=True, kw_only=True)
class Rows:
    """The rows of a batch that one correlation reads, in order, with the key of each.

    `bits` has bit i set where the correlation's input i matched; `columns` are the key columns of each
    part of `rows`: one part, unless aliases group the inputs by different columns.
    """

    rows: Index
    bits: Bits
    hashed: Hashes
    key: pl.DataFrame | None
    columns: tuple[str, ...]

    def keys_of(self, batch: Batch, chosen: Index) -> pl.DataFrame:
        """Give the key texts of chosen rows. Shapes: n positions -> n rows, a column `g0`, `g1`... a key."""
        return pl.DataFrame(self.key_columns(batch))[self.rows[chosen]] if self.key is None else self.key[chosen]

    def numbers_of(self, batch: Batch, place: int, chosen: Index) -> pl.Series:
        """Give the hashes of one key of chosen rows. Shapes: n positions -> n hashes."""
        if self.key is not None:
            return keys.numbered(self.key[f"g{place}"][chosen])
        return pl.Series(batch.hashed(self.columns[place])[self.rows[chosen]])

    def key_columns(self, batch: Batch) -> list[pl.Series]:
        """Give the key columns of all the batch as text, `g0`, `g1`..."""
        return [keys.text(batch.column(name)).alias(f"g{i}") for i, name in enumerate(self.columns)]


def gather(batch: Batch, inputs: Sequence[str], groups: Mapping[str, tuple[str, ...]], hidden: Mask | None) -> Rows:
    """Collect the rows that any of `inputs` matched; rows with a null key belong to no group.

    `hidden` marks rows that an allow-list keeps from this correlation.
    """
    ways = {groups[ref] for ref in inputs}
    if len(ways) > 1:
        return _gather_aliased(batch, inputs, groups, hidden)
    (columns,) = ways
    if len(inputs) == 1:
        rows = batch.matched[inputs[0]]
        bits = np.ones(len(rows), dtype=np.uint32)
    else:
        marks = np.zeros(batch.events.height, dtype=np.uint32)
        for bit, ref in enumerate(inputs):
            marks[batch.matched[ref]] |= np.uint32(1 << bit)
        rows = np.flatnonzero(marks)
        bits = marks[rows]
    kept = _with_keys(batch, rows, columns, hidden)
    if kept is not None:
        rows, bits = rows[kept], bits[kept]
    hashed = keys.combine([batch.hashed(name)[rows] for name in columns], len(rows))
    return Rows(rows=rows, bits=bits, hashed=hashed, key=None, columns=columns)


def _with_keys(batch: Batch, rows: Index, columns: tuple[str, ...], hidden: Mask | None) -> Mask | None:
    """Mark the rows that have every key and are not hidden; None if all do."""
    unwanted = None if hidden is None else hidden[rows]
    for name in columns:
        absent = batch.absent(name)
        if absent is not None:
            unwanted = absent[rows] if unwanted is None else unwanted | absent[rows]
    return None if unwanted is None or not unwanted.any() else ~unwanted


def _gather_aliased(
    batch: Batch, inputs: Sequence[str], groups: Mapping[str, tuple[str, ...]], hidden: Mask | None
) -> Rows:
    parts: list[pl.DataFrame] = []
    for bit, ref in enumerate(inputs):
        rows = batch.matched[ref]
        kept = _with_keys(batch, rows, groups[ref], hidden)
        rows = rows if kept is None else rows[kept]
        texts = [keys.text(batch.column(name)[rows]).alias(f"g{i}") for i, name in enumerate(groups[ref])]
        bits = np.full(len(rows), 1 << bit, dtype=np.uint32)
        parts.append(pl.DataFrame([pl.Series("row", rows), pl.Series("bits", bits), *texts]))
    names = [f"g{i}" for i in range(len(groups[inputs[0]]))]
    joined = pl.concat(parts).group_by("row", *names).agg(pl.col("bits").sum()).sort("row", *names)
    hashed = keys.combine([keys.hashes(joined[name]) for name in names], joined.height)
    bits = joined["bits"].to_numpy()
    return Rows(rows=joined["row"].to_numpy(), bits=bits, hashed=hashed, key=joined.select(names), columns=())
