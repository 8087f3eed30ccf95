"""Evaluate one correlation batch by batch: carried rows and new ones, sorted by group, one window each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from detector.detect.rules import keys
from detector.detect.rules.batch import Batch, Rows, gather
from detector.detect.rules.carry import Carry
from detector.detect.rules.firing import Firing, fire
from detector.detect.rules.kept import column_of, own_columns
from detector.detect.rules.keys import Bits, Index, Mask
from detector.detect.rules.measure import Numbers, measured
from detector.detect.rules.names import Names
from detector.detect.rules.sliding import Sliding, crowded
from detector.detect.rules.spec import Bounds, Correlation, Rule, given
from detector.detect.rules.temporal import in_order, near
from detector.detect.rules.view import Origin

EVIDENCE_ROWS = 1000
"""Rows of a window that are looked at for the accounts and addresses of its evidence, the latest ones."""

NONE: Final[Index] = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A correlation's condition met, and not muted: at which row of the batch, for whom, and by what.

    `previous` are the values that `custom.previous` asks for, `came_us` is how far time had come at an event that came
    too late to keep the order.
    """

    row: int
    key: tuple[str, ...]
    count: float
    start_us: int
    users: tuple[str, ...]
    addresses: tuple[str, ...]
    previous: Mapping[str, str | None] = field(default_factory=dict)
    came_us: int | None = None


@dataclass(slots=True, kw_only=True)
class _Found:
    """Candidate rows before muting: places in the windows, and what to make evidence of.

    `others` are the places of the events before with another value, by field.
    """

    windows: Sliding
    holds: Mask
    value: Numbers
    most: int = EVIDENCE_ROWS
    counted: Mask | None = None
    ends: Index | None = None
    evidence: list[Index] | None = None
    others: dict[str, Index] = field(default_factory=dict)

    def places(self, place: int) -> Index:
        """Give the places of the evidence of a match, in order."""
        if self.evidence is not None:
            found = np.array([one[place] for one in self.evidence])
            return np.unique(found[found >= 0])
        low = int(self.windows.lo[place])
        inside = np.arange(low, place + 1)
        if self.ends is not None:
            inside = inside[self.ends[low : place + 1] >= place]
        elif self.counted is not None:
            inside = inside[self.counted[low : place + 1]]
        return inside[-self.most :]


def _sharing(hashed: keys.Hashes, others: keys.Hashes) -> Mask:
    """Mark the rows that share a slot, and so perhaps a group, with any of `others`."""
    bits = keys.slot_bits(len(hashed))
    taken = np.zeros(1 << bits, dtype=np.bool_)
    taken[keys.slots(others, bits)] = True
    return taken[keys.slots(hashed, bits)]


def _at(rows: Index, size: int) -> Mask:
    mask = np.zeros(size, dtype=np.bool_)
    mask[rows] = True
    return mask


def _within(correlation: Correlation, most_us: int) -> Correlation:
    """Let no window of a correlation be longer than `most_us`."""
    most_us = most_us // 2 if correlation.fills_by_value else most_us  # its rows look back as long again
    measures = (
        one if one.span_us is None else replace(one, span_us=min(one.span_us, most_us)) for one in correlation.measures
    )
    return replace(correlation, span_us=min(correlation.span_us, most_us), measures=tuple(measures))


class Correlator:
    """Runs one correlation: `observe` in event order, any cut of the events gives the same matches.

    No window reaches further back than `retain_us`, whatever the rule says: for so long may a log-on be remembered.
    """

    def __init__(self, rule: Rule, correlation: Correlation, names: Names, *, max_rows: int, retain_us: int) -> None:
        self.rule = rule
        self.names = names
        self.correlation = correlation = _within(correlation, retain_us)
        self.carry = Carry(correlation, max_rows)
        self.firing = Firing(rule.mute_us)
        self._needed = self.carry.needs()
        self._inputs, self._longest_us = correlation.inputs, correlation.longest_us
        self._long = sum(1 << bit for bit, ref in enumerate(correlation.inputs) if ref in correlation.long)

    def observe(self, batch: Batch, hidden: Mask | None) -> list[Match]:
        """Find the matches in a batch, and note in `batch.matched` every row on which the condition holds."""
        batch.matched[self.rule.key] = NONE
        for name in self.correlation.previous:
            batch.put(given(self.rule.key, name), NONE, pl.Series(dtype=pl.String))
        if not any(len(batch.matched[ref]) for ref in self._inputs):
            self.carry.forget(batch.end_us - self._longest_us)
            return []
        rows = gather(batch, self._inputs, self.correlation.groups, hidden)
        matches = self._search(batch, rows) if len(rows.rows) else []
        self._carry_on(batch, rows)
        return matches

    def _carry_on(self, batch: Batch, rows: Rows) -> None:
        """Keep the rows that later windows may reach."""
        self.carry.forget(batch.end_us - self._longest_us)
        time = batch.time[rows.rows]
        kept = (time >= batch.end_us - self._longest_us) & (rows.bits & self._needed > 0)
        if self._long:  # only what is measured over longer must be kept longer
            kept &= (time >= batch.end_us - self.correlation.span_us) | (rows.bits & self._long > 0)
        chosen = np.flatnonzero(kept)
        if len(chosen):
            self.carry.keep(self._table(batch, rows, chosen))

    def _search(self, batch: Batch, rows: Rows) -> list[Match]:
        old, carried = len(self.carry), self.carry.hashed
        met = np.flatnonzero(_sharing(carried, rows.hashed))  # of a long window few groups come again in a batch
        hashed = np.concatenate([carried[met], rows.hashed])
        time = np.concatenate([self.carry.time[met], batch.time[rows.rows]])
        bits = np.concatenate([self.carry.bits[met], rows.bits])
        if self.correlation.measures:
            chosen = self._counted(batch, rows, met, hashed, time, bits)
        else:
            chosen = self._near(hashed, bits, len(met))
        if not len(chosen) or chosen[-1] < len(met):
            return []
        windows = Sliding(hashed[chosen], time[chosen], self.correlation.span_us)
        chosen = chosen[windows.order]
        placed = np.append(met, np.arange(old, old + len(rows.rows)))[chosen]
        found = self._measured(batch, rows, windows, placed, bits[chosen])
        found.holds &= placed >= old
        where = np.flatnonzero(found.holds)
        if not len(where):
            return []
        fresh = placed[where] - old
        batch.matched[self.rule.key] = np.unique(rows.rows[fresh])
        for name, other in found.others.items():
            some = other[where] >= 0
            texts = self._column(batch, rows, name, placed[other[where[some]]])
            batch.put(given(self.rule.key, name), rows.rows[fresh[some]], pl.Series(texts, dtype=pl.String))
        return self._fired(batch, rows, found, placed, where) if self.rule.output else []  # others read its rows alone

    def _counted(self, batch: Batch, rows: Rows, met: Index, hashed: keys.Hashes, time: Index, bits: Bits) -> Index:
        """Choose the rows of groups that may count enough, with all that is compared with the count."""
        inputs, old = self.correlation.inputs, len(met)
        first = self.correlation.measures[0]
        need = first.bounds.least if first.kind in {"event_count", "value_count"} else 1
        mask = sum(1 << inputs.index(ref) for ref in self.correlation.refs)
        others = ((1 << len(inputs)) - 1) & ~mask | self._long
        values = None
        if first.kind == "value_count" and need == 2:
            parts = [(self.carry.hashes(name)[met], batch.hashed(name)[rows.rows]) for name in first.fields]
            values = keys.combine([np.concatenate(both) for both in parts], len(hashed))
        if not others:
            return crowded(hashed, time, old, self.correlation.span_us, need, values)
        own = np.flatnonzero(bits & mask)
        required = self._required(bits)
        if len(own) < need or own[-1] < old or not all(map(len, required)):
            return own[:0]
        fresh = int(np.searchsorted(own, old))
        mine = None if values is None else values[own]
        own = own[crowded(hashed[own], time[own], fresh, self.correlation.span_us, need, mine)]
        for marks in required:
            own = own[_sharing(hashed, hashed[marks])[own]] if len(own) else own
        if not len(own) or own[-1] < old:
            return own[:0]
        return np.flatnonzero(_sharing(hashed, hashed[own]) & ((bits & others > 0) | _at(own, len(bits))))

    def _required(self, bits: Bits) -> list[Index]:
        """Give the rows of other rules of which a group needs at least one, rule by rule."""
        inputs = self.correlation.inputs
        found = []
        for measure in self.correlation.measures[1:]:
            lower = any(operator in {"gt", "gte", "eq"} and number > 0 for operator, number in measure.bounds.pairs)
            if lower and measure.kind in {"event_count", "value_count"}:
                mask = sum(1 << inputs.index(ref) for ref in measure.refs)
                found.append(np.flatnonzero(bits & mask))
        return found

    def _near(self, hashed: keys.Hashes, bits: Bits, old: int) -> Index:
        """Choose the rows of groups in which the rules of a temporal condition may have matched."""
        inputs = self.correlation.inputs
        ways = self.correlation.ways
        if isinstance(self.correlation.expression, Bounds):
            ways = tuple(((ref,), ()) for ref in self.correlation.refs)
        chosen = np.zeros(len(bits), dtype=np.bool_)
        for wanted, _ in ways:
            way = np.ones(len(bits), dtype=np.bool_)
            for marks in sorted((np.flatnonzero(bits & (1 << inputs.index(ref))) for ref in wanted), key=len):
                if not len(marks):  # the rarest rule comes first: where it is absent nothing more has to be asked
                    way[:] = False
                    break
                way &= _sharing(hashed, hashed[marks])
            chosen |= way
        return np.flatnonzero(chosen) if chosen[old:].any() else np.zeros(0, dtype=np.int64)

    def _measured(self, batch: Batch, rows: Rows, windows: Sliding, placed: Index, bits: Bits) -> _Found:
        correlation = self.correlation
        marks = {ref: bits & np.uint32(1 << i) > 0 for i, ref in enumerate(correlation.inputs)}
        if correlation.cancel:
            cancelled = np.any([marks[ref] for ref in correlation.cancel], axis=0)
            marks |= {ref: marks[ref] & ~cancelled for ref in correlation.refs}
            windows.cut_at(cancelled)
        own = np.any([marks[ref] for ref in correlation.refs], axis=0)
        if not correlation.measures:
            if correlation.kind == "temporal":
                met = near(windows, marks, correlation.refs, correlation.expression or correlation.ways)
            else:
                met = in_order(windows, marks, correlation.ways, correlation.context)
            return _Found(windows=windows, holds=met.holds & own, value=met.value, evidence=met.evidence)
        if correlation.gap_us is not None:
            windows.pause_at(own, correlation.gap_us)
        if correlation.counts_rows:
            windows.keep_last(own, correlation.cap)
        view = Origin(carry=self.carry, batch=batch, rows=rows.rows, placed=placed).view(windows, marks)
        first = measured(correlation.measures[0], view, correlation.cap, None)
        holds = first.holds & own
        for measure in correlation.measures[1:]:
            if not holds.any():
                break
            holds &= measured(measure, view, correlation.cap, first.value).holds
        others = {name: windows.other(view.hashes[name], own & view.there[name]) for name in correlation.previous}
        return _Found(
            windows=windows,
            holds=holds,
            value=first.value,
            most=1 if correlation.travels else min(EVIDENCE_ROWS, correlation.cap),  # where a journey ends
            counted=first.counted,
            ends=first.ends,
            others=others,
        )

    def _fired(self, batch: Batch, rows: Rows, found: _Found, placed: Index, where: Index) -> list[Match]:
        """Choose the rows at which the rule speaks, and describe them."""
        old = len(self.carry)
        group = np.searchsorted(found.windows.starts, where, "right")
        heads = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
        found_keys = rows.keys_of(batch, placed[where[heads]] - old).rows() if self.correlation.group_names else [()]
        spoken = [
            (int(where[begin + at]), key)
            for key, begin, end in zip(found_keys, heads, np.append(heads[1:], len(where)), strict=True)
            for at in fire(self.firing, key, found.windows.time[where[begin:end]])
        ]
        evidence = [found.places(place) for place, _ in spoken]
        names = [key for _, key in spoken]
        found_rows = [int(rows.rows[placed[place] - old]) for place, _ in spoken]
        users = self._texts(batch, rows, placed, evidence, "user.name", names)
        addresses = self._texts(batch, rows, placed, evidence, "source.ip", names)
        return [
            Match(
                row=row,
                key=key,
                count=float(found.value[place]),
                start_us=int(found.windows.time[places[0] if len(places) else place]),
                users=who,
                addresses=where_from,
                previous={name: batch.column(given(self.rule.key, name))[row] for name in found.others},
            )
            for (place, key), row, places, who, where_from in zip(
                spoken, found_rows, evidence, users, addresses, strict=True
            )
        ]

    def _texts(
        self, batch: Batch, rows: Rows, placed: Index, evidence: list[Index], name: str, names: list[tuple[str, ...]]
    ) -> list[tuple[str, ...]]:
        """Give the distinct values of a column over the evidence of each match, sorted."""
        if not evidence:
            return []
        known = self.correlation.key_place(name)
        if known is not None:
            return [(key[known],) for key in names]
        texts = self._column(batch, rows, name, placed[np.concatenate(evidence)])
        ends = np.cumsum([len(places) for places in evidence])
        return [tuple(sorted({*part} - {None})) for part in np.split(texts, ends[:-1])]

    def _column(self, batch: Batch, rows: Rows, name: str, chosen: Index) -> npt.NDArray[np.object_]:
        """Give the texts of a column at carried and new rows, the carried ones numbered first."""
        old = len(self.carry)
        carried = chosen < old
        texts = np.empty(len(chosen), dtype=object)
        before = self.carry.table[column_of(self.correlation, name)][chosen[carried]]
        texts[carried] = self.names.of(name, before) if before.dtype == pl.UInt64 else before.to_numpy()
        texts[~carried] = keys.text(batch.column(name)[rows.rows[chosen[~carried] - old]]).to_numpy()
        return texts

    def _table(self, batch: Batch, rows: Rows, chosen: Index) -> pl.DataFrame:
        """Make the rows to carry. Shapes: n places of `rows` -> n rows in `kept.table_schema`."""
        correlation, at = self.correlation, rows.rows[chosen]
        columns = [pl.Series("time", batch.time[at]), pl.Series("bits", rows.bits[chosen])]
        for place in range(len(correlation.group_names)):
            hashed = self.carry.schema[f"g{place}"] == pl.UInt64
            key = rows.numbers_of(batch, place, chosen) if hashed else rows.keys_of(batch, chosen)[f"g{place}"]
            columns.append(key.alias(f"g{place}"))
        columns += [batch.name(name, at).alias(f"h:{name}") for name in correlation.evidence]
        for name, column in own_columns(correlation).items():
            values = batch.numbered(name) if column.startswith("h:") else keys.text(batch.column(name))
            columns.append(values[at].alias(column))
        columns += [batch.column(name)[at].cast(pl.Int64).alias(f"n:{name}") for name in correlation.number_fields]
        return pl.DataFrame(columns).cast({"bits": self.carry.schema["bits"]})
