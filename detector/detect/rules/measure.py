"""Measure windows: turn a correlation's condition into a truth for every row, and a number to show."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.detect.rules import journey
from detector.detect.rules.keys import Index, Mask
from detector.detect.rules.sliding import Sliding
from detector.detect.rules.spec import Bounds, Measure
from detector.detect.rules.view import View

Numbers = npt.NDArray[Any]


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
    if own is not None and measure.kind not in {"value_count", "pause", "travel"}:
        windows = windows.keeping(counted, cap)
    ends: Index | None = None
    value: Numbers
    pouring = counted
    if measure.kind == "event_count":
        value = windows.count(counted)
    elif measure.kind == "value_count":
        values = view.values(measure)
        ends = windows.ends(values, counted)
        value = np.minimum(windows.distinct(ends), cap)
        if measure.leak_us is not None:
            pouring = windows.first(values, counted)
    elif measure.kind == "value_sum":
        value = windows.sum(view.numbers[measure.fields[0]], counted)
    elif measure.kind in {"pause", "travel"}:
        return _since_before(measure, view, windows, counted, own)
    else:
        return _of_values(measure, view, windows, counted, own)
    if measure.leak_us is None:
        holds = measure.bounds.hold(value)
    else:
        holds = measure.bounds.hold(windows.level(pouring, measure.leak_us), measure.leak_us)
    if own is not None:
        holds &= measure.times.hold(value, own)
    return Measured(holds=holds, value=value, counted=counted, ends=ends)


def _since_before(measure: Measure, view: View, windows: Sliding, counted: Mask, own: Numbers | None) -> Measured:
    """Measure from the counted event before, in seconds or in km/h; where there is none in the window none holds."""
    before = windows.before(counted)
    holds = before >= 0
    time_us = windows.time - windows.time[before]
    per: Numbers  # kilometres are compared with a speed times the hours, as two events may have the same time
    if view.countries is not None and measure.kind == "travel":
        km = journey.km(view.countries[before], view.countries)
        length, per = np.where(km < measure.min_km, 0.0, km), time_us / 3.6e9
    else:
        length, per = time_us, np.full(windows.rows, 1e6)
    holds &= measure.bounds.hold(length, per)
    if own is not None:
        holds &= measure.times.hold(length, per * own)
    return Measured(holds=holds, value=length, counted=counted)


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
