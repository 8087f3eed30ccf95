"""Keep who looked from where: a row for each account, session, address, client and day, and what it did."""

from typing import Final

import polars as pl
import polars_hash as plh

from detector.inquire.scope.displays import CLAIMED, DISPLAYED, UNNAMED
from detector.schema import TIME

ACCOUNT: Final = "user.name"
KEYS: Final = pl.Schema(
    {
        ACCOUNT: pl.String(),
        "portal.session": pl.String(),
        "source.ip": pl.String(),
        "portal.source": pl.String(),
        "source.geo.country_iso_code": pl.String(),
        "portal.network": pl.String(),
        "portal.network_kind": pl.String(),
        "portal.client": pl.String(),
        "portal.client_kind": pl.String(),
        "portal.local_date": pl.Date(),
        "inside": pl.Boolean(),
        "suspect": pl.Boolean(),
    }
)
"""`inside`: in the span of time asked for; what lies outside tells of habits. `suspect`: known to be the attacker's."""

UNITS: Final = pl.Schema(
    {
        "unit": pl.UInt64(),
        **KEYS,
        "first": TIME,
        "last": TIME,
        "requests": pl.Int64(),
        "records": pl.Int64(),
        "claims": pl.Int64(),
        "unnamed": pl.Int64(),
    }
)
"""`unit` is a number made of the keys. `records`: displays of one person's data; `unnamed` tell not whose."""


class Units:
    """The units so far. Memory: some hundred bytes for each session, address and day of those asked for."""

    def __init__(self) -> None:
        self._held: list[pl.DataFrame] = []

    def add(self, events: pl.DataFrame) -> pl.DataFrame:
        """Count events; return them with their `unit` and whether they `displayed` a person.

        Shapes: EVENT with `inside` and `suspect`.
        """
        texts = [pl.col(name).cast(pl.String).fill_null("\0") for name in KEYS]
        marked = (
            events.with_columns(pl.concat_str(texts, separator="\x1f").alias("unit"))
            .with_columns(plh.col("unit").nchash.xxhash64())
            .with_columns(DISPLAYED.alias("displayed"))
        )
        self._held.append(
            marked.group_by("unit").agg(
                *(pl.col(name).first() for name in KEYS),
                pl.col("@timestamp").min().alias("first"),
                pl.col("@timestamp").max().alias("last"),
                pl.len().cast(pl.Int64).alias("requests"),
                pl.col("displayed").sum().cast(pl.Int64).alias("records"),
                CLAIMED.sum().cast(pl.Int64).alias("claims"),
                UNNAMED.sum().cast(pl.Int64).alias("unnamed"),
            )
        )
        if len(self._held) > 64:  # small frames of many steps
            self._held = [self.table()]
        return marked

    def table(self) -> pl.DataFrame:
        """Return all units, oldest first. Shapes: UNITS."""
        counts = ("requests", "records", "claims", "unnamed")
        return (
            pl.concat([pl.DataFrame(schema=UNITS), *self._held])
            .group_by("unit")
            .agg(
                *(pl.col(name).first() for name in KEYS),
                pl.col("first").min(),
                pl.col("last").max(),
                pl.col(*counts).sum(),
            )
            .select(UNITS.names())
            .sort("first", "unit")
        )
