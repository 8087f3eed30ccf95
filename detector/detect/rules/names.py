"""Remember the texts of the accounts and addresses that windows refer to by their hashes: once for all rules."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from detector.context import frames
from detector.detect.rules import keys
from detector.detect.rules.batch import Batch
from detector.schema import appended, detached

NAMED: Final = ("user.name", "source.ip")
"""Columns whose texts are evidence of a match: the rows of windows keep their hashes."""

PRUNE_AT: Final = 100_000
"""Texts of a column below which it is not worth looking, between two snapshots, for those that no row refers to."""

Referred = Callable[[str], Iterable[pl.Series]]
"""Gives the hashes that rows refer to of one of NAMED, in as many columns as there are."""


class Names:
    """Texts of NAMED by their hashes: `learn` those of rows that are kept, `prune` those that none refers to any more.

    Two texts of one hash would stand for each other in evidence: once in a thousand portals of a hundred million texts.
    """

    def __init__(self) -> None:
        self.tables = {name: pl.DataFrame(schema={"number": pl.UInt64, name: pl.String}) for name in NAMED}
        self._pruned = dict.fromkeys(NAMED, 0)

    def learn(self, batch: Batch) -> None:
        """Add the texts of the rows of a batch that windows keep."""
        for name, kept in batch.named.items():
            rows = np.flatnonzero(kept)
            self._add(name, batch.numbered(name)[rows], batch.column(name)[rows])

    def take(self, name: str, texts: pl.Series) -> pl.Series:
        """Add texts, and return their hashes: of a state of when they were kept row by row."""
        numbers = keys.numbered(texts)
        self._add(name, numbers, texts)
        return numbers

    def _add(self, name: str, numbers: pl.Series, texts: pl.Series) -> None:
        fresh = pl.DataFrame({"number": numbers, name: texts}).drop_nulls().unique("number")
        known = frames.among(self.tables[name], "number", fresh["number"])
        fresh = fresh.join(known, on="number", how="anti")
        if not fresh.is_empty():
            self.tables[name] = appended(self.tables[name], fresh)

    def of(self, name: str, numbers: pl.Series) -> npt.NDArray[np.object_]:
        """Give the texts of hashes. Shapes: n hashes -> n texts, None for null."""
        told = dict(frames.among(self.tables[name], "number", numbers.unique().drop_nulls()).iter_rows())
        return np.array([told.get(number) for number in numbers], dtype=object)

    @property
    def grown(self) -> bool:
        """Whether there are so many more than after the last `prune` that it is worth another."""
        return any(table.height > PRUNE_AT + 2 * self._pruned[name] for name, table in self.tables.items())

    def prune(self, referred: Referred) -> None:
        """Drop the texts that no row refers to any more."""
        for name, table in self.tables.items():
            numbers = [pl.Series(dtype=pl.UInt64), *(column.unique() for column in referred(name))]
            self.tables[name] = detached(frames.among(table, "number", pl.concat(numbers).unique()))
            self._pruned[name] = self.tables[name].height

    def snapshot(self) -> Iterator[tuple[str, bytes]]:
        """Give the texts, column by column."""
        yield from ((f"names/{name}", frames.pack(table)) for name, table in self.tables.items())

    def restore(self, saved: Mapping[str, bytes]) -> None:
        """Take back what `snapshot` gave; nothing of a state of when rows kept texts."""
        self.tables |= {name: frames.unpack(saved[f"names/{name}"]) for name in NAMED if f"names/{name}" in saved}
