"""Say what a condition asks of an event: a tree of leaves, each one question to one column.

Leaves are plain hashable records, so that two rules that ask the same question ask it once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "null", "blank", "exists",
    "equals", "contains", "starts", "ends", "regex",
    "number", "below", "at_most", "above", "at_least",
    "boolean", "part", "field", "cidr",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One question: `kind` and `values` (alternatives) asked of `column`.

    `cased` tells text apart by case. `option` holds the unit of a `part`, or the `mode` of a `field`
    comparison (`equals`, `starts`, `ends`, `contains`).
    """

    column: str
    kind: Kind
    values: tuple[str | int | float | bool, ...] = ()
    cased: bool = False
    option: str = ""


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; an absent field does not hold, so its negation does."""

    part: "Tree"


Tree = Leaf | All | Some | Not

MERGED: frozenset[str] = frozenset({"equals", "contains", "starts", "ends", "number", "cidr"})
"""Kinds whose alternatives one question can carry."""


def leaves(tree: Tree) -> Iterator[Leaf]:
    """Yield every leaf of `tree`, from left to right."""
    match tree:
        case Leaf():
            yield tree
        case Not(part):
            yield from leaves(part)
        case All(parts) | Some(parts):
            for part in parts:
                yield from leaves(part)


def some(parts: list[Tree]) -> Tree:
    """Join alternatives, merging those that ask the same column the same kind of question."""
    merged: dict[tuple[str, str, bool], list[Leaf]] = {}
    others: list[Tree] = []
    for part in parts:
        if isinstance(part, Leaf) and part.kind in MERGED:
            merged.setdefault((part.column, part.kind, part.cased), []).append(part)
        else:
            others.append(part)
    for (column, _, cased), alike in merged.items():
        values = tuple(dict.fromkeys(value for leaf in alike for value in leaf.values))
        others.append(Leaf(column=column, kind=alike[0].kind, values=values, cased=cased))
    return others[0] if len(others) == 1 else Some(tuple(others))


def every(parts: list[Tree]) -> Tree:
    """Join conditions that all must hold."""
    return parts[0] if len(parts) == 1 else All(tuple(parts))
