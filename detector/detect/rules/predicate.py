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

    `cased` tells text apart by case. `option` holds the unit of a `part`, the `mode` of a `field`
    comparison (`equals`, `starts`, `ends`, `contains`), or the longest plain piece of a `regex`, if it has one.
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


SHORTEST_WORD = 4
"""A shorter word stands in so many texts that looking for it first would not pay."""


def needed(leaf: Leaf) -> tuple[str, ...]:
    """Give words of which a text needs one to answer `leaf` with yes; none if there are none worth looking for."""
    if leaf.kind not in {"regex", "equals", "contains", "starts", "ends"}:
        return ()
    words = [leaf.option] if leaf.kind == "regex" else [str(value) for value in leaf.values]
    return tuple(words) if all(len(word) >= SHORTEST_WORD and word.isascii() for word in words) else ()


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
    merged: dict[tuple[str, str, bool, bool], list[Leaf]] = {}
    others: list[Tree] = []
    for part in _flat(parts, Some):
        if isinstance(part, Leaf) and part.kind in MERGED:
            plain = all(str(value).isascii() for value in part.values)  # which is searched for in a quicker way
            merged.setdefault((part.column, part.kind, part.cased, plain), []).append(part)
        else:
            others.append(part)
    for (column, _, cased, _), alike in merged.items():
        values = tuple(dict.fromkeys(value for leaf in alike for value in leaf.values))
        others.append(Leaf(column=column, kind=alike[0].kind, values=values, cased=cased))
    return others[0] if len(others) == 1 else Some(tuple(others))


def every(parts: list[Tree]) -> Tree:
    """Join conditions that all must hold."""
    flat = _flat(parts, All)
    return flat[0] if len(flat) == 1 else All(flat)


def _flat(parts: list[Tree], kind: type[All] | type[Some]) -> tuple[Tree, ...]:
    return tuple(one for part in parts for one in (part.parts if isinstance(part, kind) else (part,)))
