"""Learn at which hours of the week an account works, and how odd another hour would be."""

import math
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from river.base import AnomalyDetector

from detector.detect.models.packed import pack, unpack

HOURS = 168
FADE = 0.98
LARGEST_UNIT = 8.0
"""When the unit of weight has grown so far (100 days), all weights are written anew."""

LEAST_WEIGHT = 0.02
"""An hour whose weight fell below this is forgotten."""

PRIOR_DAYS = 2.0
"""Days of peers' rhythm mixed into an account's own."""


class Rhythm(AnomalyDetector):
    """A profile over the 168 hours of the week, smoothed over neighbouring hours and like days.

    P(h) = (k_h + a g_h) / (n + a): k_h is a kernel over the hour itself (1), its neighbours (1/2) and the
    same hour of the other days of its kind, working days or weekend (1/2 on average); n the days learned;
    g_h the peers' share.

    Cold: `score_one` is None before the third day.
    """

    def __init__(self, fade: float = FADE) -> None:
        self.fade = fade
        self.days = 0.0
        self.unit = 1.0  # what one of today's hours weighs: it grows instead of all others fading
        self.hours: npt.NDArray[np.float32] = np.zeros(HOURS, np.float32)

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn one closed day: the keys of `x` are the hours of the week (0 to 167) with activity."""
        self.days = self.days * self.fade + 1
        self.unit /= self.fade
        self.hours[[int(hour) for hour in x]] += self.unit
        if self.unit > LARGEST_UNIT:
            self._rescale()

    def _rescale(self) -> None:
        weights = self.hours / np.float32(self.unit)
        self.hours = np.where(weights > LEAST_WEIGHT, weights, np.float32(0.0))
        self.unit = 1.0

    def share(self, hour: int) -> float:
        """Return the smoothed share of days, of the hour's kind, with activity in that hour."""
        kind = _like_days(hour)
        weights: list[float] = self.hours.tolist()
        own = 2.0 * sum(weights[(hour + step) % HOURS] * (1 - abs(step) / 2) for step in (-1, 0, 1))
        like = sum(
            weights[(day * 24 + (hour + step) % 24) % HOURS] * (1 - abs(step) / 2)
            for day in kind
            for step in (-1, 0, 1)
        )
        return (own + like) / (4.0 * self.days * self.unit + 1e-9)

    def score_one(self, x: dict[Any, Any], peers: float = 0.05) -> float | None:  # type: ignore[override]
        """Return the surprise of the oddest hour among the keys of `x`; `peers` is their share of it."""
        if self.days < PRIOR_DAYS + 1 or not x:
            return None
        return max(-math.log10(self._mixed(int(hour), peers)) for hour in x)

    def _mixed(self, hour: int, peers: float) -> float:
        floor = max(peers, 1e-3)
        return min((self.share(hour) * self.days + PRIOR_DAYS * floor) / (self.days + PRIOR_DAYS), 1.0)

    def numbers(self) -> list[Any]:
        """Return the state as plain numbers."""
        (worked,) = self.hours.nonzero()
        return [self.days, self.unit, pack(worked.astype(np.uint8)), pack(self.hours[worked])]

    @classmethod
    def from_numbers(cls, numbers: list[Any]) -> Self:
        """Rebuild the model that `numbers` told of."""
        model = cls()
        model.days, model.unit, hours, weights = numbers
        model.hours[unpack(hours, "u1")] = unpack(weights, "<f4")
        return model


def _like_days(hour: int) -> Iterable[int]:
    return range(5) if hour < 120 else range(5, 7)
