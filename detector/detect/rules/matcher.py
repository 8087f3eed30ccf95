"""Answer the questions of all rules over a batch at once: each question is asked once.

Dear questions (patterns over paths, agents, addresses) are asked last, of the rows on which some rule still depends
on them. One search for all the words that they need finds the few rows at which they have to be asked at all; then
they are asked of a column's unique values.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from detector.detect.rules import keys
from detector.detect.rules.express import dear, express
from detector.detect.rules.fields import Column, resolve
from detector.detect.rules.keys import Index, Mask
from detector.detect.rules.predicate import All, Leaf, Not, Some, Tree, leaves, needed

SAMPLE_ROWS = 4096
MOSTLY_UNIQUE = 0.5
"""Share of distinct values in a sample above which looking for the unique ones would not pay."""


class Answers:
    """Where each question is answered with yes; `no` and `yes` are the masks of those that no or every row answers."""

    def __init__(self, rows: int) -> None:
        self.no: Mask = np.zeros(rows, dtype=np.bool_)
        self.yes: Mask = np.ones(rows, dtype=np.bool_)
        self.masks: dict[Leaf, Mask] = {}

    def put(self, leaf: Leaf, truth: Mask, rows: Index | None = None) -> None:
        """Note the answers at `rows`, or at all."""
        if not truth.any():
            self.masks[leaf] = self.no
        elif rows is None:
            self.masks[leaf] = self.yes if truth.all() else truth
        else:
            mask = self.no.copy()
            mask[rows] = truth
            self.masks[leaf] = mask

    def opposite(self, mask: Mask) -> Mask:
        """Turn a mask round."""
        if mask is self.no or mask is self.yes:
            return self.yes if mask is self.no else self.no
        return ~mask

    def joined(self, masks: Iterable[Mask], *, every: bool) -> Mask:
        """Mark the rows that every mask marks, or that at least one does."""
        decisive, idle = (self.no, self.yes) if every else (self.yes, self.no)
        joined = idle
        for mask in masks:
            if mask is decisive:
                return decisive
            if mask is not idle:
                joined = mask if joined is idle else joined & mask if every else joined | mask
        return joined


@dataclass(slots=True)
class _Dear:
    """The dear questions about one column: those that need one of `words`, and the others."""

    column: Column
    worded: list[Leaf] = field(default_factory=list)
    others: list[Leaf] = field(default_factory=list)
    words: dict[str, None] = field(default_factory=dict)

    def add(self, leaf: Leaf) -> None:
        words = needed(leaf)
        (self.worded if words else self.others).append(leaf)
        self.words |= dict.fromkeys(words)


class Matcher:
    """Compiled conditions of many rules, asked together."""

    def __init__(self, trees: Iterable[Tree]) -> None:
        self.trees = list(trees)
        self.cheap: dict[Leaf, pl.Expr] = {}
        self.dear: dict[str, _Dear] = {}
        self._columns: dict[Leaf, str] = {}
        for leaf in dict.fromkeys(leaf for tree in self.trees for leaf in leaves(tree)):
            column = resolve(leaf.column)
            if column is None:
                raise ValueError(f"no field {leaf.column!r}")
            if column.logged and dear(leaf, column.dtype):
                self.dear.setdefault(column.name, _Dear(column)).add(leaf)
                self._columns[leaf] = column.name
            else:
                self.cheap[leaf] = _question(leaf, column).alias(f"p{len(self.cheap)}")
        depends = ({self._columns[leaf] for leaf in leaves(tree) if leaf in self._columns} for tree in self.trees)
        self._open = [(tree, names) for tree, names in zip(self.trees, depends, strict=True) if names]

    def answer(self, events: pl.DataFrame) -> Answers:
        """Ask every question. Shapes: n rows in `schema.EVENT` -> n truths a question.

        A dear question is answered where a rule depends on it, and no elsewhere.
        """
        answers = Answers(events.height)
        found = events.select(self.cheap.values())
        for leaf, truth in zip(self.cheap, found.iter_columns(), strict=True):
            answers.put(leaf, truth.to_numpy())
        asked = self._depending(answers)
        for name, some in self.dear.items():
            for leaf in (*some.worded, *some.others):
                answers.masks[leaf] = answers.no
            if (rows := asked[name]) is not answers.no:
                places = None if rows is answers.yes else np.flatnonzero(rows)
                _ask(some, _values(some.column, events, places), places, answers)
        return answers

    def _depending(self, answers: Answers) -> dict[str, Mask]:
        """Mark the rows on which some rule depends on dear questions about a column."""
        found = dict.fromkeys(self.dear, answers.no)
        for tree, names in self._open:
            if any(found[name] is not answers.yes for name in names):
                maybe = _maybe(tree, answers, yes=True)
                for name in names:
                    found[name] = answers.joined((found[name], maybe), every=False)
        return found


def _question(leaf: Leaf, column: Column) -> pl.Expr:
    if not column.logged:
        return pl.repeat(leaf.kind in {"null", "blank"}, pl.len(), dtype=pl.Boolean)
    return express(leaf, column.expression(), column.dtype)


def _values(column: Column, events: pl.DataFrame, places: Index | None) -> pl.Series:
    """Give a column at `places` of the events, or whole."""
    expression = column.expression()
    read = events.select(expression.meta.root_names())
    return (read if places is None else read[places]).select(expression.alias("value")).to_series()


def _ask(some: _Dear, values: pl.Series, places: Index | None, answers: Answers) -> None:
    """Ask the dear questions about a column of `values`, which stand at `places` of the batch, or are all of it."""
    if some.others:
        for leaf, truth in zip(some.others, _spread(some.column, values, some.others), strict=True):
            answers.put(leaf, truth, places)
    if some.worded:
        text = values if values.dtype == pl.String else values.cast(pl.String)
        near = text.str.contains_any(list(some.words), ascii_case_insensitive=True).fill_null(False).arg_true()
        if len(near):
            rows = near.to_numpy() if places is None else places[near.to_numpy()]
            for leaf, truth in zip(some.worded, _spread(some.column, values.gather(near), some.worded), strict=True):
                answers.put(leaf, truth, rows)


def _spread(column: Column, values: pl.Series, asked: list[Leaf]) -> Iterator[Mask]:
    """Ask of the unique values and spread the answers back over all."""
    questions = [express(leaf, pl.col("value"), column.dtype).alias(f"p{i}") for i, leaf in enumerate(asked)]
    sample = values.gather_every(max(1, values.len() // SAMPLE_ROWS))
    if values.len() <= SAMPLE_ROWS or sample.n_unique() > MOSTLY_UNIQUE * sample.len():
        yield from (one.to_numpy() for one in values.to_frame().select(questions).iter_columns())
        return
    numbers, first = keys.codes(keys.hashes(values))
    nowhere = np.zeros(values.len(), dtype=np.bool_)
    for one in values.gather(first).to_frame().select(questions).iter_columns():
        yield one.to_numpy()[numbers] if one.any() else nowhere


def _maybe(tree: Tree, answers: Answers, *, yes: bool) -> Mask:
    """Mark the rows on which the tree may hold (`yes`), or may fail, whatever the open questions turn out to be."""
    match tree:
        case Leaf():
            if tree not in answers.masks:
                return answers.yes
            return answers.masks[tree] if yes else answers.opposite(answers.masks[tree])
        case Not(part):
            return _maybe(part, answers, yes=not yes)
        case All(parts) | Some(parts):
            return answers.joined((_maybe(one, answers, yes=yes) for one in parts), every=isinstance(tree, All) is yes)


def holds(tree: Tree, answers: Answers) -> Mask:
    """Put the answers together. Shapes: n answers a question -> n truths."""
    match tree:
        case Leaf():
            return answers.masks[tree]
        case Not(part):
            return answers.opposite(holds(part, answers))
        case All(parts) | Some(parts):
            return answers.joined((holds(part, answers) for part in parts), every=isinstance(tree, All))
