"""Join what was displayed into one row a person, a part of all persons at a time, and add up the figures."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from detector.inquire.scope.displays import Categories
from detector.inquire.scope.finding import WHOSE
from detector.inquire.scope.spill import SUBJECT, Spill
from detector.schema import TIME

PERSONS: Final = pl.Schema(
    {
        SUBJECT: pl.String(),
        "whose": pl.String(),
        "first": TIME,
        "last": TIME,
        "count": pl.UInt32(),
        "categories": pl.List(pl.String),
        **{f"{side}_count": pl.UInt32() for side in WHOSE},
    }
)
"""One row an insured person, in no telling order.

`whose` requests displayed the person: `attacker`, `both` (the owner's too), `undecided` (and none that is surely the
attacker's), `owner`. `first`, `last`, `count` (displays) and `categories` are those of the side named, of `both` the
attacker's.
"""

_OF_SIDE: Final = {"attacker": "attacker", "both": "attacker", "undecided": "undecided", "owner": "owner"}


@dataclass(slots=True, kw_only=True)
class Totals:
    """Distinct persons: by `whose`, of the owner (undecided ones too), by source (a number), by category of a side."""

    whose: Counter[str] = field(default_factory=Counter)
    owner_count: int = 0
    sources: Counter[int] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    owner_categories: Counter[str] = field(default_factory=Counter)
    others: Counter[int] = field(default_factory=Counter)


class Persons:
    """The persons displayed, in files under `folder`, and the totals of them."""

    def __init__(self, folder: Path, categories: Categories) -> None:
        self._folder, self._categories = folder, categories
        self._files: list[Path] = []
        self.totals = Totals()
        folder.mkdir()

    def join(self, shown: Spill, units: pl.DataFrame, others: Spill | None) -> None:
        """Make the persons of what was shown. Shapes: `units` {unit, whose, source}."""
        beside = others.by_part() if others else {}
        for part, rows in shown.parts():
            told = rows.join(units, on="unit")
            table = _persons(told)
            self._add_up(table, told)
            if part in beside:
                exposed = table.filter(pl.col("whose") != "owner").select(SUBJECT)
                found = beside[part]().join(exposed, on=SUBJECT, how="semi")
                self.totals.others.update(dict(found.group_by("unit").len().iter_rows()))
            path = self._folder / f"{part:03d}.arrow"
            self._named(table).write_ipc(path, compression="zstd")
            self._files.append(path)

    def write(self, out: BinaryIO, form: str) -> None:
        """Write all persons as `csv` (categories joined by a blank) or `parquet`, in bounded memory."""
        table = pl.scan_ipc(self._files) if self._files else pl.LazyFrame(schema=PERSONS)
        if form == "parquet":
            table.sink_parquet(out)
            return
        times = pl.col("first", "last").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        table.with_columns(times, pl.col("categories").list.join(" ")).sink_csv(out)

    def _add_up(self, table: pl.DataFrame, told: pl.DataFrame) -> None:
        totals = self.totals
        totals.whose.update(dict(table.group_by("whose").len().iter_rows()))
        totals.owner_count += table.filter(pl.col("owner_count") > 0).height
        sources = told.select(SUBJECT, "source").unique().group_by("source").len()
        totals.sources.update(dict(sources.iter_rows()))
        exposed, own = pl.col("attacker") | pl.col("undecided"), pl.col("owner")
        for bits, count in table.group_by(exposed).len().iter_rows():
            totals.categories.update(dict.fromkeys(self._categories.of(bits), count))
        for bits, count in table.group_by(own).len().iter_rows():
            totals.owner_categories.update(dict.fromkeys(self._categories.of(bits), count))

    def _named(self, table: pl.DataFrame) -> pl.DataFrame:
        sets = table["categories"].unique()
        names = pl.DataFrame(
            {"categories": sets, "names": [list(self._categories.of(bits)) for bits in sets]},
            schema={"categories": pl.UInt64(), "names": pl.List(pl.String)},
        )
        named = table.join(names, on="categories", how="left").drop("categories").rename({"names": "categories"})
        return named.select(pl.col(name).cast(dtype) for name, dtype in PERSONS.items()).sort(SUBJECT)


def _persons(told: pl.DataFrame) -> pl.DataFrame:
    """Join the rows of each person. Shapes: SHOWN with {whose} -> PERSONS, categories and each side's as bits."""
    sides = [pl.col("whose") == side for side in WHOSE]
    table = told.group_by(SUBJECT).agg(
        *(pl.col("count").filter(here).sum().cast(pl.UInt32).alias(f"{side}_count") for side, here in _by(sides)),
        *(pl.col("first").filter(here).min().alias(f"{side}_first") for side, here in _by(sides)),
        *(pl.col("last").filter(here).max().alias(f"{side}_last") for side, here in _by(sides)),
        *(
            pl.col("bits").filter(here).bitwise_or().fill_null(0).cast(pl.UInt64).alias(side)
            for side, here in _by(sides)
        ),
    )
    attacker, owner, undecided = (pl.col(f"{side}_count") > 0 for side in WHOSE)
    whose = (
        pl.when(attacker & owner).then(pl.lit("both"))
        .when(attacker).then(pl.lit("attacker"))
        .when(undecided).then(pl.lit("undecided"))
        .otherwise(pl.lit("owner"))
    )  # fmt: skip
    table = table.with_columns(whose.alias("whose"))
    return table.with_columns(
        _of_side("{}_first").alias("first"),
        _of_side("{}_last").alias("last"),
        _of_side("{}_count").alias("count"),
        _of_side("{}").alias("categories"),
    )


def _by(sides: Sequence[pl.Expr]) -> Iterator[tuple[str, pl.Expr]]:
    return zip(WHOSE, sides, strict=True)


def _of_side(name: str) -> pl.Expr:
    return pl.coalesce(
        pl.when(pl.col("whose") == whose).then(pl.col(name.format(side))) for whose, side in _OF_SIDE.items()
    )
