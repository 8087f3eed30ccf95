"""Tell which rows of the past a correlation's windows can still need: so many of each group at most."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from detector.detect.rules import keys
from detector.detect.rules.kept import column_of, hashed
from detector.detect.rules.keys import Bits, Index, Mask
from detector.detect.rules.spec import Correlation, Measure


class Past:
    """Rows that a correlation keeps, given in event order, held sorted by group; masks have one place a row there."""

    def __init__(self, correlation: Correlation, table: pl.DataFrame) -> None:
        self.correlation = correlation
        groups = hashed(table, correlation)
        self.order: Index = keys.order(groups)
        ordered = groups[self.order]
        starts = np.ones(len(ordered), dtype=np.bool_)
        starts[1:] = ordered[1:] != ordered[:-1]
        self.place = np.arange(len(ordered))
        self.group: Index = np.cumsum(starts) - 1
        self.begin: Index = np.flatnonzero(starts)[self.group]
        time = table["time"].to_numpy()
        self.age_us: Index = time[-1:] - time[self.order]
        self.bits: Bits = table["bits"].to_numpy()[self.order]
        self.table = table

    def useful(self) -> tuple[Index, int]:
        """Give the rows to keep, in event order, and how many more it would be if the rule had no cap."""
        wanted = np.zeros(len(self.order), dtype=np.bool_)
        kept = wanted.copy()
        for candidates, count in self._needs():
            wanted |= candidates
            kept |= candidates if count is None else self._last(candidates, count)
        return np.sort(self.order[kept]), int(np.count_nonzero(wanted & ~kept))

    def _needs(self) -> Iterator[tuple[Mask, int | None]]:
        """Yield marked rows of which the last so many of each group are needed, or all."""
        correlation = self.correlation
        for ref in correlation.cancel:
            yield self._last(self._of((ref,)), 1), None
        if correlation.kind == "temporal_ordered":
            for wanted, unwanted in correlation.ways:
                yield self._chains(wanted), None
                for ref in unwanted:
                    yield self._last(self._of((ref,)), 1), None
        elif correlation.kind == "temporal":
            for ref in correlation.refs:
                yield self._last(self._of((ref,)), 1), None
        for place, measure in enumerate(correlation.measures):
            yield from self._of_measure(measure, first=place == 0)
        for name in correlation.previous:
            latest = self._latest(self._of(correlation.refs) & self._there((name,)), (name,))
            yield self._last(latest, 2), None

    def _of_measure(self, measure: Measure, *, first: bool) -> Iterator[tuple[Mask, int | None]]:
        correlation = self.correlation
        span_us = correlation.span_us if measure.span_us is None else measure.span_us
        spans = 2 if first and correlation.fills_by_value else 1
        marked = self._of(measure.refs) & (self.age_us <= spans * span_us)
        if first and correlation.counts_rows:  # the next event is the last row of its window itself
            count = (correlation.cap - 1) * spans
            yield (self._last(marked, count), None) if correlation.of_pairs else (marked, count)
        elif measure.kind == "value_count":
            yield self._latest(marked & self._there(measure.fields), measure.fields), correlation.cap
        elif measure.kind in {"pause", "travel"}:
            yield self._last(marked, 1), None
        else:
            yield marked & self._there(measure.fields), correlation.cap

    def _of(self, refs: tuple[str, ...]) -> Mask:
        inputs = self.correlation.inputs
        mask: Mask = self.bits & np.uint32(sum(1 << inputs.index(ref) for ref in set(refs))) > 0
        return mask

    def _there(self, names: tuple[str, ...]) -> Mask:
        there = np.ones(len(self.order), dtype=np.bool_)
        for name in names:
            text = name in self.correlation.text_fields
            column = self.table[column_of(self.correlation, name) if text else f"n:{name}"]
            if column.null_count():
                there &= column.is_not_null().to_numpy()[self.order]
        return there

    def _last(self, marked: Mask, count: int) -> Mask:
        """Mark of the marked rows the last `count` of each group."""
        kept = np.zeros(len(self.order), dtype=np.bool_)
        if count:
            rows = np.flatnonzero(marked)
            group = self.group[rows]
            far = np.zeros(len(rows), dtype=np.bool_)
            far[:-count] = group[:-count] == group[count:]
            kept[rows[~far]] = True
        return kept

    def _latest(self, marked: Mask, names: tuple[str, ...]) -> Mask:
        """Mark of the marked rows the latest of each group and value."""
        rows = np.flatnonzero(marked)
        columns = (self.table[column_of(self.correlation, name)] for name in names)
        values = (keys.hashes(column[self.order[rows]]) for column in columns)
        mixed = keys.combine([self.group[rows].astype(np.uint64), *values], len(rows))
        found = keys.order(mixed)
        ends = np.ones(len(rows), dtype=np.bool_)
        ends[:-1] = mixed[found][1:] != mixed[found][:-1]
        kept = np.zeros(len(self.order), dtype=np.bool_)
        kept[rows[found[ends]]] = True
        return kept

    def _chains(self, wanted: tuple[str, ...]) -> Mask:
        """Mark the rows of the latest chain that each beginning of an order makes: the rest cannot begin later."""
        kept = np.zeros(len(self.order), dtype=np.bool_)
        last = {ref: np.maximum.accumulate(np.where(self._of((ref,)), self.place, -1)) for ref in wanted}
        ends = np.append(self.begin[1:] != self.begin[:-1], True) if len(self.place) else kept
        for length in range(1, len(wanted) + 1):
            begin, found = self.begin[ends], last[wanted[length - 1]][ends]
            for ref in reversed(wanted[: length - 1]):
                inside = found >= begin
                begin, found = begin[inside], found[inside]
                kept[found] = True
                found = np.where(found > begin, last[ref][found - 1], -1)
            kept[found[found >= begin]] = True
        return kept
