"""Learn how many accounts a key usually gets newly in a day, and how many of them show evidence of a thief.

A key is an address, a subnet, a network, a client, its version, or a hundred of numbers that do not exist. Of n
newcomers, o_j have look-ups whose evidence (log10 of how much likelier they are a thief's) has passed LEVELS[j].
Each o_j is held against n p_j, p_j the usual share, by a Gamma-Poisson tail whose shape comes from how far the counts
of past keys have strayed from theirs (colleagues who move together share more than an address). The surprise is the
largest over the levels, less the chance that one of them is large by luck; what shows when few accounts are sure and
when many are suspect. That so many came at all adds a little: most keys with many newcomers moved for good reasons.

Source: D. Donoho and J. Jin, "Higher criticism for detecting sparse heterogeneous mixtures", Ann. Statist. 32 (2004),
and R. Berk and D. Jones (1979) for the largest over levels; the tail: `models.tail`; the prior shares are the most
that a sum of log10 likelihood ratios may pass, if habits hold: J. Ville (1939), as in `models.clientele`.
"""

import math
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from river.base import AnomalyDetector

from detector.detect.models import tail

Counts = npt.NDArray[np.int64]

LEVELS: Final = (0.5, 1.0, 2.0)
ODD: Final = tuple(f"odd_{number}" for number in range(len(LEVELS)))
SIZES: Final = (2, 10, 100)
"""From how many accounts at home on a key on it counts as larger: what it gets newly grows with it."""

PRIOR_NEWCOMERS: Final = 20.0
LEAST_COMPANY: Final = 0.002
"""Least number of newcomers beside the first that a key is thought to get. Assumption: a person whose rights are not
yet known (a newborn, a move from abroad) is looked for in vain by two professionals on one day, now and then."""

ODD_SPREAD: Final = (2.5, 5.0, 4.0)
COMPANY_SPREAD: Final = (1.0, 0.5, 1e4)
"""Relative variance that counts of keys are thought to have, times a weight; the weight, in expected counts squared;
and the most it may come to. Company is kept in its own rare numbers, so that a hundred that several professions looked
for once weighs; odd newcomers come from people, of whom a bad day should not close the eyes."""

LEAST_DAYS: Final = 7
"""Closed days before which nothing is judged."""

LEAST_ACCOUNTS: Final = 3
"""Fewer accounts are no campaign: each is judged by itself."""

NOVELTY_CAP: Final = 1.5
"""Most that the mere number of newcomers adds."""

FADE: Final = 0.98


class Newcomers(AnomalyDetector):
    """What is usual of the newcomers of one kind of key.

    Learns and scores keys of a day: `newcomers`, `population` (accounts at home there), `odd_0` to `odd_2`.

    Cold: `score_one` is None before `LEAST_DAYS` days.

    Parameters
    ----------
    telling
        Whether being new at such a key is evidence by itself: then nothing else is looked at.
    """

    def __init__(self, telling: bool = False) -> None:
        self.telling = telling
        self.days = 0
        self.seen = 0.0
        self.hits, self.excess, self.square = (np.zeros(len(LEVELS)) for _ in range(3))
        self.company = np.zeros((4, len(SIZES) + 1))

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn a day of one key."""
        self.learn_many(*_arrays(x))

    def learn_many(self, newcomers: Counts, population: Counts, odd: Counts) -> None:
        """Learn the keys of a closed day. Shapes: n keys, n keys, levels by n keys."""
        expected = newcomers * self.shares[:, None]
        strayed = (odd - expected) ** 2 - expected
        self.days += 1
        self.seen = self.seen * FADE + float(newcomers.sum())
        for name, fresh in (("hits", odd), ("excess", strayed), ("square", expected**2)):
            setattr(self, name, getattr(self, name) * FADE + fresh.sum(axis=1))
        size, mean = _size(population), self.companions[0]
        more = newcomers - 1.0
        parts = (np.ones(len(more)), more, (more - mean[size]) ** 2 - more, mean[size] ** 2)
        sums = [np.bincount(size, part, minlength=len(SIZES) + 1) for part in parts]
        self.company = self.company * FADE + np.array(sums)

    @property
    def shares(self) -> tail.Array:
        """The share of newcomers that pass each level."""
        prior = np.array([10.0**-level for level in LEVELS])
        return np.asarray((self.hits + PRIOR_NEWCOMERS * prior) / (self.seen + PRIOR_NEWCOMERS))

    @property
    def companions(self) -> tuple[tail.Array, tail.Array]:
        """Mean and shape of the newcomers beside the first, by the size of the key's population."""
        keys, more, excess, square = self.company
        return np.maximum(more / np.maximum(keys, 1.0), LEAST_COMPANY), _shape(excess, square, COMPANY_SPREAD)

    def odd_scores(self, newcomers: Counts, odd: Counts) -> tail.Array:
        """Return the surprise at every level. Shapes: n keys, levels by n keys -> levels by n keys."""
        expected = newcomers * self.shares[:, None]
        shape = np.broadcast_to(_shape(self.excess, self.square, ODD_SPREAD)[:, None], expected.shape)
        scores = tail.surprise(odd.astype(np.float64), expected, shape)
        return np.where(odd >= LEAST_ACCOUNTS, np.maximum(scores - math.log10(len(LEVELS)), 0.0), 0.0)

    def crowd_scores(self, newcomers: Counts, population: Counts) -> tail.Array:
        """Return the surprise of as many newcomers as that. Shapes: n keys, n keys -> n keys."""
        mean, shape = (values[_size(population)] for values in self.companions)
        return tail.surprise((newcomers - 1).astype(np.float64), mean, shape)

    def crowd(self, newcomers: int, population: int) -> tuple[float, float]:
        """Return the surprise of one key's number of newcomers, and how many are usual."""
        of = np.array([population])
        score = self.crowd_scores(np.array([newcomers]), of)
        return float(score[0]), 1 + float(self.companions[0][_size(of)][0])

    def oddest(self, x: dict[str, Any]) -> tuple[float, int, float]:
        """Return the level at which one key's newcomers are oddest: its surprise, how many passed it, how many do."""
        newcomers, _, odd = _arrays(x)
        scores = self.odd_scores(newcomers, odd)[:, 0]
        level = int(scores.argmax())
        return float(scores[level]), int(odd[level, 0]), float(newcomers[0] * self.shares[level])

    def score_many(self, newcomers: Counts, population: Counts, odd: Counts) -> tail.Array:
        """Return the surprise of each key; 0 while cold. Shapes: n keys, n keys, levels by n keys -> n keys."""
        if self.days < LEAST_DAYS:
            return np.zeros(len(newcomers))
        crowd = self.crowd_scores(newcomers, population)
        if self.telling:
            return np.where(newcomers >= LEAST_ACCOUNTS, crowd, 0.0)
        best = self.odd_scores(newcomers, odd).max(axis=0)
        return np.where(best > 0, best + np.minimum(crowd, NOVELTY_CAP), 0.0)

    def score_one(self, x: dict[Any, Any]) -> float | None:  # type: ignore[override]
        """Return the surprise of one key's newcomers."""
        return float(self.score_many(*_arrays(x))[0]) if self.days >= LEAST_DAYS else None

    def numbers(self) -> list[Any]:
        """Return the state as plain numbers."""
        sums = [values.tolist() for values in (self.hits, self.excess, self.square)]
        return [self.telling, self.days, self.seen, *sums, self.company.tolist()]

    @classmethod
    def from_numbers(cls, numbers: list[Any]) -> Self:
        """Rebuild the model that `numbers` told of."""
        telling, days, seen, hits, excess, square, company = numbers
        model = cls(telling)
        model.days, model.seen = days, seen
        model.hits, model.excess, model.square = (np.array(values) for values in (hits, excess, square))
        model.company = np.array(company)
        return model


def _arrays(x: dict[Any, Any]) -> tuple[Counts, Counts, Counts]:
    odd = [[int(x.get(name, 0))] for name in ODD]
    return np.array([int(x["newcomers"])]), np.array([int(x.get("population", 0))]), np.array(odd)


def _size(population: Counts) -> Counts:
    return np.searchsorted(SIZES, population, side="right").astype(np.int64)


def _shape(excess: tail.Array, square: tail.Array, prior: tuple[float, float, float]) -> tail.Array:
    spread, weight, largest = prior
    return np.asarray(1 / np.minimum((np.maximum(excess, 0.0) + spread) / (square + weight), largest))
