"""Weigh each account's look-ups as they come: its own clientele's, or somebody's who reads a list?"""

from typing import Final

import polars as pl

from detector.context import frames
from detector.context.day import ACCOUNT, KEY, TRAITS
from detector.detect.models.clientele import LEDGER, LOOK, MILLION, PLACED, weigh

ELSEWHERE: Final = 0x9E3779B97F4A7C15
"""Added to an account's number for its look-ups from unfamiliar places: they are weighed apart from the others."""

STEPS: Final = 2
"""Steps of surprise, to each power of ten, at which an account's sum is taken anew."""

LEAST: Final = 1.5
"""Surprise from which an account is looked at closely: one day in thirty, at most, comes to it."""

TOLD: Final = ("looks", "strangers", "placed", "outside", "ended", "lacking")
BEST: Final = pl.Schema({KEY: pl.UInt64, "clientele": pl.Float64, "habit": pl.Float64} | dict.fromkeys(TOLD, pl.Int64))
"""The greatest surprise of an account's day so far, and the counts of the group that came to it."""


class Lookups:
    """The running day's look-ups, weighed by session, and by account in familiar and in unfamiliar places.

    Bounded: beyond `most_rows` those that were quiet longest leave and are counted.
    """

    def __init__(self, most_rows: int) -> None:
        self.most_rows = most_rows
        self.evicted_count = 0
        self.clear()

    def clear(self) -> None:
        """Begin a new day."""
        self.ledger = pl.DataFrame(schema=LEDGER)
        self.placed = pl.DataFrame(schema=PLACED)
        self.best = pl.DataFrame(schema=BEST)

    def observe(self, rows: pl.DataFrame, novelty: pl.DataFrame, habits: pl.DataFrame, areas: pl.DataFrame,
                everybody: pl.DataFrame) -> pl.DataFrame:  # fmt: skip
        """Weigh the first look-ups of the day among `rows`.

        Shapes: rows of `marked` with `row`; NOVELTY; HABITS; SERVED; the areas' shares among everybody -> a row for
        each first look-up: `row`, account, BEST so far, `risen`, whether the surprise took another step, and
        `weight`, what it has added to that of its session.
        """
        looks = (
            rows.filter("first_look")
            .join(novelty.select(ACCOUNT, *TRAITS, "unfamiliar"), on=[ACCOUNT, *TRAITS], how="left", nulls_equal=True,
                  maintain_order="left")
            .join(habits, on=KEY, how="left", maintain_order="left")
            .join(areas, on=[KEY, "portal.subject_area"], how="left", maintain_order="left")
            .join(everybody, on="portal.subject_area", how="left", maintain_order="left")
            .with_columns(pl.col("own").fill_null(0.0), pl.col("all").fill_null(pl.col("unseen")),
                          pl.when(pl.col("unfamiliar").fill_null(False)).then(pl.col(KEY) + ELSEWHERE)
                          .otherwise(KEY).alias("place_key"))
        )  # fmt: skip
        kinds = [
            looks.select(pl.col(key).alias("key"), *(name for name in LOOK if name != "key"))
            for key in ("run_key", "place_key")
        ]
        each = pl.concat(kinds)
        keys = each.get_column("key").unique()
        ledger, placed = (frames.among(frame, "key", keys) for frame in (self.ledger, self.placed))
        weighed = weigh(each, ledger, placed)
        self._keep(weighed, placed)
        return self._told(looks, weighed)

    def _keep(self, weighed: pl.DataFrame, placed: pl.DataFrame) -> None:
        self.ledger = self._latest(frames.renewed(self.ledger, "key", weighed.group_by("key").last()))
        fresh = weighed.filter(pl.col("placed_here") > 0).group_by("key", "portal.subject_area").last()
        fresh = fresh.select(PLACED.names())
        old = placed.join(fresh, on=["key", "portal.subject_area"], how="anti", nulls_equal=True)
        self.placed = self._latest(frames.renewed(self.placed, "key", pl.concat([old, fresh])))

    def _latest(self, frame: pl.DataFrame) -> pl.DataFrame:
        kept, gone = frames.latest(frame, self.most_rows)
        self.evicted_count += gone
        return kept

    def of(self, keys: pl.Series) -> pl.DataFrame:
        """Return BEST of the accounts with these numbers."""
        return frames.among(self.best, KEY, keys)

    def _told(self, looks: pl.DataFrame, weighed: pl.DataFrame) -> pl.DataFrame:
        """Say of each look-up how far its account's day has come, by the group that went farthest."""
        half = looks.height
        first, second = weighed[:half], weighed[half:]
        better = first.get_column("evidence") >= second.get_column("evidence")
        best = {name: first.get_column(name).zip_with(better, second.get_column(name)) for name in ("evidence", *TOLD)}
        before = self.of(looks.get_column(KEY)).select(KEY, pl.all().exclude(KEY).name.prefix("past."))
        here = pl.col("evidence")
        told = (
            looks.select("row", KEY)
            .with_columns(*best.values(), first.get_column("weight"),
                          (second.get_column("sum.0.5") / MILLION).alias("usual"))
            .join(before, on=KEY, how="left", maintain_order="left")
            .with_columns(pl.col("past.clientele").fill_null(0.0))
            .with_columns(pl.max_horizontal(here.cum_max().over(KEY), "past.clientele").alias("clientele"))
            .with_columns((here >= pl.col("clientele")).alias("leads"))
            .with_columns(
                pl.coalesce(pl.when("leads").then(name).forward_fill().over(KEY), f"past.{name}").alias(name)
                for name in TOLD
            )
            .with_columns(
                pl.coalesce(pl.col("clientele").shift().over(KEY), "past.clientele").alias("before"),
            )
            .with_columns(
                ((pl.col("clientele") >= LEAST)
                 & ((pl.col("clientele") * STEPS).floor() > (pl.col("before") * STEPS).floor())).alias("risen")
            )
        )  # fmt: skip
        told = told.with_columns(
            pl.when(pl.col("clientele") >= LEAST)
            .then("clientele")
            .otherwise(pl.min_horizontal(here, "usual"))
            .alias("habit")
        )
        self.best = frames.renewed(self.best, KEY, told.group_by(KEY).last())
        return told.select("row", *BEST.names(), "risen", "weight")

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, for `restore`."""
        parts = (("ledger", self.ledger), ("placed", self.placed), ("best", self.best))
        return {f"lookups.{name}": frames.pack(frame) for name, frame in parts}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the state that `snapshot` gave."""
        self.ledger, self.placed, self.best = (
            frames.unpack(saved[f"lookups.{name}"]) for name in ("ledger", "placed", "best")
        )
