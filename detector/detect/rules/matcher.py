"""Answer the questions of all rules over a batch at once: each question is asked once.

Dear questions (patterns over paths, agents, addresses) are asked last, of the rows on which some rule still
depends on them, and of a column's unique values among those.
"""

from collections.abc import Iterable

import numpy as np
import polars as pl

from detector.detect.rules import keys
from detector.detect.rules.express import dear, express
from detector.detect.rules.fields import Column, resolve
from detector.detect.rules.keys import Index, Mask
from detector.detect.rules.predicate import All, Leaf, Not, Some, Tree, leaves

SAMPLE_ROWS = 4096
MOSTLY_UNIQUE = 0.5
"""Share of distinct values in a sample above which looking for the unique ones would not pay."""

Answers = dict[Leaf, Mask]


class Matcher:
    """Compiled conditions of many rules, asked together."""

    def __init__(self, trees: Iterable[Tree]) -> None:
        self.trees = list(trees)
        self.columns: dict[str, tuple[Column, list[Leaf]]] = {}
        self.dear: dict[Leaf, Column] = {}
        for leaf in dict.fromkeys(leaf for tree in self.trees for leaf in leaves(tree)):
            column = resolve(leaf.column)
            if column is None:
                raise ValueError(f"no field {leaf.column!r}")
            if column.logged and dear(leaf, column.dtype):
                self.dear[leaf] = column
            else:
                self.columns.setdefault(column.name, (column, []))[1].append(leaf)

    def answer(self, events: pl.DataFrame) -> Answers:
        """Ask every question. Shapes: n rows in `schema.EVENT` -> n truths a question.

        A dear question is answered where a rule depends on it, and no elsewhere.
        """
        asked = [(leaf, column) for column, some in self.columns.values() for leaf in some]
        names = [f"p{i}" for i in range(len(asked))]
        questions = [_question(leaf, column).alias(name) for name, (leaf, column) in zip(names, asked, strict=True)]
        found = events.select(questions)
        answers = {leaf: found[name].to_numpy() for name, (leaf, _) in zip(names, asked, strict=True)}
        if self.dear:
            self._answer_dear(events, answers)
        return answers

    def _answer_dear(self, events: pl.DataFrame, answers: Answers) -> None:
        open_rows: dict[str, Mask] = {}
        for tree in self.trees:
            columns = {self.dear[leaf].name for leaf in leaves(tree) if leaf in self.dear}
            if columns:
                maybe = _maybe(tree, answers, events.height, yes=True)
                open_rows |= {name: maybe | open_rows[name] if name in open_rows else maybe for name in columns}
        by_column: dict[str, list[Leaf]] = {}
        for leaf, column in self.dear.items():
            by_column.setdefault(column.name, []).append(leaf)
            answers[leaf] = np.zeros(events.height, dtype=np.bool_)
        for name, asked in by_column.items():
            rows = np.flatnonzero(open_rows[name])
            if len(rows):
                for leaf, truth in zip(asked, _spread(events, self.dear[asked[0]], asked, rows), strict=True):
                    answers[leaf][rows] = truth


def _question(leaf: Leaf, column: Column) -> pl.Expr:
    if not column.logged:
        return pl.repeat(leaf.kind in {"null", "blank"}, pl.len(), dtype=pl.Boolean)
    return express(leaf, column.expression(), column.dtype)


def _spread(events: pl.DataFrame, column: Column, asked: list[Leaf], rows: Index) -> Iterable[Mask]:
    """Ask of the unique values at `rows` and spread the answers back over them."""
    part = events if len(rows) == events.height else events[rows]
    values = part.select(column.expression().alias("value")).to_series()
    questions = [express(leaf, pl.col("value"), column.dtype).alias(f"p{i}") for i, leaf in enumerate(asked)]
    sample = values.gather_every(max(1, values.len() // SAMPLE_ROWS))
    if values.len() <= SAMPLE_ROWS or sample.n_unique() > MOSTLY_UNIQUE * sample.len():
        return [one.to_numpy() for one in values.to_frame().select(questions).get_columns()]
    numbers, first = keys.codes(keys.hashes(values))
    unique = values.gather(first).to_frame().select(questions)
    return [one.to_numpy()[numbers] for one in unique.get_columns()]


def _maybe(tree: Tree, answers: Answers, rows: int, *, yes: bool) -> Mask:
    """Mark the rows on which the tree may hold (`yes`), or may fail, whatever the open questions turn out to be."""
    match tree:
        case Leaf():
            if tree not in answers:
                return np.ones(rows, dtype=np.bool_)
            return answers[tree] if yes else ~answers[tree]
        case Not(part):
            return _maybe(part, answers, rows, yes=not yes)
        case All(parts) | Some(parts):
            masks = [_maybe(part, answers, rows, yes=yes) for part in parts]
            return _joined(masks, every=isinstance(tree, All) is yes)


def holds(tree: Tree, answers: Answers) -> Mask:
    """Put the answers together. Shapes: n answers a question -> n truths."""
    match tree:
        case Leaf():
            return answers[tree]
        case Not(part):
            return ~holds(part, answers)
        case All(parts):
            return _joined([holds(part, answers) for part in parts], every=True)
        case Some(parts):
            return _joined([holds(part, answers) for part in parts], every=False)


def _joined(masks: list[Mask], *, every: bool) -> Mask:
    joined = masks[0]
    for mask in masks[1:]:
        joined = joined & mask if every else joined | mask
    return joined
