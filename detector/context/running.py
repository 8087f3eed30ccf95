"""Count as the day goes: for every event of a few accounts, how far each count has got by then."""

from typing import Final

import polars as pl
import polars_hash as plh

from detector.context.acquaintance import Acquaintance
from detector.context.day import ACCOUNT, SLOTS_PER_HOUR, TRAITS, Carry

KEY: Final = "account_key"
"""A number for the account: windows over numbers cost a third of windows over names."""

OVERLAP_S: Final = 1800
"""Two places within half an hour of each other are in use at once. Assumption: shorter than any commute
between a practice and a home with a log-on at both ends."""

TALLIES: Final = pl.Schema({ACCOUNT: pl.String, "overlap_day": pl.Int64, "unfamiliar_day": pl.Int64})
"""What cannot be read off slots and places: records from unfamiliar places, and while a
familiar one was in use."""


def running(
    rows: pl.DataFrame, carry: Carry, tallies: pl.DataFrame, familiar: pl.DataFrame, known: Acquaintance
) -> pl.DataFrame:
    """Add to each row the largest value that each count of its account has reached, itself included.

    Shapes: rows of `marked` with a Boolean `unfamiliar`, in event time; the day before them; TALLIES
    before them; one row an account with `familiar_last`, when it was last seen in a familiar place
    before them; who was displayed on earlier days -> the same rows and
    order with a column for each of `features.COUNTS` but the seven days.
    """
    rows = rows.with_columns(
        (pl.col("slot") // SLOTS_PER_HOUR).alias("hour"),
        pl.col("displayed").cast(pl.Int64).alias("one"),
        plh.col(ACCOUNT).nchash.xxhash64().alias(KEY),
    )
    rows = _with_carry(rows, carry, tallies, familiar, known)
    rows = rows.with_columns(_first_shown(rows, carry, known).alias("new_subject"))
    asked = pl.col("displayed") | pl.col("missed")
    usual = pl.when(asked & ~pl.col("unfamiliar")).then(pl.col("@timestamp"))
    rows = rows.with_columns(pl.coalesce(usual.forward_fill().over(KEY), "carry.familiar_last").alias("familiar_last"))
    strange = pl.col("displayed") & pl.col("unfamiliar")
    near = ((pl.col("@timestamp") - pl.col("familiar_last")).dt.total_seconds() <= OVERLAP_S).fill_null(False)
    rows = rows.with_columns(
        (pl.col("one").cum_sum().over(KEY, "slot") + pl.col("carry.slot")).alias("in_slot"),
        (pl.col("one").cum_sum().over(KEY, "hour") + pl.col("carry.hour")).alias("in_hour"),
        (pl.col("one").cum_sum().over(KEY) + pl.col("carry.day")).alias("records_day"),
        (pl.col("missed").cast(pl.Int64).cum_sum().over(KEY) + pl.col("carry.missed")).alias("missed_day"),
        (pl.col("new_subject").cum_sum().over(KEY) + pl.col("carry.strangers_day")).alias("strangers_day"),
        pl.max_horizontal(pl.col("unclaimed_run").cum_max().over(KEY), "carry.unclaimed").alias("unclaimed"),
        (strange.cast(pl.Int64).cum_sum().over(KEY) + pl.col("carry.unfamiliar_day")).alias("unfamiliar_day"),
        ((strange & near).cast(pl.Int64).cum_sum().over(KEY) + pl.col("carry.overlap_day")).alias("overlap_day"),
    )
    return rows.with_columns(
        pl.max_horizontal(pl.col("in_slot").cum_max().over(KEY), "carry.slot_max").alias("records_10min"),
        pl.max_horizontal(pl.col("in_hour").cum_max().over(KEY), "carry.hour_max").alias("records_1h"),
    ).drop(pl.selectors.starts_with("carry."), KEY, "one", "in_slot", "in_hour", "new_subject", "hour", "familiar_last")


def _with_carry(
    rows: pl.DataFrame, carry: Carry, tallies: pl.DataFrame, familiar: pl.DataFrame, known: Acquaintance
) -> pl.DataFrame:
    accounts = rows.get_column(ACCOUNT).unique().to_frame()
    slots = carry.slots.join(accounts, on=ACCOUNT, how="semi")
    hours = slots.group_by(ACCOUNT, (pl.col("slot") // SLOTS_PER_HOUR).alias("hour")).agg(
        pl.col("records").sum().alias("carry.hour")
    )
    days = slots.group_by(ACCOUNT).agg(
        pl.col("records").sum().alias("carry.day"),
        pl.col("missed").sum().alias("carry.missed"),
        pl.col("records").max().alias("carry.slot_max"),
        pl.col("unclaimed").max().alias("carry.unclaimed"),
    )
    peaks = hours.group_by(ACCOUNT).agg(pl.col("carry.hour").max().alias("carry.hour_max"))
    strangers = known.strangers(_shown(carry, accounts))
    subjects = strangers.group_by(ACCOUNT).agg(pl.len().cast(pl.Int64).alias("carry.strangers_day"))
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
        .join(subjects, on=ACCOUNT, how="left", maintain_order="left")
        .join(told, on=ACCOUNT, how="left", maintain_order="left")
    )
    return joined.with_columns(
        (pl.selectors.starts_with("carry.") - pl.selectors.by_name("carry.familiar_last")).fill_null(0)
    )


def _shown(carry: Carry, accounts: pl.DataFrame) -> pl.DataFrame:
    parts = [part.join(accounts, on=ACCOUNT, how="semi") for part in carry.displays]
    if not parts:
        return pl.DataFrame(schema={ACCOUNT: pl.String, "portal.subject": pl.UInt64})
    return pl.concat(parts).select(ACCOUNT, "portal.subject").unique()


def _first_shown(rows: pl.DataFrame, carry: Carry, known: Acquaintance) -> pl.Series:
    """Return 1 where a person is displayed to the account for the first time in the days remembered, else 0."""
    shown = rows.lazy().with_row_index("row").filter(pl.col("portal.subject").is_not_null())
    before = _shown(carry, rows.get_column(ACCOUNT).unique().to_frame())
    first = (
        shown.select("row", ACCOUNT, "portal.subject")
        .filter(pl.struct(ACCOUNT, "portal.subject").is_first_distinct())
        .join(before.lazy(), on=[ACCOUNT, "portal.subject"], how="anti")
        .collect()
    )
    fresh = known.strangers(first).select("row", pl.lit(1, pl.Int64).alias("new"))
    every = pl.DataFrame({"row": pl.int_range(rows.height, dtype=pl.UInt32, eager=True)})
    return every.join(fresh, on="row", how="left", maintain_order="left").get_column("new").fill_null(0)


def last_tallies(counted: pl.DataFrame, tallies: pl.DataFrame) -> pl.DataFrame:
    """Return TALLIES after the rows that `running` counted: their last values over those of before."""
    latest = counted.group_by(ACCOUNT).agg(pl.col(TALLIES.names()[1:]).last())
    return pl.concat([latest.select(TALLIES.names()), tallies.join(latest, on=ACCOUNT, how="anti")])


def places_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the distinct (account, country, network, client) of `rows`, with profession and kind.

    Shapes: rows of `marked` -> one row a combination, in order of first appearance.
    """
    return rows.select(ACCOUNT, *TRAITS, "portal.profession").unique(
        [ACCOUNT, *TRAITS], maintain_order=True, keep="first"
    )
