"""Keep the rows that a correlation's windows still need after a batch, and no more of them than allowed."""

import io

import numpy as np
import polars as pl

from detector.detect.rules import keys
from detector.detect.rules.kept import column_of, own_columns, table_schema
from detector.detect.rules.keys import Bits, Hashes, Index
from detector.detect.rules.spec import Correlation
from detector.detect.rules.useful import Past
from detector.schema import appended, conform, detached

COMPACT_AT = 4096
"""Rows below which it is not worth looking for those that no window needs."""

WORTH = 0.8
"""Share of rows that must remain at most for it to be worth copying them."""


class Carry:
    """Rows of one correlation that later windows may reach, in event order.

    `time`, `bits` (which inputs matched) and `hashed` (the group) stand beside `table`, row by row. `evicted`
    counts the rows that were dropped because a group, or all of them, had too many.
    """

    def __init__(self, correlation: Correlation, max_rows: int) -> None:
        self.correlation = correlation
        self.max_rows = max_rows
        self.schema = table_schema(correlation)
        self.table = pl.DataFrame(schema=self.schema)
        self.time: Index = np.zeros(0, dtype=np.int64)
        self.bits: Bits = np.zeros(0, dtype=np.uint32)
        self.hashed: Hashes = np.zeros(0, dtype=np.uint64)
        self.evicted = 0
        self._compacted = 0
        self._inputs = {ref: 1 << bit for bit, ref in enumerate(correlation.inputs)}

    def __len__(self) -> int:
        return len(self.time)

    def forget(self, since_us: int) -> None:
        """Drop the rows before `since_us`, the earliest that a window can still reach."""
        old = int(np.searchsorted(self.time, since_us, "left"))
        if old:
            self.time, self.bits, self.hashed = self.time[old:], self.bits[old:], self.hashed[old:]
            self.table = self.table[old:]

    def keep(self, time: Index, bits: Bits, hashed: Hashes, table: pl.DataFrame) -> None:
        """Add rows, all of them later than those kept."""
        self.time = np.concatenate([self.time, time])
        self.bits = np.concatenate([self.bits, bits])
        self.hashed = np.concatenate([self.hashed, hashed])
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
        kept, beyond_cap = Past(self.correlation, self.time, self.hashed, self.bits, self.table).useful()
        if len(kept) < WORTH * len(self):
            self.evicted += beyond_cap
            self._take(kept)
            self._compacted = len(self)
        else:
            self._compacted = 2 * len(self)  # hardly any row repeats another: look again much later
        over = len(self) - self.max_rows
        if over > 0:
            self.evicted += over
            self._take(np.arange(over, len(self)))

    def _take(self, rows: Index) -> None:
        self.time, self.bits, self.hashed = self.time[rows], self.bits[rows], self.hashed[rows]
        self.table = detached(self.table[rows])

    def dump(self) -> bytes:
        """Write the rows as Arrow IPC."""
        sink = io.BytesIO()
        self.table.with_columns(time=self.time, bits=self.bits).rechunk().write_ipc(sink)
        return sink.getvalue()

    def load(self, data: bytes) -> None:
        """Read back what `dump` wrote; the hashes are worked out anew."""
        saved = pl.read_ipc(io.BytesIO(data))
        for name, column in own_columns(self.correlation).items():
            if column not in saved.columns:  # a state of when texts were kept that are only told apart
                saved = saved.with_columns(keys.numbered(saved[f"v:{name}"]).alias(column))
        self.table = conform(saved, self.schema)
        self.time = saved["time"].to_numpy().astype(np.int64)
        self.bits = saved["bits"].to_numpy().astype(np.uint32)
        count = len(self.correlation.group_names)
        self.hashed = keys.combine([keys.hashes(self.table[f"g{i}"]) for i in range(count)], len(self))
        self._compacted = len(self)
