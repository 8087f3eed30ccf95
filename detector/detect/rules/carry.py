"""Keep the rows that a correlation's windows still need after a batch, and no more of them than allowed."""

import io

import polars as pl

from detector.detect.rules import keys
from detector.detect.rules.kept import column_of, hashed, own_columns, table_schema
from detector.detect.rules.keys import Bits, Hashes, Index
from detector.detect.rules.names import NAMED, Names
from detector.detect.rules.spec import Correlation
from detector.detect.rules.useful import Past
from detector.schema import appended, conform, detached

COMPACT_AT = 4096
"""Rows below which it is not worth looking for those that no window needs."""

WORTH = 0.8
"""Share of rows that must remain at most for it to be worth copying them."""


class Carry:
    """Rows of one correlation that later windows may reach, in event order: a `table` as `table_schema` has it.

    `evicted` counts the rows that were dropped because a group, or all of them, had too many.
    """

    def __init__(self, correlation: Correlation, max_rows: int) -> None:
        self.correlation = correlation
        self.max_rows = max_rows
        self.schema = table_schema(correlation)
        self.table = pl.DataFrame(schema=self.schema)
        self.evicted = 0
        self._compacted = 0
        self._inputs = {ref: 1 << bit for bit, ref in enumerate(correlation.inputs)}

    def __len__(self) -> int:
        return self.table.height

    @property
    def time(self) -> Index:
        """When each row was, in microseconds."""
        return self.table["time"].to_numpy()

    @property
    def bits(self) -> Bits:
        """Which inputs matched each row."""
        return self.table["bits"].to_numpy()

    @property
    def hashed(self) -> Hashes:
        """The group of each row."""
        return hashed(self.table, self.correlation)

    def forget(self, since_us: int) -> None:
        """Drop the rows before `since_us`, the earliest that a window can still reach."""
        old = self.table["time"].search_sorted(since_us, "left")
        if old:
            self.table = self.table[old:]

    def keep(self, table: pl.DataFrame) -> None:
        """Add rows, all of them later than those kept."""
        self.table = appended(self.table, table)
        if len(self) > min(COMPACT_AT + 2 * self._compacted, self.max_rows):
            self._compact()

    def hashes(self, name: str) -> Hashes:
        """Give the hashes of a text field."""
        return keys.hashes(self.table[column_of(self.correlation, name)])

    def needs(self) -> int:
        """Give the bits of the inputs whose rows must be kept: the last of an order is not waited for."""
        correlation = self.correlation
        bits = (1 << len(correlation.inputs)) - 1
        if correlation.kind == "temporal_ordered":
            last = {wanted[-1] for wanted, _ in correlation.ways}
            earlier = {ref for wanted, unwanted in correlation.ways for ref in (*wanted[:-1], *unwanted)}
            for ref in last - earlier - set(correlation.cancel):
                bits &= ~self._inputs[ref]
        return bits

    def _compact(self) -> None:
        kept, beyond_cap = Past(self.correlation, self.table).useful()
        if len(kept) < WORTH * len(self):
            self.evicted += beyond_cap
            self.table = detached(self.table[kept])
            self._compacted = len(self)
        else:
            self._compacted = 2 * len(self)  # hardly any row repeats another: look again much later
        over = len(self) - self.max_rows
        if over > 0:
            self.evicted += over
            self.table = detached(self.table[over:])

    def dump(self) -> bytes:
        """Write the rows as Arrow IPC."""
        sink = io.BytesIO()
        self.table.write_ipc(sink)
        return sink.getvalue()

    def load(self, data: bytes, names: Names) -> None:
        """Read back what `dump` wrote. A state of before kept texts: `names` takes those that are evidence."""
        saved = pl.read_ipc(io.BytesIO(data))
        for name in NAMED:
            if name in saved.columns:
                saved = saved.with_columns(names.take(name, saved[name]).alias(f"h:{name}"))
        for name, column in own_columns(self.correlation).items():
            if column not in saved.columns:
                saved = saved.with_columns(keys.numbered(saved[f"v:{name}"]).alias(column))
        for name, kind in self.schema.items():
            if name.startswith("g") and kind == pl.UInt64:
                saved = saved.with_columns(keys.numbered(saved[name]).alias(name))
        self.table = conform(saved, self.schema)
        self._compacted = len(self)
