"""Count records viewed in a row without a claim: people who care for patients bill for it, thieves do not."""

from typing import Final

import polars as pl

from detector.context import frames

RUNS: Final = pl.Schema({"run_key": pl.UInt64, "run": pl.Int64, "views": pl.Int64})
"""How many records each session (without one: each account at an address) has shown since its last claim, and today."""


class Runs:
    """The running length of every session's views without a claim, within the local day.

    Bounded: beyond `most_rows` the sessions that were quiet longest leave and are counted.
    """

    def __init__(self, most_rows: int) -> None:
        self.most_rows = most_rows
        self.evicted_count = 0
        self.clear()

    def clear(self) -> None:
        """Begin a new day."""
        self.open = pl.DataFrame(schema=RUNS)

    def count(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add `unclaimed_run`: the records that the row's session displayed since its last claim, itself included.

        And `unbilled`: whether the view before it was followed by no claim; null where the session had none.

        Shapes: rows of `marked` in event time -> the same rows and order.
        """
        # Sorted by session, a run is a difference of running sums: windows over a million sessions cost far more.
        shown, claims = pl.col("displayed").cast(pl.Int64).cum_sum(), pl.col("claimed").cast(pl.Int64).cum_sum()
        begins = (pl.col("run_key") != pl.col("run_key").shift()).fill_null(True)
        shown_before, claims_before = shown - pl.col("displayed"), claims - pl.col("claimed")
        known = frames.among(self.open, "run_key", rows.get_column("run_key"))
        runs = (
            rows.select("run_key", "displayed", "claimed")
            .with_row_index("row")
            .sort("run_key", maintain_order=True)
            .join(known, on="run_key", how="left", maintain_order="left")
            .with_columns(
                (shown - pl.when(begins | pl.col("claimed")).then(shown_before).forward_fill()).alias("since"),
                (claims == pl.when(begins).then(claims_before).forward_fill()).alias("unclaimed"),
            )
            .select(
                "row",
                (pl.col("since") + pl.when("unclaimed").then(pl.col("run")).fill_null(0)).alias("run"),
                (shown - pl.when(begins).then(shown_before).forward_fill() + pl.col("views").fill_null(0)).alias(
                    "views"
                ),
            )
            .sort("row")
        )
        counted = rows.with_columns(runs.get_column("run").alias("unclaimed_run"), runs.get_column("views"))
        last = counted.group_by("run_key").agg(pl.col("unclaimed_run").last().alias("run"), pl.col("views").last())
        self.open, gone = frames.latest(frames.renewed(self.open, "run_key", last), self.most_rows)
        self.evicted_count += gone
        later = pl.col("displayed") & (pl.col("views") > 1)
        return counted.with_columns(pl.when(later).then(pl.col("unclaimed_run") > 1).alias("unbilled")).drop("views")

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, for `restore`."""
        return {"runs": frames.pack(self.open)}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the state that `snapshot` gave."""
        self.open = frames.unpack(saved["runs"])
