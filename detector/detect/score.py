"""Join the evidence of one account into one sum, and say where it first passes the threshold.

Each model's surprise is -log10 of a tail probability; families of evidence are weighted, capped and added.
"""

import math
from collections.abc import Collection
from typing import Final

import numpy as np
import polars as pl

from detector.config import Models
from detector.context.day import ACCOUNT
from detector.detect.baseline import over_days
from detector.detect.models import tail
from detector.detect.models.features import (
    CLIENTELE,
    COUNTS,
    FAMILIES,
    HOUR,
    OVERLAP,
    SILENCE,
    TRAIT_FEATURES,
    WHERE_CAP,
    Feature,
)

LEAST_THRESHOLD: Final = WHERE_CAP
"""However large the budget: being elsewhere than usual is no theft by itself."""

PER_TENFOLD: Final = 1.5
"""How much lower the threshold is for ten times the alerts.

Source: validation seeds 31 and 32 of `detector simulate`, with confounders: accounts that a sum of 4.5, 5, 5.5, 6 and
6.5 alerts for nothing are 4.4, 1.7, 1.0, 0.75 and 0.4 per 1,000 account-days; on the older seeds 21 to 23, without
them, 2.9, 0.65, 0.26, 0.13 and 0.05. That is a tenfold in 2 there and in 1.3 here; rules raise theirs whatever it is.
"""

VOICE: Final = 0.3
"""Weight of a thief's look-up from which an account's look-ups can tell: three of them make a point."""

STEP: Final = 1.5
"""An incident is scored again each time its sum grows by half: high, then critical."""

RUNG: Final = 1.06
LADDER: Final = pl.Series(
    sorted({*range(1, 20), *(round(20 * RUNG**step) for step in range(240))}), dtype=pl.Int64
).implode()
"""Counts at which the sum is taken: every one up to 20, then each 6 % more, up to some 20 million.
The same counts whatever the chunking, and few: an alert is at most 6 % of the records late."""


def threshold(models: Models) -> float:
    """Return the sum from which an account raises an alert, for the budget that the team chose."""
    return max(models.threshold - PER_TENFOLD * math.log10(models.budget_per_1000_account_days), LEAST_THRESHOLD)


def points(counted: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """Keep the events at which a sum is taken: a count over its first limit on the ladder, or a new place.

    Shapes: rows of `running` with novelty columns and `new_place`, LIMITS -> the kept rows with LIMITS joined.
    """
    joined = counted.join(limits, on=ACCOUNT, how="left", maintain_order="left").with_columns(over_days())
    grown = {
        feature.name: (pl.col(feature.name) >= pl.col(f"{feature.name}.limit"))
        & pl.col(feature.name).cast(pl.Int64).is_in(LADDER)
        for feature in COUNTS
        if feature.name not in ("requests_day", "megabytes_day")
    }
    for name in ("requests", "megabytes"):
        now, before = pl.col(f"{name}_day"), pl.col(f"{name}_before")
        grown[name] = (now >= pl.col(f"{name}_day.limit")) & (_rung(now) > _rung(before)) & pl.col("moment_ends")
    always = grown.pop("requests") | grown.pop("megabytes")
    active = pl.col("displayed") | pl.col("missed")
    return joined.filter(
        (active & pl.any_horizontal(grown.values()))
        | always
        | (pl.col("new_place") & pl.col("unfamiliar"))
        | pl.col("risen")
    )


def _rung(count: pl.Expr) -> pl.Expr:
    return (count + 1).log(RUNG).floor()


def families(taken: pl.DataFrame, off: Collection[str] = ()) -> pl.DataFrame:
    """Add the surprise of every feature, each family's weighted and capped part, and `score`, their sum.

    Families that are `off` surprise nobody: they neither count nor give a reason.

    Shapes: rows of `points` with the novelty columns and `hour` -> the same rows with a column
    `surprise.<feature>` and `family.<family>` each, and `score`.
    """
    places = (*TRAIT_FEATURES.values(), HOUR, SILENCE)
    taken = taken.with_columns(pl.lit(0.0).alias(feature.name) for feature in places if feature.family in off)
    told = _surprises(taken, off)
    columns = [surprise.alias(f"surprise.{feature.name}") for feature, surprise in told.items()]
    members = {family: [f"surprise.{one.name}" for one in told if one.family == family] for family in FAMILIES}
    members["session"].remove(f"surprise.{OVERLAP.name}")
    members["session"].append("overlap.apart")
    members["source"].append("overlap.where")
    parts = [
        (pl.max_horizontal(names) * FAMILIES[name].weight)
        .clip(FAMILIES[name].floor, FAMILIES[name].cap)
        .alias(f"family.{name}")
        for name, names in members.items()
    ]
    where = pl.sum_horizontal([f"family.{name}" for name, family in FAMILIES.items() if family.where])
    what = pl.sum_horizontal([f"family.{name}" for name, family in FAMILIES.items() if not family.where])
    return (
        taken.with_columns(*columns, *_overlap(taken, told[OVERLAP]))
        .with_columns(parts)
        .with_columns((where.clip(0.0, WHERE_CAP) + what).alias("score"))
    )


def _surprises(taken: pl.DataFrame, off: Collection[str]) -> dict[Feature, pl.Series]:
    """Return how far each feature's surprise is believed, a value a row; 0 in the families that are `off`."""
    trust, where = taken.get_column("trust"), taken.get_column("trust_where")
    told = {feature: _of_count(taken, feature) * trust for feature in COUNTS}
    told[CLIENTELE] = taken.get_column("habit") * trust
    told |= {feature: taken.get_column(feature.name) * where for feature in (*TRAIT_FEATURES.values(), HOUR, SILENCE)}
    none = pl.zeros(taken.height, eager=True)
    return {feature: none if feature.family in off else surprise for feature, surprise in told.items()}


def _of_count(taken: pl.DataFrame, feature: Feature) -> pl.Series:
    count = taken.get_column(feature.name).cast(pl.Float64).to_numpy()
    mean, shape = (taken.get_column(f"{feature.name}.{part}").to_numpy() for part in ("mean", "shape"))
    return pl.Series(np.nan_to_num(tail.surprise(count, mean, shape), nan=0.0))


def _overlap(taken: pl.DataFrame, told: pl.Series) -> list[pl.Series]:
    """Say whether two places in use at once tell of a theft, or of where somebody is.

    Colleagues and substitutes work beside the holder too. Where an account's look-ups can tell (`VOICE`), they are
    heard; elsewhere it must do.
    """
    heard = taken.get_column("voice") >= VOICE
    none = pl.zeros(len(told), eager=True)
    return [told.zip_with(heard, none).alias("overlap.where"), none.zip_with(heard, told).alias("overlap.apart")]


def steps(scored: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """Add `step`: 0 below the threshold, 1 from it, one more for each time the sum grows by half.

    Shapes: rows with `score` -> the same rows.
    """
    over = ((pl.col("score") / threshold).log(STEP) + 1e-9).floor().cast(pl.Int64) + 1
    return scored.with_columns(pl.when(pl.col("score") >= threshold).then(over).otherwise(0).alias("step"))
