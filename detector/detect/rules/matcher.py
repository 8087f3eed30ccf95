"""Answer the questions of all rules over a batch at once: each question is asked once.

Dear questions (patterns over paths, agents, addresses) are asked of a column's unique values and spread
back over the rows.
"""

from collections.abc import Iterable

import numpy as np
import polars as pl

from detector.detect.rules import keys
from detector.detect.rules.express import dear, express
from detector.detect.rules.fields import Column, resolve
from detector.detect.rules.predicate import All, Leaf, Not, Some, Tree, leaves

SAMPLE_ROWS = 4096
MOSTLY_UNIQUE = 0.5
"""Share of distinct values in a sample above which looking for the unique ones would not pay."""


class Matcher:
    """Compiled conditions of many rules, asked together."""

    def __init__(self, trees: Iterable[Tree]) -> None:
        self.columns: dict[str, tuple[Column, list[Leaf]]] = {}
        self.names: dict[Leaf, str] = {}
        for tree in trees:
            for leaf in leaves(tree):
                self._admit(leaf)

    def _admit(self, leaf: Leaf) -> None:
        if leaf in self.names:
            return
        column = resolve(leaf.column)
        if column is None:
            raise ValueError(f"no field {leaf.column!r}")
        self.names[leaf] = f"p{len(self.names)}"
        self.columns.setdefault(column.name, (column, []))[1].append(leaf)

    def answer(self, events: pl.DataFrame) -> pl.DataFrame:
        """Ask every question. Shapes: n rows in `schema.EVENT` -> n rows, a Boolean column a question."""
        cheap: list[pl.Expr] = []
        spread: list[pl.Series] = []
        for column, asked in self.columns.values():
            patterns = [leaf for leaf in asked if column.logged and dear(leaf, column.dtype)]
            direct = [leaf for leaf in asked if leaf not in patterns]
            cheap += [self._direct(leaf, column) for leaf in direct]
            if patterns:
                spread += self._spread(events, column, patterns)
        return events.select(cheap).with_columns(spread) if cheap else pl.DataFrame(spread)

    def _direct(self, leaf: Leaf, column: Column) -> pl.Expr:
        name = self.names[leaf]
        if not column.logged:
            return pl.repeat(leaf.kind in {"null", "blank"}, pl.len(), dtype=pl.Boolean).alias(name)
        return express(leaf, column.expression(), column.dtype).alias(name)

    def _spread(self, events: pl.DataFrame, column: Column, asked: list[Leaf]) -> list[pl.Series]:
        values = events.select(column.expression().alias("value")).to_series()
        questions = [express(leaf, pl.col("value"), column.dtype).alias(self.names[leaf]) for leaf in asked]
        if (
            values.len() > SAMPLE_ROWS
            and values.gather_every(values.len() // SAMPLE_ROWS).n_unique() > MOSTLY_UNIQUE * SAMPLE_ROWS
        ):
            return values.to_frame().select(questions).get_columns()
        numbers, rows = keys.codes(keys.hashes(values))
        unique = values.gather(rows).to_frame().select(questions)
        return [pl.Series(one.name, one.to_numpy()[numbers]) for one in unique.get_columns()]


def holds(tree: Tree, answers: pl.DataFrame, names: dict[Leaf, str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Put the answers together. Shapes: n rows of answers -> n truths."""
    return answers.select(_expression(tree, names).alias("holds")).to_series().to_numpy()


def _expression(tree: Tree, names: dict[Leaf, str]) -> pl.Expr:
    match tree:
        case Leaf():
            return pl.col(names[tree])
        case Not(part):
            return ~_expression(part, names)
        case All(parts):
            return pl.all_horizontal([_expression(part, names) for part in parts])
        case Some(parts):
            return pl.any_horizontal([_expression(part, names) for part in parts])
