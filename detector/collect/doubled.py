"""Tell the two times apart of the local hour that comes twice at the end of summer time.

A stamp of it that carries no zone may be of either. It is taken for the one that is nearer to where its log has come:
lines stand in the order written, so the second time has begun when one is half an hour or more behind all before it.
So it is read rightly as long as the log does not rest for half an hour in it and no line comes that late.
"""

from typing import Final

import polars as pl

from detector.schema import TIME

_SLOT: Final = "15m"
"""Clocks are put on or back at full quarters of an hour, everywhere."""


def in_doubled_hour(times: pl.Series, zone: str) -> pl.Series | None:
    """Say which moments are of an hour that comes twice in `zone`, of its first or second time; None: no one is.

    Shapes: Datetime(us, UTC) without nulls -> Boolean, same rows.
    """
    if zone == "UTC":
        return None
    slots = times.dt.truncate(_SLOT)
    once = slots.unique()
    local = once.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    first, second = (local.dt.replace_time_zone(zone, ambiguous=which) for which in ("earliest", "latest"))
    twice = once.filter(first != second)
    return slots.is_in(twice.implode()) if len(twice) else None


def nearer(first: pl.Series, second: pl.Series, came_us: int | None) -> tuple[pl.Series, int]:
    """Choose of the two times that each stamp may mean; they are equal where it carries a zone.

    `came_us` is how far the log had come in such an hour before (microseconds since 1970). Where it has come depends on
    what was chosen before: so it is chosen anew until nothing changes. Every turn moves only on, in four at most.

    Shapes: two of Datetime(us, UTC), in the order of the lines, not empty -> one of the same, and `came_us` after it.
    """
    both = pl.DataFrame({"first": first.to_physical(), "second": second.to_physical()})
    came = pl.max_horizontal(pl.col("read").cum_max().shift(1), pl.lit(came_us, pl.Int64))
    behind = pl.col("first") < came - (pl.col("second") - pl.col("first")) // 2
    again = pl.when(behind).then("second").otherwise("first").alias("read")
    read, chosen = pl.Series(), both["first"].alias("read")
    while not chosen.equals(read):
        read, chosen = chosen, both.with_columns(chosen).select(again).to_series()
    return chosen.cast(TIME), both.select(pl.max_horizontal(chosen.max(), pl.lit(came_us))).item()
