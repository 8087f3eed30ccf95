"""Learn how many account-days of a portal come near an alert and raise none: where many do, more is asked of one.

The threshold is chosen for portals where `USUAL` of 1,000 account-days come to a sum of `NEAR` without reaching it. A
portal whose records name nobody, whose claims go another way, or whose accounts are shared has more of them, and would
alert for nothing as much oftener. What raised an alert is not counted, so that thieves do not raise the threshold that
they are held against; and whatever they do below it, it rises by no more than `MOST`.
"""

import math
from typing import Final, Self

from river.base import Base

NEAR: Final = 3.0
"""Sum of surprise from which an account-day comes near an alert."""

USUAL: Final = 20.0
"""Account-days in 1,000 that come near an alert on a usual portal.

Source: 16 to 24 on validation seeds 11, 12 and 21 to 23 of `detector simulate`, where the threshold of the
configuration was chosen, with up to 27 of 400 accounts under attack."""

PRIOR_ACCOUNT_DAYS: Final = 2_000.0
"""Account-days of a usual portal that a new one's own must outweigh."""

MEMORY_DAYS: Final = 30.0
"""Days after which one's weight has fallen to 1/e: a portal changes with its season, and not in a week."""

MOST: Final = 1.5
"""Most by which the threshold rises: ten times as many alerts for nothing, avoided."""


class Unrest(Base):
    """A fading share of account-days.

    Cold: `rise` is 0, as on a usual portal.
    """

    def __init__(self, memory_days: float = MEMORY_DAYS) -> None:
        self.memory_days = memory_days
        self.near = self.account_days = 0.0

    def learn_many(self, near: int, account_days: int) -> None:
        """Learn one closed day: how many of its account-days came near an alert and raised none."""
        kept = math.exp(-1 / self.memory_days)
        self.near = self.near * kept + near
        self.account_days = self.account_days * kept + account_days

    @property
    def per_1000(self) -> float:
        """Account-days in 1,000 that come near an alert."""
        prior = PRIOR_ACCOUNT_DAYS * USUAL / 1000
        return 1000 * (self.near + prior) / (self.account_days + PRIOR_ACCOUNT_DAYS)

    def rise(self, per_tenfold: float) -> float:
        """Return by how much more than on a usual portal a sum must be; `per_tenfold`: for a tenth of the alerts."""
        return min(max(per_tenfold * math.log10(self.per_1000 / USUAL), 0.0), MOST)

    def numbers(self) -> list[float]:
        """Return the state as plain numbers."""
        return [self.near, self.account_days]

    @classmethod
    def from_numbers(cls, numbers: list[float]) -> Self:
        """Rebuild the model that `numbers` told of."""
        model = cls()
        model.near, model.account_days = numbers
        return model
