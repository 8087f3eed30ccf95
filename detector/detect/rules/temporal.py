"""Find events of several rules near each other in time, in any order or in a given one."""

from dataclasses import dataclass

import numpy as np

from detector.detect.rules.keys import Index, Mask
from detector.detect.rules.sliding import Sliding
from detector.detect.rules.spec import Bounds, Way


@dataclass(slots=True, kw_only=True)
class Met:
    """Where a temporal condition holds, how many rules matched there, and the places of the evidence.

    `evidence` has one row a rule; -1 where the rule gives none.
    """

    holds: Mask
    value: Index
    evidence: list[Index]


def near(windows: Sliding, marks: dict[str, Mask], refs: tuple[str, ...], condition: Bounds | tuple[Way, ...]) -> Met:
    """Find the rows at which the condition over the rules seen in the window holds."""
    last = {ref: windows.last(marks[ref]) for ref in refs}
    inside = {ref: place >= windows.lo for ref, place in last.items()}
    value = np.sum(list(inside.values()), axis=0)
    evidence = [np.where(inside[ref], last[ref], -1) for ref in refs]
    if isinstance(condition, Bounds):
        return Met(holds=condition.hold(value), value=value, evidence=evidence)
    holds = np.zeros(windows.rows, dtype=np.bool_)
    for wanted, unwanted in condition:
        way = np.ones(windows.rows, dtype=np.bool_)
        for ref in wanted:
            way &= inside[ref]
        for ref in unwanted:
            way &= ~inside[ref]
        holds |= way
    return Met(holds=holds, value=value, evidence=evidence)


def in_order(windows: Sliding, marks: dict[str, Mask], ways: tuple[Way, ...], context: tuple[str, ...]) -> Met:
    """Find the rows of the last rule of a way that complete a chain inside the window.

    The evidence begins with the chain, or with the latest row of the first rule that is more than `context`.

    `begun` holds, for the rules so far, the latest place where a chain that is complete by this row began;
    it never falls, so the latest row of a rule carries the latest beginning.
    """
    holds = np.zeros(windows.rows, dtype=np.bool_)
    value = np.zeros(windows.rows, dtype=np.int64)
    begin = np.full(windows.rows, -1, dtype=np.int64)
    for wanted, unwanted in ways:
        begun = np.full(windows.rows, -1, dtype=np.int64)
        for step, ref in enumerate(wanted):
            before = np.concatenate(([-1], begun[:-1]))
            here = np.where(marks[ref], windows.place if step == 0 else before, -1)
            begun = np.maximum.accumulate(here)
        way = marks[wanted[-1]] & (here >= windows.lo)
        for ref in unwanted:
            way &= windows.last(marks[ref]) < windows.lo
        fresh = way & (here > begin)
        begin[fresh], value[fresh] = here[fresh], len(wanted)
        holds |= way
    if context:
        first = next(ref for ref in ways[0][0] if ref not in context)
        begin = np.where(holds, windows.last(marks[first]), -1)
    return Met(holds=holds, value=value, evidence=[begin, windows.place])
