"""Count the running day's newcomers of every key, and how far the evidence on each of them has come."""

from typing import Final

import polars as pl

from detector.context import frames
from detector.context.acquaintance import pair
from detector.context.day import ACCOUNT, KEY
from detector.detect.campaign.newcomers import LEVELS, ODD
from detector.schema import TIME

PAIRS: Final = pl.Schema(
    {
        "kind": pl.Int8(),
        "key": pl.UInt64(),
        "value": pl.String(),
        ACCOUNT: pl.String(),
        "pair": pl.UInt64(),
        "source.ip": pl.String(),
        "first": TIME,
        "odd": TIME,
        "sum": pl.Int64(),
        "level": pl.Int64(),
        "looks": pl.Int64(),
    }
)
"""A key and an account that is new there: its first address there, since when, since when odd (the first level passed;
null while it is not), its evidence in thousandths, the most levels passed, and its look-ups."""

_PAIR: Final = "pair"
"""One number for key and account: windows over one cost a third of windows over two."""


class Tally:
    """The running day's newcomers. Bounded: beyond `most_rows` the earliest are dropped and counted."""

    def __init__(self, most_rows: int) -> None:
        self.most_rows = most_rows
        self.evicted_count = 0
        self.clear()

    def clear(self) -> None:
        """Begin a new day."""
        self.pairs = pl.DataFrame(schema=PAIRS)

    def observe(self, visits: pl.DataFrame) -> pl.DataFrame:
        """Take up visits of newcomers, and return those that make a key's newcomers more, or odder.

        Shapes: VISITS in event time -> some of its rows, by `row` and `kind`, with `level` of the account, and how
        many `newcomers` and `odd_0` to `odd_2` the key has by then, this one included, and how often they `looked`.
        """
        numbers = pl.Series(_PAIR, pair(visits.get_column(KEY).to_numpy(), visits.get_column("key").to_numpy()))
        numbered = visits.with_columns(numbers)
        past = frames.among(self.pairs, _PAIR, numbers).select(
            _PAIR, pl.col("source.ip", "first", "odd", "sum", "level", "looks").name.prefix("past.")
        )
        carried = numbered.join(past, on=_PAIR, how="left", maintain_order="left")
        summed = carried.with_columns(
            (pl.col("gain").cum_sum().over(_PAIR) + pl.col("past.sum").fill_null(0)).alias("sum"),
            (pl.int_range(1, pl.len() + 1).over(_PAIR) + pl.col("past.looks").fill_null(0)).alias("looks"),
            pl.coalesce("past.first", pl.col("@timestamp").first().over(_PAIR)).alias("first"),
            pl.coalesce("past.source.ip", pl.col("source.ip").first().over(_PAIR)).alias("source.ip"),
            pl.int_range(1, pl.len() + 1).over("key").alias("looked"),
        )
        passed = pl.sum_horizontal((pl.col("sum") >= round(level * 1000)).cast(pl.Int64) for level in LEVELS)
        levelled = summed.with_columns(
            pl.max_horizontal(passed.cum_max().over(_PAIR), pl.col("past.level").fill_null(0)).alias("level")
        ).with_columns(
            pl.coalesce(pl.col("level").shift().over(_PAIR), "past.level", pl.lit(-1)).alias("before"),
            pl.coalesce("past.odd", pl.when(pl.col("level") > 0).then("@timestamp").min().over(_PAIR)).alias("odd"),
        )
        turns = self._counted(levelled.filter(pl.col("level") > pl.col("before")))
        self._keep(levelled)
        return turns

    def _counted(self, risen: pl.DataFrame) -> pl.DataFrame:
        """Add the counts of each row's key."""
        steps = {"newcomers": pl.col("before") < 0} | {
            name: (pl.col("before") <= number) & (pl.col("level") > number) for number, name in enumerate(ODD)
        }
        past = (
            self.pairs.join(risen, on="key", how="semi")
            .group_by("key")
            .agg(
                pl.len().cast(pl.Int64).alias("past.newcomers"),
                pl.col("looks").sum().alias("past.looked"),
                *(
                    (pl.col("level") > number).sum().cast(pl.Int64).alias(f"past.{name}")
                    for number, name in enumerate(ODD)
                ),
            )
        )
        return (
            risen.sort("row", "kind", maintain_order=True)
            .join(past, on="key", how="left", maintain_order="left")
            .with_columns(
                pl.col("looked") + pl.col("past.looked").fill_null(0),
                *(
                    (step.cast(pl.Int64).cum_sum().over("key") + pl.col(f"past.{name}").fill_null(0)).alias(name)
                    for name, step in steps.items()
                ),
            )
            .drop(pl.selectors.starts_with("past."))
        )

    def _keep(self, levelled: pl.DataFrame) -> None:
        kept = frames.renewed(self.pairs, _PAIR, levelled.group_by(_PAIR, maintain_order=True).last())
        self.pairs, gone = frames.latest(kept, self.most_rows)
        self.evicted_count += gone

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, for `restore`."""
        return {"campaign.pairs": frames.pack(self.pairs)}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the state that `snapshot` gave."""
        self.pairs = frames.unpack(saved["campaign.pairs"])
