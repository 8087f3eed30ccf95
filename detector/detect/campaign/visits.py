"""Say of look-ups by which keys they came, and of numbers refused in which hundred they lie."""

from typing import Final

import polars as pl
import polars_hash as plh

from detector.context.day import ACCOUNT, KEY
from detector.schema import TIME

KINDS: Final = ("source", "subnet", "network", "client", "version", "sequence")
"""What accounts may share; the narrower first, since of two at once it is the one to name."""

SEQUENCE: Final = KINDS.index("sequence")

_PLACE: Final = ("portal.source", "portal.network", "portal.client", "user_agent.version")
_VALUES: Final = (
    pl.col("portal.source"),
    pl.when(pl.col("portal.source").str.contains(".", literal=True)).then(
        pl.col("portal.source").str.replace(r"\d+$", "0/24")
    ),
    pl.col("portal.network"),
    pl.col("portal.client"),
    pl.concat_str("portal.client", "user_agent.version", separator=" "),
)
"""The keys of a place, in the order of KINDS; an IPv6 source is a subnet by itself."""

FIELDS: Final = ("portal.source", "portal.source", "portal.network", "portal.client", "portal.client", "portal.subject_block")
"""The column that holds a key's value, or most of it."""

SHOWN: Final = ("source.ip", "portal.network", "portal.client", "source.geo.country_iso_code")
CERTAIN: Final = 10_000
"""What a number in a hundred that does not exist weighs, in thousandths: more than any level."""

KEYED: Final = pl.Schema(
    {ACCOUNT: pl.String, KEY: pl.UInt64, "kind": pl.Int8, "value": pl.String, "key": pl.UInt64, "place": pl.UInt32}
)
VISITS: Final = pl.Schema(
    {"row": pl.UInt32, "@timestamp": TIME, ACCOUNT: pl.String, KEY: pl.UInt64, "kind": pl.Int8, "value": pl.String,
     "key": pl.UInt64, "gain": pl.Int64} | dict.fromkeys(SHOWN, pl.String)
)  # fmt: skip
"""A look-up by way of one key: `gain` is how much likelier it is a thief's who makes up half, log10, in thousandths."""


def places(rows: pl.DataFrame, looks: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the look-ups with the number of their account's place, and the keys of each place.

    Shapes: rows of `marked` with `row`; a row for each first look-up with `row` and `weight` -> look-ups; KEYED.
    """
    numbered = rows.filter("first_look").with_columns(pl.struct(KEY, *_PLACE).rank("dense").alias("place"))
    gain = (0.5 + 0.5 * 10 ** pl.col("weight")).log10() * 1000
    visits = numbered.join(looks.select("row", gain.round().cast(pl.Int64).alias("gain")), on="row")
    each = numbered.unique("place", maintain_order=True)
    return visits, pl.concat([_keyed(each, kind, value) for kind, value in enumerate(_VALUES)])


def _keyed(each: pl.DataFrame, kind: int, value: pl.Expr) -> pl.DataFrame:
    named = each.select(ACCOUNT, KEY, value.alias("value"), pl.col("place").cast(pl.UInt32)).drop_nulls("value")
    return _hashed(named, kind).select(KEYED.names())


def _hashed(named: pl.DataFrame, kind: int) -> pl.DataFrame:
    whole = named.with_columns(pl.lit(kind, pl.Int8).alias("kind"), (KINDS[kind] + " " + pl.col("value")).alias("key"))
    return whole.with_columns(plh.col("key").nchash.xxhash64())


def by_key(visits: pl.DataFrame, keyed: pl.DataFrame) -> pl.DataFrame:
    """Return every look-up once for each of the `keyed` of its place. Shapes: look-ups, KEYED -> VISITS."""
    told = keyed.select("place", "kind", "value", "key")
    return visits.with_columns(pl.col("place").cast(pl.UInt32)).join(told, on="place").select(VISITS.names())


def misses(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the numbers refused or not found, by the hundred they lie in. Shapes: rows of `marked` -> VISITS."""
    missed = rows.filter(pl.col("missed") & pl.col("portal.subject_block").is_not_null())
    named = missed.with_columns(pl.col("portal.subject_block").alias("value"), pl.lit(CERTAIN, pl.Int64).alias("gain"))
    return _hashed(named, SEQUENCE).select(VISITS.names())


def name_of(kind: int, value: str) -> str:
    """Return how a key is called: `portal.network=AS64496`."""
    return f"{FIELDS[kind]}={value}"
