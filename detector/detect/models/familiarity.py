"""Learn which countries, networks and clients an account comes from, and how new a value would be."""

import math
from collections import Counter
from collections.abc import Collection, Iterable
from itertools import chain
from sys import intern
from typing import Any, Self

from river.base import AnomalyDetector

FADE = 0.98
"""What a day's weight keeps each active day: half in 34 of them, some seven weeks of work."""

LEAST_WEIGHT = 0.05
"""A value whose weight fell below this is forgotten."""

MOST_SHARED = 20_000
"""Values that are known of everybody. Assumption: more networks or clients than that are invented."""

COLD_DAYS = 2.5
"""Fading weight of three days: somebody seen twice has no habits yet."""

SETTLED_DAYS = 5.0
"""Days after which a value that is new is on probation."""

PROBATION = 0.25
"""What a day weighs for a value on probation, until it has the weight of one whole day: a thief who comes back
every day is a stranger for four of them.

Source: validation seeds 21 and 22 without the clientele family, where it catches 44 of 54 attacks instead of 40 at 0.9
false alerts per 1,000 account-days, and costs nothing with it."""

DIGITS = 5
"""Of a weight: what is saved is what is held, and short."""

MOST_VALUES = 32
"""Values kept, the heaviest: a phone shows several subnets a day."""


class Familiarity(AnomalyDetector):
    """Smoothed frequency of one trait's values, counted in days: P(v) = (n_v + a g_v) / (n + a).

    g_v is everybody's share of the value, and `a` grows with the new values that the account has shown
    before, so that somebody who often changes networks may change once more. Counting days, not
    requests, means that a value earns trust over days only.

    Source: Freeman et al., "Who Are You? A Statistical Approach to Measuring User Authenticity" (NDSS
    2016), equation 6, with the smoothing of Hoppe's urn for the unseen.

    Cold: `score_one` is None before the third day.
    """

    def __init__(self, fade: float = FADE) -> None:
        self.fade = fade
        self.days = 0.0
        self.novelty = 0.0
        self.values: dict[str, float] = {}

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn one closed day: the keys of `x` are the values that were seen."""
        fresh = sum(1 for value in x if value not in self.values)
        if self.days >= 1:
            self.novelty = self.novelty * self.fade + fresh
        self.days = self.days * self.fade + 1
        kept = {value: round(weight * self.fade, DIGITS) for value, weight in self.values.items()}
        self.values = {value: weight for value, weight in kept.items() if weight >= LEAST_WEIGHT}
        for value in x:
            known = self.values.get(value, 0.0)
            self.values[value] = known + (1.0 if known >= 1 or self.days < SETTLED_DAYS else PROBATION)
        if len(self.values) > MOST_VALUES:
            heaviest = sorted(self.values.items(), key=lambda one: (-one[1], one[0]))
            self.values = dict(heaviest[:MOST_VALUES])

    def score_one(self, x: dict[Any, Any]) -> float | None:  # type: ignore[override]
        """Return the surprise of the least likely value: `{value: everybody's share of it}`."""
        if self.days < COLD_DAYS or not x:
            return None
        alpha = 0.3 + self.novelty
        return max(
            -math.log10((self.values.get(value, 0.0) + alpha * share) / (self.days + alpha))
            for value, share in x.items()
        )

    def numbers(self) -> list[Any]:
        """Return the state as plain numbers."""
        return [self.days, self.novelty, self.values]

    @classmethod
    def from_numbers(cls, numbers: list[Any]) -> Self:
        """Rebuild the model that `numbers` told of."""
        model = cls()
        model.days, model.novelty, values = numbers
        model.values = {intern(value): weight for value, weight in values.items()}  # most are others' too
        return model


class Population(AnomalyDetector):
    """Everybody's shares of one trait's values, in account-days.

    Bounded: of more than `MOST_SHARED` the rarest are forgotten, which were as good as never seen.

    Cold: `share` of anything is its floor, which falls as account-days come in.
    """

    def __init__(self) -> None:
        self.account_days = 0
        self.values: dict[str, int] = {}

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn one account-day: the keys of `x` are the values that were seen."""
        self.learn_many([x])

    def learn_many(self, days: Iterable[Collection[str]]) -> None:
        """Learn account-days at once, each the values that were seen; a day without any teaches nothing."""
        told = [values for values in days if values]
        self.account_days += len(told)
        for value, count in Counter(chain.from_iterable(told)).items():
            self.values[value] = self.values.get(value, 0) + count
        if len(self.values) > MOST_SHARED:
            self.values = dict(sorted(self.values.items(), key=lambda one: (-one[1], one[0]))[:MOST_SHARED])

    def share(self, value: str) -> float:
        """Return the share of account-days that show `value`, half a day for one never seen."""
        return (self.values.get(value, 0) + 0.5) / (self.account_days + 1.0)

    def score_one(self, x: dict[Any, Any]) -> float | None:  # type: ignore[override]
        """Return the surprise of the rarest key of `x` among everybody."""
        if not self.account_days or not x:
            return None
        return max(-math.log10(self.share(value)) for value in x)

    def numbers(self) -> list[Any]:
        """Return the state as plain numbers."""
        return [self.account_days, self.values]

    @classmethod
    def from_numbers(cls, numbers: list[Any]) -> Self:
        """Rebuild the model that `numbers` told of."""
        model = cls()
        model.account_days, values = numbers
        model.values = dict(values)
        return model
