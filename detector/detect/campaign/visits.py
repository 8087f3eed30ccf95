"""Say of look-ups by which keys they came, and of numbers refused in which hundred they lie."""

from typing import Final

import polars as pl
import polars_hash as plh

from detector.context.day import ACCOUNT, KEY, subnet
from detector.schema import TIME

KINDS: Final = ("source", "subnet", "network", "client", "version", "sequence")
"""What accounts may share; the narrower first, since of two at once it is the one to name."""

SEQUENCE: Final = KINDS.index("sequence")

_PLACE: Final = ("portal.source", "portal.network", "portal.client", "user_agent.version")
_VALUES: Final = (
    pl.col("portal.source"),
    pl.when(pl.col("portal.source").str.contains(".", literal=True)).then(subnet(pl.col("portal.source"))),
    pl.col("portal.network"),
    pl.col("portal.client"),
    pl.concat_str("portal.client", "user_agent.version", separator=" "),
)
"""The keys of a place, in the order of KINDS; an IPv6 source is a subnet by itself."""

FIELDS: Final = (
    "portal.source",
    "portal.source",
    "portal.network",
    "portal.client",
    "portal.client",
    "portal.subject_block",
)
"""The column that holds a key's value, or most of it."""

SHOWN: Final = ("source.ip", "portal.network", "portal.client", "source.geo.country_iso_code")
CERTAIN: Final = 10_000
"""What a number in a hundred that does not exist weighs, in thousandths: more than any level."""

VISITS: Final = pl.Schema(
    {
        "row": pl.UInt32(),
        "@timestamp": TIME,
        ACCOUNT: pl.String(),
        KEY: pl.UInt64(),
        "kind": pl.Int8(),
        "value": pl.String(),
        "key": pl.UInt64(),
        "gain": pl.Int64(),
        **dict.fromkeys(SHOWN, pl.String()),
    }
)
"""A look-up by way of one key: `gain` is how much likelier it is a thief's who makes up half, log10, in thousandths."""


def places(looks: pl.DataFrame) -> pl.DataFrame:
    """Return every account's places with the number of each of its keys, `key.0` to `key.4`; 0 where there is none.

    Shapes: rows of `marked` -> a row a place: account, the columns of the place, the numbers.
    """
    each = looks.select(ACCOUNT, KEY, *_PLACE).unique([KEY, *_PLACE], maintain_order=True)
    spelled = [(KINDS[kind] + " " + value).alias(f"key.{kind}") for kind, value in enumerate(_VALUES)]
    numbers = [plh.col(f"key.{kind}").nchash.xxhash64().fill_null(0) for kind in range(len(_VALUES))]
    return each.with_columns(spelled).with_columns(numbers)


def of_kind(each: pl.DataFrame, kind: int) -> pl.DataFrame:
    """Return the keys of one kind. Shapes: rows of `places` -> the same rows: account, place, kind, value, key."""
    told = (pl.lit(kind, pl.Int8).alias("kind"), _VALUES[kind].alias("value"), pl.col(f"key.{kind}").alias("key"))
    return each.select(ACCOUNT, KEY, *_PLACE, *told)


def by_key(looks: pl.DataFrame, keyed: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """Return every look-up once for each of the `keyed` of its place.

    Shapes: rows of `marked` with `row`; rows of `of_kind`; `row` and `weight` -> VISITS.
    """
    told = keyed.select(KEY, *_PLACE, "kind", "value", "key")
    gain = (0.5 + 0.5 * 10 ** pl.col("weight")).log10() * 1000
    few = looks.join(told, on=KEY, how="semi", maintain_order="left")  # a join by one number, before one by names
    return (
        few.join(told, on=[KEY, *_PLACE], nulls_equal=True, maintain_order="left")
        .join(weights.select("row", gain.round().cast(pl.Int64).alias("gain")), on="row", maintain_order="left")
        .select(VISITS.names())
    )


def misses(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the numbers refused or not found, by the hundred they lie in. Shapes: rows of `marked` -> VISITS."""
    missed = rows.filter(pl.col("missed") & pl.col("portal.subject_block").is_not_null())
    told = (
        pl.lit(SEQUENCE, pl.Int8).alias("kind"),
        pl.col("portal.subject_block").alias("value"),
        plh.col("portal.subject_block").nchash.xxhash64().alias("key"),
        pl.lit(CERTAIN, pl.Int64).alias("gain"),
    )
    return missed.with_columns(told).select(VISITS.names())


def name_of(kind: int, value: str) -> str:
    """Return how a key is called: `portal.network=AS64496`."""
    return f"{FIELDS[kind]}={value}"
