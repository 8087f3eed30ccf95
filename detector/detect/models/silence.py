"""Learn after how many days accounts come back, and how odd a longer absence is.

An account that was active on n of s days is next active at a constant rate that is known only so well; the gap g until
then follows a Lomax distribution,

    P(gap >= g) = (s / (s + g)) ** n

and everybody's gaps tell of holidays, which no rate does. An absence is as surprising as the likelier of the two makes
it. Forgotten accounts that wake up are a thief's favourite: nobody looks at what they do.

Source: the posterior predictive of an exponential gap with a Gamma rate (Lomax, J. Amer. Stat. Assoc. 49, 1954).
"""

import math
from typing import Any, Self

from river.base import AnomalyDetector

PRIOR_ACCOUNT_DAYS = 500.0
"""Weight of what is assumed before everybody's gaps are known."""

PRIOR_POWER = 1.5
"""P(gap >= g) = g ** -1.5 before anything is known. Assumption: five absences of a week or more and two of a
fortnight or more in the 220 working days of a year, one a year beyond a month."""


def own_surprise(active_days: float, span_days: float, gap_days: float) -> float:
    """Return the surprise of a gap by the account's own rhythm: days active in a span, all in days."""
    return active_days * math.log10(1.0 + gap_days / max(span_days, 1.0))


class Gaps(AnomalyDetector):
    """Everybody's gaps between two active days, by powers of two.

    Cold: never None; before the first gap `score_one` tells what is assumed.
    """

    def __init__(self) -> None:
        self.account_days = 0
        self.by_power: dict[int, int] = {}

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn one return: `days` since the account was last active, 1 for yesterday."""
        self.account_days += 1
        power = int(math.log2(max(x["days"], 1)))
        self.by_power[power] = self.by_power.get(power, 0) + 1

    def score_one(self, x: dict[Any, Any]) -> float:
        """Return the surprise of a return after at least `days`."""
        days = max(x["days"], 1)
        least = int(math.log2(days))
        longer = sum(count for power, count in self.by_power.items() if power >= least)
        share = (longer + PRIOR_ACCOUNT_DAYS * days**-PRIOR_POWER) / (self.account_days + PRIOR_ACCOUNT_DAYS)
        return max(-math.log10(share), 0.0)

    def numbers(self) -> list[Any]:
        """Return the state as plain numbers."""
        return [self.account_days, {str(power): count for power, count in self.by_power.items()}]

    @classmethod
    def from_numbers(cls, numbers: list[Any]) -> Self:
        """Rebuild the model that `numbers` told of."""
        model = cls()
        model.account_days, told = numbers
        model.by_power = {int(power): count for power, count in told.items()}
        return model
