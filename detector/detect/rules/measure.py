"""Measure windows: turn a correlation's condition into a truth for every row, and a number to show."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.detect.rules.keys import Hashes, Index, Mask
from detector.detect.rules.sliding import Sliding
from detector.detect.rules.spec import Bounds, Measure

Numbers = npt.NDArray[Any]


@dataclass(slots=True, kw_only=True)
class View:
    """Rows as a measure sees them: windows, which inputs matched each row, and the values of fields.

    `texts` holds hashes of the distinct-value combinations by their fields; `present` says where all the
    fields have a value; `numbers` holds the values of number fields.
    """

    windows: Sliding
    marks: dict[str, Mask]
    texts: dict[tuple[str, ...], Hashes]
    numbers: dict[str, Index]
    present: dict[tuple[str, ...], Mask]

    def counted(self, measure: Measure) -> Mask:
        """Mark the rows that a measure counts: of its rules, with a value where it needs one."""
        marks = np.zeros(self.windows.rows, dtype=np.bool_)
        for ref in measure.refs:
            marks |= self.marks[ref]
        return marks & self.present[measure.fields] if measure.fields else marks


@dataclass(slots=True, kw_only=True)
class Measured:
    """What a measure found: where its bounds hold, the number itself, and what makes the evidence.

    `ends` is set for distinct values: row j is evidence in window i while `ends[j] >= i`.
    """

    holds: Mask
    value: Numbers
    counted: Mask
    ends: Index | None = None


def measured(measure: Measure, view: View, cap: int, own: Numbers | None) -> Measured:
    """Measure every window. `own` is the correlation's first measure, for bounds relative to it."""
    counted = view.counted(measure)
    windows = view.windows if measure.span_us is None else view.windows.spanning(measure.span_us)
    ends: Index | None = None
    value: Numbers
    if measure.kind == "event_count":
        value = windows.count(counted)
    elif measure.kind == "value_count":
        ends = windows.ends(view.texts[measure.fields], counted)
        value = np.minimum(windows.distinct(ends), cap)
    elif measure.kind == "value_sum":
        value = windows.sum(view.numbers[measure.fields[0]], counted)
    else:
        return _of_values(measure, view, windows, counted, own)
    holds = measure.bounds.hold(value)
    if own is not None:
        holds &= measure.times.hold(value, own)
    return Measured(holds=holds, value=value, counted=counted, ends=ends)


def _of_values(measure: Measure, view: View, windows: Sliding, counted: Mask, own: Numbers | None) -> Measured:
    """Measure an average, a percentile or the median pause; none of no values holds."""
    lo, scale = windows.lo, 1.0
    if measure.kind == "gap_median":
        values, has, lo = windows.gaps(counted)
        used, scale = counted & has, 1e6
    else:
        values, used = view.numbers[measure.fields[0]], counted
    total = windows.count(used, lo)
    if measure.kind == "value_avg":
        sums = windows.sum(values, used)
        holds = measure.bounds.hold(sums, total) & (total > 0)
        if own is not None:
            holds &= measure.times.hold(sums, total * own)
        return Measured(holds=holds, value=sums / np.maximum(total, 1), counted=counted)
    holds = total > 0
    for bounds, by in ((measure.bounds, np.ones(windows.rows)), (measure.times, own)):
        if by is None:
            continue
        for operator, number in bounds.pairs:
            sign = windows.percentile(values, used, measure.percentile, number * scale * by, lo)
            holds &= Bounds(((operator, 0.0),)).hold(sign)
    value = np.full(windows.rows, measure.bounds.pairs[0][1] if measure.bounds.pairs else 0.0)
    return Measured(holds=holds, value=value, counted=counted)
