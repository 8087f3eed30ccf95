"""Slide a window of event time over rows sorted by group: counts, sums, distinct values, in columns.

Every array has one place a row; rows of one group stand together in event order. The window of row i
reaches from `lo[i]` to i.
"""

from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.detect.rules import keys
from detector.detect.rules.keys import Hashes, Index, Mask

MANY = 20
"""Rows from which on groups are counted by slots before they are sorted: few have so many."""


def crowded(
    hashed: Hashes, time: Index, fresh_from: int, span_us: int, need: int, values: Hashes | None = None
) -> Index:
    """Give the rows of the groups in which some new row (from `fresh_from`) is the last of `need` within the span.

    With `values` (and a `need` of two), instead: in which two rows next to each other differ, new or not, and
    some row is new. A window with two distinct values holds such a pair.
    """
    rows = _numerous(hashed, need)
    if rows is not None:
        some = None if values is None else values[rows]
        fresh = int(np.searchsorted(rows, fresh_from))
        found = _crowded(hashed[rows], time[rows], fresh, span_us, need, some) if fresh < len(rows) else rows[:0]
        return rows[found]
    return _crowded(hashed, time, fresh_from, span_us, need, values)


def _numerous(hashed: Hashes, need: int) -> Index | None:
    """Give the rows whose group may have `need` rows at all; None where it does not pay to ask."""
    if need < MANY:
        return None
    bits = keys.slot_bits(len(hashed) // 4)
    slot = keys.slots(hashed, bits)
    return np.flatnonzero((np.bincount(slot, minlength=1 << bits) >= need)[slot])


def _crowded(hashed: Hashes, time: Index, fresh_from: int, span_us: int, need: int, values: Hashes | None) -> Index:
    order = keys.order(hashed)
    ordered = hashed[order]
    back = max(need - 1, 0)
    fresh = order >= fresh_from
    if values is None:
        ends = fresh[back:]
    else:
        placed = values[order]
        ends = placed[1:] != placed[:-1]
    if back:
        moments = time[order]
        ends = ends & (ordered[back:] == ordered[:-back]) & (moments[back:] - moments[:-back] <= span_us)
    found = np.flatnonzero(ends) + back
    if not len(found):
        return found
    starts = np.ones(len(ordered), dtype=np.bool_)
    starts[1:] = ordered[1:] != ordered[:-1]
    group = np.cumsum(starts) - 1
    chosen = np.zeros(int(group[-1]) + 1, dtype=np.bool_)
    chosen[group[found]] = True
    if values is not None:
        renewed = np.zeros(len(chosen), dtype=np.bool_)
        renewed[group[fresh]] = True
        chosen &= renewed
    return np.sort(order[chosen[group]])


class Sliding:
    """Windows over rows, which are given in event order and held sorted by group.

    `order` gives for each place the row that was given; `starts` the place where each group begins.

    Args:
        hashed: group of each row.
        time: event time in microseconds, never falling.
        span_us: a window holds rows at most this much older than its last.
    """

    def __init__(self, hashed: Hashes, time: Index, span_us: int) -> None:
        self.order: Index = keys.order(hashed)
        ordered = hashed[self.order]
        self.rows = len(ordered)
        self.place = np.arange(self.rows, dtype=np.int64)
        starts = np.ones(self.rows, dtype=np.bool_)
        starts[1:] = ordered[1:] != ordered[:-1]
        self.starts: Index = np.flatnonzero(starts)
        self.time: Index = time[self.order]
        moments = np.concatenate(([True], time[1:] != time[:-1]))
        times = time[moments]
        self._rank = (np.cumsum(moments) - 1)[self.order]
        self._group = np.cumsum(starts) - 1
        self._width = len(times)
        self._sorted = self._group * self._width + self._rank
        self._times = times
        self._span(span_us)

    def _span(self, span_us: int) -> None:
        first = np.searchsorted(self._times, self._times - span_us, "left")
        self._last_rank = np.searchsorted(self._times, self._times + span_us, "right") - 1
        self.lo: Index = np.searchsorted(self._sorted, self._group * self._width + first[self._rank], "left")
        self._until: Index | None = None

    def spanning(self, span_us: int) -> "Sliding":
        """Give windows over the same rows that last `span_us`."""
        other = copy(self)
        other._span(span_us)
        return other

    def cut_at(self, marks: Mask) -> None:
        """Let windows begin after the last marked row: a success clears the failures before it."""
        last = np.maximum.accumulate(np.where(marks, self.place, -1))
        self.lo = np.maximum(self.lo, last + 1)
        self._limit(self._next(marks) - 1)

    def pause_at(self, counted: Mask, gap_us: int) -> None:
        """Let windows begin at the first counted row after a pause longer than `gap_us`."""
        rows = np.flatnonzero(counted)
        fresh = np.ones(len(rows), dtype=np.bool_)
        fresh[1:] = (np.diff(self.time[rows]) > gap_us) | (self._group[rows][1:] != self._group[rows][:-1])
        marks = np.zeros(self.rows, dtype=np.bool_)
        marks[rows[fresh]] = True
        begun = np.maximum.accumulate(np.where(marks, self.place, -1))
        self.lo = np.maximum(self.lo, begun)
        self._limit(self._next(marks) - 1)

    def keep_last(self, counted: Mask, cap: int) -> None:
        """Let a window reach back over at most `cap` counted rows."""
        rows = np.flatnonzero(counted)
        number = np.cumsum(counted)
        far = number > cap
        self.lo[far] = np.maximum(self.lo[far], rows[number[far] - cap])
        beyond = np.minimum(number + cap - 1, len(rows))  # the counted row that leaves this one too far behind
        self._limit(np.append(rows, self.rows)[beyond] - 1)

    def keeping(self, counted: Mask, cap: int) -> "Sliding":
        """Give windows that reach back over at most `cap` counted rows."""
        other = copy(self)
        other.lo = self.lo.copy()
        other.keep_last(counted, cap)
        return other

    def count(self, counted: Mask, lo: Index | None = None) -> Index:
        """Count the marked rows of each window (or of the windows that begin at `lo`)."""
        total = np.concatenate(([0], np.cumsum(counted)))
        begin = np.minimum(self.lo if lo is None else lo, self.place + 1)
        return total[self.place + 1] - total[begin]

    def sum(self, values: Index, counted: Mask) -> Index:
        """Add up `values` of the marked rows of each window."""
        total = np.concatenate(([0], np.cumsum(np.where(counted, values, 0))))
        return total[self.place + 1] - total[np.minimum(self.lo, self.place + 1)]

    def ends(self, values: Hashes, counted: Mask) -> Index:
        """Give for each marked row the last row in whose window it is the latest of its value; -1 elsewhere."""
        rows = np.flatnonzero(counted)
        ends = np.full(self.rows, -1, dtype=np.int64)
        if not len(rows):
            return ends
        mixed = keys.combine([values[rows], self._group[rows].astype(np.uint64)], len(rows))
        found = keys.order(mixed)
        again = mixed[found][1:] == mixed[found][:-1]
        latest = self._reach()[rows]
        earlier = found[:-1][again]
        latest[earlier] = np.minimum(latest[earlier], rows[found[1:][again]] - 1)
        ends[rows] = latest
        return ends

    def first(self, values: Hashes, counted: Mask) -> Mask:
        """Mark the marked rows in whose window no marked row before has their value."""
        rows = np.flatnonzero(counted)
        mixed = keys.combine([values[rows], self._group[rows].astype(np.uint64)], len(rows))
        found = keys.order(mixed)
        again = mixed[found][1:] == mixed[found][:-1]
        earlier = np.full(len(rows), -1, dtype=np.int64)
        earlier[found[1:][again]] = rows[found[:-1][again]]
        marks = np.zeros(self.rows, dtype=np.bool_)
        marks[rows] = earlier < self.lo[rows]
        return marks

    def level(self, poured: Mask, leak_us: int) -> Index:
        """Give how full a bucket is at each row, times `leak_us`: each marked row pours one in.

        Begun at row j it holds what was poured since, less what leaked since; the begin that makes most counts,
        which is the bucket that never holds less than nothing.
        """
        sums: Index = np.cumsum(poured, dtype=np.int64)
        total = sums - sums[self.starts][self._group]  # of the group, so that the numbers stay small
        begun = np.where(poured, self.time - (total - 1) * leak_us, np.iinfo(np.int64).min // 2)
        fill: Index = np.maximum(total * leak_us - self.time + self._most(begun), 0)
        return fill

    def _most(self, values: Index) -> Index:
        """Give the greatest of `values` in each window, by runs of twice the length each turn."""
        begin = np.minimum(self.lo, self.place)
        turn = np.log2(self.place - begin + 1).astype(np.int64)
        most = values.copy()
        run, width = values, 1
        for exponent in range(int(turn.max(initial=0)) + 1):
            here = np.flatnonzero(turn == exponent)
            most[here] = np.maximum(run[here], run[begin[here] + width - 1])
            longer = run.copy()
            longer[width:] = np.maximum(run[width:], run[:-width])
            run, width = longer, 2 * width
        return most

    def distinct(self, ends: Index) -> Index:
        """Count the distinct values of each window from what `ends` gave.

        A value is counted by its latest row: from that row until the row is out of the window or the value
        comes again. So each row opens and closes one interval, and a running sum counts the open ones.
        """
        rows = np.flatnonzero(ends >= self.place)
        change = np.zeros(self.rows + 1, dtype=np.int64)
        change[rows] += 1
        change -= np.bincount(ends[rows] + 1, minlength=self.rows + 1)
        opened: Index = np.cumsum(change[:-1])
        return opened

    def percentile(
        self, values: npt.NDArray[Any], counted: Mask, share: int, number: npt.NDArray[Any] | float, lo: Index
    ) -> npt.NDArray[np.int64]:
        """Compare the windows' percentile (nearest rank) with `number`: -1 below, 0 equal, 1 above."""
        total = self.count(counted, lo)
        rank = np.maximum((total * share + 99) // 100, 1)
        below = self.count(counted & (values < number), lo)
        up_to = self.count(counted & (values <= number), lo)
        return np.where(below >= rank, -1, np.where(up_to >= rank, 0, 1))

    def gaps(self, counted: Mask) -> tuple[Index, Mask, Index]:
        """Give the time since the marked row before, which rows have one, and where windows of gaps begin.

        The first marked row of a window waited for nothing inside it, so its gap does not belong to it.
        """
        rows = np.flatnonzero(counted)
        gap = np.zeros(self.rows, dtype=np.int64)
        has = np.zeros(self.rows, dtype=np.bool_)
        gap[rows[1:]] = np.diff(self.time[rows])
        has[rows[1:]] = self._group[rows[1:]] == self._group[rows[:-1]]
        found = np.searchsorted(rows, self.lo, "left")
        return gap, has, np.append(rows, self.rows)[found] + 1

    def before(self, counted: Mask) -> Index:
        """Give for each row the latest marked row before it in its window; -1 if none."""
        latest = np.append(-1, self.last(counted)[:-1])
        return np.where(latest >= self.lo, latest, -1)

    def other(self, values: Hashes, counted: Mask) -> Index:
        """Give for each marked row the latest marked row before it in its window with another value; -1 if none."""
        rows = np.flatnonzero(counted)
        ordered = values[rows]
        runs = np.ones(len(rows), dtype=np.bool_)
        runs[1:] = ordered[1:] != ordered[:-1]
        begun = np.maximum.accumulate(np.where(runs, np.arange(len(rows)), 0))
        found = np.full(self.rows, -1, dtype=np.int64)
        found[rows] = np.append(-1, rows)[begun]
        return np.where(found >= self.lo, found, -1)

    def last(self, marks: Mask) -> Index:
        """Give for each row the latest marked row up to it, of its own group or an earlier one; -1 if none."""
        found: Index = np.maximum.accumulate(np.where(marks, self.place, -1))
        return found

    def _next(self, marks: Mask) -> Index:
        """Give for each row the first marked row after it."""
        rows = np.flatnonzero(marks)
        found = np.searchsorted(rows, self.place, "right")
        following: Index = np.append(rows, self.rows)[found]
        return following

    def _limit(self, until: Index) -> None:
        self._until = until if self._until is None else np.minimum(self._until, until)

    def _reach(self) -> Index:
        """Give for each row the last row of its group whose window still holds it."""
        target = self._group * self._width + self._last_rank[self._rank]
        reach = np.searchsorted(self._sorted, target, "right") - 1
        bounded: Index = reach if self._until is None else np.minimum(reach, self._until)
        return bounded
