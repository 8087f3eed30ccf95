"""Count as the day goes: for every event of a few accounts, how far each count has got by then."""

from typing import Final

import polars as pl

from detector.context.day import ACCOUNT, KEY, MEGABYTE, SLOTS_PER_HOUR, TRAITS, Carry
from detector.schema import detached

OVERLAP_S: Final = 1800
"""Two places within half an hour of each other are in use at once. Assumption: shorter than any commute
between a practice and a home with a log-on at both ends."""

TALLIES: Final = pl.Schema({ACCOUNT: pl.String, "overlap_day": pl.Int64, "unfamiliar_day": pl.Int64})
"""What cannot be read off slots and places: records from unfamiliar places, and while a
familiar one was in use."""


def running(rows: pl.DataFrame, carry: Carry, tallies: pl.DataFrame, familiar: pl.DataFrame) -> pl.DataFrame:
    """Add to each row the largest value that each count of its account has reached, itself included.

    Shapes: rows of `marked` with a Boolean `unfamiliar`, in event time; the day before them; TALLIES
    before them; one row an account with `familiar_last`, when it was last seen in a familiar place
    before them -> the same rows and order with a column for each of `features.COUNTS` but the seven days.
    """
    rows = rows.with_columns(
        (pl.col("slot") // SLOTS_PER_HOUR).alias("hour"),
        pl.col("displayed").cast(pl.Int64).alias("one"),
    )
    rows = _with_carry(rows, carry, tallies, familiar)
    asked = pl.col("displayed") | pl.col("missed")
    usual = pl.when(asked & ~pl.col("unfamiliar")).then(pl.col("@timestamp"))
    rows = rows.with_columns(pl.coalesce(usual.forward_fill().over(KEY), "carry.familiar_last").alias("familiar_last"))
    strange = pl.col("displayed") & pl.col("unfamiliar")
    near = ((pl.col("@timestamp") - pl.col("familiar_last")).dt.total_seconds() <= OVERLAP_S).fill_null(False)
    rows = rows.with_columns(
        (pl.col("one").cum_sum().over(KEY, "slot") + pl.col("carry.slot")).alias("in_slot"),
        (pl.col("one").cum_sum().over(KEY, "hour") + pl.col("carry.hour")).alias("in_hour"),
        (pl.col("one").cum_sum().over(KEY) + pl.col("carry.day")).alias("records_day"),
        (pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(KEY) + pl.col("carry.requests")).alias("requests_day"),
        (pl.col("bytes").cum_sum().over(KEY) + pl.col("carry.bytes")).alias("bytes_day"),
        (pl.col("missed").cast(pl.Int64).cum_sum().over(KEY) + pl.col("carry.missed")).alias("missed_day"),
        pl.max_horizontal(pl.col("unclaimed_run").cum_max().over(KEY), "carry.unclaimed").alias("unclaimed"),
        (strange.cast(pl.Int64).cum_sum().over(KEY) + pl.col("carry.unfamiliar_day")).alias("unfamiliar_day"),
        ((strange & near).cast(pl.Int64).cum_sum().over(KEY) + pl.col("carry.overlap_day")).alias("overlap_day"),
    )
    return rows.with_columns(
        pl.max_horizontal(pl.col("in_slot").cum_max().over(KEY), "carry.slot_max").alias("records_10min"),
        pl.max_horizontal(pl.col("in_hour").cum_max().over(KEY), "carry.hour_max").alias("records_1h"),
        (pl.col("bytes_day") // MEGABYTE).alias("megabytes_day"),
        *_before_this_moment(),
    ).drop(pl.selectors.starts_with("carry."), "one", "in_slot", "in_hour", "hour", "familiar_last")


def _before_this_moment() -> list[pl.Expr]:
    """Return what the sums that any request adds to had reached before the moment of each row, and its last row.

    Requests of one moment have no order: what they come to together is told by the last of them.
    """
    moment = [KEY, "@timestamp"]
    return [
        pl.struct(moment).is_last_distinct().alias("moment_ends"),
        (pl.col("requests_day").min().over(moment) - 1).alias("requests_before"),
        ((pl.col("bytes_day") - pl.col("bytes")).min().over(moment) // MEGABYTE).alias("megabytes_before"),
    ]


def _with_carry(rows: pl.DataFrame, carry: Carry, tallies: pl.DataFrame, familiar: pl.DataFrame) -> pl.DataFrame:
    accounts = rows.get_column(ACCOUNT).unique().to_frame()
    slots = carry.slots.join(accounts, on=ACCOUNT, how="semi")
    hours = slots.group_by(ACCOUNT, (pl.col("slot") // SLOTS_PER_HOUR).alias("hour")).agg(
        pl.col("records").sum().alias("carry.hour")
    )
    days = slots.group_by(ACCOUNT).agg(
        pl.col("requests").sum().alias("carry.requests"),
        pl.col("bytes").sum().alias("carry.bytes"),
        pl.col("records").sum().alias("carry.day"),
        pl.col("missed").sum().alias("carry.missed"),
        pl.col("records").max().alias("carry.slot_max"),
        pl.col("unclaimed").max().alias("carry.unclaimed"),
    )
    peaks = hours.group_by(ACCOUNT).agg(pl.col("carry.hour").max().alias("carry.hour_max"))
    told = tallies.join(familiar, on=ACCOUNT, how="full", coalesce=True).select(
        ACCOUNT, pl.exclude(ACCOUNT).name.prefix("carry.")
    )
    joined = (
        rows.join(
            slots.select(ACCOUNT, "slot", pl.col("records").alias("carry.slot")),
            on=[ACCOUNT, "slot"],
            how="left",
            maintain_order="left",
        )
        .join(hours, on=[ACCOUNT, "hour"], how="left", maintain_order="left")
        .join(days, on=ACCOUNT, how="left", maintain_order="left")
        .join(peaks, on=ACCOUNT, how="left", maintain_order="left")
        .join(told, on=ACCOUNT, how="left", maintain_order="left")
    )
    return joined.with_columns(
        (pl.selectors.starts_with("carry.") - pl.selectors.by_name("carry.familiar_last")).fill_null(0)
    )


def last_tallies(counted: pl.DataFrame, tallies: pl.DataFrame) -> pl.DataFrame:
    """Return TALLIES after the rows that `running` counted: their last values over those of before."""
    latest = counted.group_by(ACCOUNT).agg(pl.col(TALLIES.names()[1:]).last())
    return detached(pl.concat([latest.select(TALLIES.names()), tallies.join(latest, on=ACCOUNT, how="anti")]))


def places_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the distinct (account, country, network, client) of `rows`, with profession and kind.

    Shapes: rows of `marked` -> one row a combination, in order of first appearance.
    """
    return rows.select(ACCOUNT, KEY, *TRAITS, "portal.profession").unique(
        [ACCOUNT, *TRAITS], maintain_order=True, keep="first"
    )
