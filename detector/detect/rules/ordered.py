"""Bring the boolean condition of a temporal correlation into ways: rules that match, rules that do not."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaRuleReference,
)

from detector.detect.rules.spec import Way


def conjunctions(node: Any, known: Mapping[str, str], *, negated: bool = False) -> tuple[Way, ...]:
    """Bring a parsed condition into disjunctive normal form: it is met if any of the ways is."""
    match node:
        case SigmaRuleReference():
            key = known.get(node.reference, node.reference)
            return (((), (key,)),) if negated else (((key,), ()),)
        case CorrelationConditionNOT():
            return conjunctions(node.args[0], known, negated=not negated)
        case CorrelationConditionAND() | CorrelationConditionOR():
            parts = [conjunctions(part, known, negated=negated) for part in node.args]
            if isinstance(node, CorrelationConditionOR) is not negated:
                return tuple(dict.fromkeys(way for part in parts for way in part))
            return tuple(dict.fromkeys(_joined(ways) for ways in product(*parts)))
    raise TypeError(f"condition part {type(node).__name__}")


def _joined(ways: tuple[Way, ...]) -> Way:
    wanted = tuple(dict.fromkeys(key for way in ways for key in way[0]))
    unwanted = tuple(dict.fromkeys(key for way in ways for key in way[1]))
    return wanted, unwanted
