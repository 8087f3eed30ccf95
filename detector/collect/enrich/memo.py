"""Compute over the unique values of a batch and spread the result over its rows; remember some between batches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from detector.schema import appended, detached

REMEMBERED = 262_144
"""Values a memo keeps between batches: far more than a portal's usual clients."""
REMEMBERED_BYTES: Final = 64 << 20
"""What they may take up: whoever sends another text of 8 KB with each request would fill gigabytes otherwise."""

Compute = Callable[[pl.DataFrame], pl.DataFrame]


def over_unique(keys: pl.DataFrame, compute: Compute) -> pl.DataFrame:
    """Apply `compute` to the distinct rows of `keys` and give every row its result.

    `compute` returns its input's rows in order, with columns added beside the keys.
    Shapes: n rows of key columns -> n rows: the keys and what `compute` adds, in order.
    """
    return spread(keys, compute(keys.unique()))


def spread(keys: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """Look every row of `keys` up in `table`, null keys included."""
    return keys.join(table, on=keys.columns, how="left", nulls_equal=True, maintain_order="left")


@dataclass(slots=True)
class Memo:
    """A pure function of the key columns, with what it returned for values of earlier batches.

    What is remembered never changes a result, so it needs no saving. When it would outgrow `limit`
    or `limit_bytes` it is forgotten but for the present batch.
    """

    compute: Compute
    limit: int = REMEMBERED
    limit_bytes: int = REMEMBERED_BYTES
    known: pl.DataFrame | None = field(default=None, init=False)

    def __call__(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Return `keys` with the computed columns, row by row.

        Shapes: n rows of key columns -> n rows: the keys and the computed columns, in order.
        """
        wanted = keys.unique()
        known = self.known
        if known is None:
            table = detached(self.compute(wanted))
        else:
            missing = wanted.join(known, on=keys.columns, how="anti", nulls_equal=True)
            table = known if missing.is_empty() else appended(known, self.compute(missing))
        self._remember(table, wanted)
        return spread(keys, table)

    def _remember(self, table: pl.DataFrame, wanted: pl.DataFrame) -> None:
        if self._outgrown(table):
            table = table.join(wanted, on=wanted.columns, how="semi", nulls_equal=True).head(self.limit)
        self.known = None if self._outgrown(table) else table

    def _outgrown(self, table: pl.DataFrame) -> bool:
        return table.height > self.limit or table.estimated_size() > self.limit_bytes
