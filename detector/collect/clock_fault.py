"""Find lines of a broken clock: one time stamp of next year must not make all that follows late.

A line's clock is taken for broken when its time is more than `max_future_us` ahead of the median of the NEIGHBOURS
lines before it in its stream, and of the NEIGHBOURS lines after it. A gap in a log (a closed week-end) is no fault:
there the lines after it are ahead as well. The last line of all has none after it: its clock is taken for broken from
ALONE_US on.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from detector.schema import REJECT, conform

NEIGHBOURS: Final = 5

ALONE_US: Final = 31 * 86_400_000_000
"""How far ahead the last line of a log may be without another one that vouches for it. Assumption: no portal rests for
a month; believed, one line of 2099 would end every incident, and make all that is read after it late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Lines that passed, with their times in microseconds (`ordered`: none before its predecessor).

    `waiting` are lines at the end that need the lines after them to be judged; `recent` the times of the lines before.
    """

    good: pl.DataFrame
    times: pl.Series
    ordered: bool
    waiting: pl.DataFrame | None
    recent: list[int]
    rejects: pl.DataFrame | None = None


def check(lines: pl.DataFrame, recent: list[int], *, max_future_us: int, final: bool) -> Checked:
    """Judge the next lines of a stream. `recent`: times of the lines before; `final`: no line comes after.

    Shapes: any frame with `@timestamp` -> `good` and `waiting` with the same columns, `rejects` as REJECT.
    """
    times = lines["@timestamp"].to_physical()
    ordered = times.is_sorted()
    low, high = (times[0], times[-1]) if ordered else _bounds(times)
    close = high - min([low, *recent]) <= max_future_us
    if close and (recent or lines.height > NEIGHBOURS):
        kept = (recent + times.tail(NEIGHBOURS).to_list())[-NEIGHBOURS:]
        return Checked(good=lines, times=times, ordered=ordered, waiting=None, recent=kept)
    return _check_each(lines, times, recent, max_future_us, final=final)


def _check_each(lines: pl.DataFrame, times: pl.Series, recent: list[int], limit: int, *, final: bool) -> Checked:
    known = len(recent)
    all_times = pl.concat([pl.Series(recent, dtype=pl.Int64), times.rename("")])
    lead = all_times - _median_before(all_times)
    ahead, lead = (lead > limit).fill_null(True).slice(known), lead.slice(known)
    after = _median_before(all_times.reverse()).reverse().slice(known)
    alone = after.is_null() & (lead > max(limit, ALONE_US)).fill_null(False)
    broken = ahead & ((times - after > limit).fill_null(False) | alone)
    decided = lines.height
    if not final:  # from the first line on that is ahead and too near the end to be judged, all wait
        near_end = ahead.slice(max(0, decided - NEIGHBOURS))
        first = near_end.arg_max()
        if near_end.any() and first is not None:
            decided = max(0, decided - NEIGHBOURS) + first
    passed, fails = lines.slice(0, decided), broken.slice(0, decided)
    good, good_times = passed.filter(~fails), times.slice(0, decided).filter(~fails)
    return Checked(
        good=good,
        times=good_times,
        ordered=good_times.is_sorted(),
        waiting=lines.slice(decided) if decided < lines.height else None,
        recent=all_times.slice(0, known + decided).tail(NEIGHBOURS).to_list(),
        rejects=_rejected(passed.filter(fails), (times - after).zip_with(~alone, lead).slice(0, decided).filter(fails)),
    )


def _bounds(times: pl.Series) -> tuple[int, int]:
    low, high = times.to_frame("at").select(pl.min("at").alias("low"), pl.max("at").alias("high")).row(0)
    return low, high


def _median_before(times: pl.Series) -> pl.Series:
    """The median of the NEIGHBOURS values before each; of fewer at the start, null at the first."""
    return times.shift(1).rolling_median(NEIGHBOURS, min_samples=1)


def _rejected(lines: pl.DataFrame, ahead_us: pl.Series) -> pl.DataFrame | None:
    if lines.is_empty():
        return None
    # One chunk: Polars 2.1 panics when it joins texts over a frame that has an empty one.
    lines, ahead_us = lines.rechunk(), ahead_us.rechunk()
    hours = (ahead_us / 3_600_000_000).round(1).alias("hours")
    reason = pl.format("time stamp {} h ahead of the lines around it in {}", "hours", "log.file.path").alias("reason")
    return conform(lines.with_columns(hours).select("log.file.path", "log.offset", reason), REJECT)
