"""Learn how high one count of an account usually gets in a day, and what would be surprising."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from river.base import AnomalyDetector

from detector.detect.models import tail

MEMORY_DAYS = 30.0
"""Weight at which old days begin to fade: after it the moments are exponentially weighted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A predictive Gamma-Poisson distribution: its mean, its shape, and what it was learned from."""

    mean: float
    shape: float
    days: int
    baseline: str


def gamma_poisson(mean_log: tail.Array, var_log: tail.Array) -> tuple[tail.Array, tail.Array]:
    """Turn the moments of log(1 + count) into mean and shape of a Gamma-Poisson, element by element.

    A log-normal rate with variance v on the log scale has relative variance exp(v) - 1, and a Gamma of
    shape r has 1 / r. Part of the variance is the Poisson noise of the counts themselves, and is taken out.
    """
    mean = np.maximum(np.expm1(mean_log + var_log / 2), 0.05)
    of_rate = np.clip(var_log - 1 / (mean + 1), 0.02, 4.0)
    return mean, 1 / np.expm1(of_rate)


def learned(moments: tail.Array, counts: tail.Array, memory_days: float = MEMORY_DAYS) -> tail.Array:
    """Return moments of log(1 + count) after one more day, element by element; a count that is no number teaches none.

    As River's `Var`, which holds one count in a thousand bytes, for the counts of all accounts at once.

    Shapes: `moments` (days, mean, variance) as the first axis over those of `counts` -> the same.
    """
    days, mean, var = moments
    before = np.where(days >= memory_days, memory_days - 1, days)
    sound = np.isfinite(counts)
    logs = np.log1p(np.where(sound, np.maximum(counts, 0.0), 0.0))
    missed = logs - mean
    fresh = mean + missed / (before + 1)
    square = np.maximum(before - 1, 0.0) * var + missed * (logs - fresh)
    told = np.stack([before + 1, fresh, square / np.maximum(before, 1.0)])
    return np.where(sound, told, moments)


class DailyPeak(AnomalyDetector):
    """Gamma-Poisson over one daily count; moments are kept of log(1 + count), where they are stable.

    The sample of a day is its largest value (of an hour, of ten minutes, of the day), so that a limit
    speaks of "no day in a thousand", whatever number of hours a day has.

    Cold: `score_one` is None before the first `learn_one`.

    Parameters
    ----------
    memory_days
        Weight at which old days begin to fade.
    """

    def __init__(self, memory_days: float = MEMORY_DAYS) -> None:
        self.memory_days = memory_days
        self.moments: tail.Array = np.zeros(3)

    @property
    def days(self) -> float:
        """Weight of the days learned."""
        return float(self.moments[0])

    @property
    def mean_log(self) -> float:
        """Mean of log(1 + count)."""
        return float(self.moments[1])

    @property
    def var_log(self) -> float:
        """Variance of log(1 + count)."""
        return float(self.moments[2])

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn the counts of one closed day: `{"count": 61}`; several keys are several counts."""
        for value in x.values():
            if math.isfinite(value):
                self.moments = learned(self.moments, np.array(float(value)), self.memory_days)

    def expectation(self) -> Expectation | None:
        """Return what a day is expected to reach; None while cold."""
        if self.days < 1:
            return None
        mean, shape = gamma_poisson(self.moments[1], self.moments[2])
        return Expectation(mean=float(mean), shape=float(shape), days=int(self.days), baseline="account")

    def score_one(self, x: dict[Any, Any]) -> float | None:  # type: ignore[override]
        """Return the surprise (-log10 of the tail) of the most surprising count in `x`."""
        expected = self.expectation()
        if expected is None or not x:
            return None
        counts = np.array([float(value) for value in x.values()])
        scores = tail.surprise(counts, np.full(len(counts), expected.mean), np.full(len(counts), expected.shape))
        return float(np.nanmax(scores))

    def numbers(self) -> list[float]:
        """Return the state as plain numbers."""
        return [self.days, self.mean_log, self.var_log]

    @classmethod
    def from_numbers(cls, numbers: list[float]) -> Self:
        """Rebuild the model that `numbers` told of."""
        model = cls()
        model.moments = np.array(numbers)
        return model
