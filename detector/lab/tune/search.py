"""Look for what tells the events behind false alerts from those behind right ones: a few short conjunctions."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from math import log2, log10
from typing import Final

import numpy as np
import polars as pl

from detector.detect.rules.keys import Mask
from detector.detect.rules.matcher import Matcher, holds
from detector.lab.tune.atoms import FIELDS, Atom, common
from detector.lab.tune.spool import ALERT, READ, Spool

MOST_ATOMS: Final = 3
"""Lines of a conjunction: more describe the past, not the cause."""

MOST_SELECTIONS: Final = 6

LINE: Final = 3.0
BREADTH: Final = 4.0
"""What a further line costs, and a filter ten times as broad: so one account is preferred to the account, its client
and a path (true of the past alone), and ten accounts to their five professions."""

BROADEST: Final = 0.5
"""Share of what a rule reads that a filter may take beside the alerts to drop: with less left the rule is off."""

WEIGHED: Final = 60
"""Conjunctions, the shortest, whose breadth is counted over all events."""

Conjunction = tuple[Atom, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A filter to try: events that any of its selections names are kept from the rule.

    `muted` events of all that the rule reads, `beside` of them not behind the alerts to drop; `others`: alerts that
    nobody judged and that it would take events from.
    """

    selections: tuple[Conjunction, ...]
    muted: int = 0
    beside: int = 0
    others: int = 0
    read: int = 0

    @property
    def share(self) -> float:
        """The share of what the rule reads that it loses beside the alerts to drop."""
        return self.beside / max(1, self.read)

    @property
    def rank(self) -> tuple[int, float, int, int]:
        """What to prefer: no other alert touched; short and narrow; telling fields; narrow."""
        telling = sum(FIELDS.index(atom.column) for one in self.selections for atom in one if atom.column in FIELDS)
        cost = sum(map(length, self.selections)) + BREADTH * log10(1 + 1000 * self.share)
        return self.others, round(cost, 6), telling, self.beside


def length(conjunction: Conjunction) -> float:
    """Say how much a conjunction says: each line a lot, each value of a list a little."""
    return sum(LINE + log2(1 + len(atom.values)) for atom in conjunction)


def apart(atoms: Sequence[Atom], kept: pl.DataFrame, zone: str) -> Iterator[Conjunction]:
    """Yield the conjunctions of atoms that hold on none of the events kept, those of few atoms first."""
    masks = masked(kept, atoms, zone)
    for count in range(1, MOST_ATOMS + 1):
        for chosen in combinations(atoms, count):
            alone = len({atom.column for atom in chosen}) == count
            if alone and not _all(chosen, masks).any():
                yield chosen


def masked(events: pl.DataFrame, atoms: Sequence[Atom], zone: str) -> dict[Atom, Mask]:
    """Mark the events on which each atom holds, as the engine would. Shapes: n rows -> n truths an atom."""
    trees = {atom: atom.tree(zone) for atom in atoms}
    answers = Matcher(trees.values()).answer(events)
    return {atom: holds(tree, answers) for atom, tree in trees.items()}


def _all(conjunction: Conjunction, masks: dict[Atom, Mask]) -> Mask:
    found: Mask = np.logical_and.reduce([masks[atom] for atom in conjunction])
    return found


def _any(selections: tuple[Conjunction, ...], masks: dict[Atom, Mask]) -> Mask:
    found: Mask = np.logical_or.reduce([_all(one, masks) for one in selections])
    return found


class Search:
    """The events behind alerts, compacted to what filters can ask for.

    Shapes: `dropped`, `kept`, `others` the columns of `Spool.behind`.
    """

    def __init__(
        self, spool: Spool, zone: str, *, dropped: pl.DataFrame, kept: pl.DataFrame, others: pl.DataFrame
    ) -> None:
        self._spool = spool
        self._zone = zone
        self._dropped, self._kept, self._others = map(_compact, (dropped, kept, others))
        self._alerts = self._dropped[ALERT].unique().sort().to_list()

    def candidates(self) -> list[Candidate]:
        """Give the filters worth trying, the best first; none where nothing short and narrow tells the events apart."""
        whole = [(one,) for one in islice(self._apart(self._dropped), WEIGHED)]
        found = self._narrow(whole) or self._narrow([self._cover()])
        return sorted(found, key=lambda one: (one.rank, str(one.selections)))

    def _narrow(self, found: Sequence[tuple[Conjunction, ...]]) -> list[Candidate]:
        return [one for one in self._weighed([one for one in found if one]) if one.share <= BROADEST]

    def inseparable(self) -> list[int]:
        """Give the places of the alerts to drop that no conjunction tells from those to keep."""
        return [alert for alert in self._alerts if not next(self._apart(self._of([alert])), None)]

    def _of(self, alerts: Sequence[int]) -> pl.DataFrame:
        return self._dropped.filter(pl.col(ALERT).is_in(list(alerts)))

    def _apart(self, seed: pl.DataFrame) -> Iterator[Conjunction]:
        """Yield the conjunctions that hold on every event of `seed` and on none behind an alert to keep."""
        return apart(common(seed, self._zone), self._kept, self._zone)

    def _cover(self) -> tuple[Conjunction, ...]:
        """Choose conjunctions that together hold on all events: each time the one that covers most alerts yet."""
        reach: dict[Conjunction, frozenset[int]] = {}
        for seed in self._seeds():
            for one in islice(self._apart(self._of(seed)), WEIGHED):
                reach[one] = self._covered(one)
        chosen: list[Conjunction] = []
        left = set(self._alerts)
        while left and reach and len(chosen) < MOST_SELECTIONS:
            best = max(reach, key=lambda one: (len(reach[one] & left), -length(one)))
            if not reach[best] & left:
                break
            chosen.append(best)
            left -= reach[best]
        return () if left else tuple(chosen)

    def _seeds(self) -> Iterable[tuple[int, ...]]:
        """Give groups of alerts that have a value in common on all their events, and each alert by itself."""
        seeds = {(alert,) for alert in self._alerts}
        for field in FIELDS:
            by_alert = self._dropped.group_by(ALERT).agg(pl.col(field).n_unique().alias("n"), pl.col(field).first())
            for _, alike in by_alert.filter(pl.col("n") == 1).group_by(field):
                seeds.add(tuple(sorted(alike[ALERT])))
        return sorted(seeds)

    def _covered(self, one: Conjunction) -> frozenset[int]:
        held = self._dropped.select(ALERT, held=_all(one, masked(self._dropped, one, self._zone)))
        return frozenset(held.group_by(ALERT).agg(pl.col("held").all()).filter("held")[ALERT])

    def _weighed(self, found: Sequence[tuple[Conjunction, ...]]) -> list[Candidate]:
        """Count how broad filters are: over all events that the rule reads, and behind other alerts."""
        atoms = list(dict.fromkeys(atom for selections in found for one in selections for atom in one))
        muted, read = np.zeros(len(found), dtype=np.int64), 0
        for part in self._spool.frames():
            mine = part.filter(pl.col(READ) > 0)
            masks = masked(mine, atoms, self._zone)
            muted += np.array([np.count_nonzero(_any(one, masks)) for one in found], dtype=np.int64)
            read += mine.height
        masks = masked(self._others, atoms, self._zone)
        touched = [len(set(self._others[ALERT].to_numpy()[_any(selections, masks)])) for selections in found]
        behind = int(self._dropped["tune.events"].sum())
        return [
            Candidate(selections=selections, muted=count, beside=count - behind, others=others, read=read)
            for selections, count, others in zip(found, muted.tolist(), touched, strict=True)
        ]


def _compact(events: pl.DataFrame) -> pl.DataFrame:
    """Leave one event of those that no filter can tell apart, with their number."""
    hour = pl.col("@timestamp").dt.truncate("1h")
    return events.group_by([ALERT, *FIELDS, hour], maintain_order=True).agg(pl.len().alias("tune.events"))
