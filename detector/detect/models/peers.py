"""Learn what accounts of one profession do, for those of them too new to have a past."""

import math
from collections.abc import Mapping
from typing import Any, Self

from river.base import AnomalyDetector
from river.stats import Mean, Var

from detector.detect.models.peak import DailyPeak, Expectation, moments

LEAST_ACCOUNT_DAYS = 20
"""Fewer closed account-days say too little about a profession to judge anybody by."""

PRIOR_DAYS = 3.0
"""Days of its own from which an account is judged by itself rather than by its peers."""

PRIOR_DAYS_SPREAD = 7.0
"""Days of its own after which an account's spread counts as much as its peers'."""

LEAST_SPREAD = 0.02
"""Least variance of log counts, within and between accounts: nobody is as regular as few days suggest."""


class PeerPeak(AnomalyDetector):
    """Moments of log(1 + count) over all account-days of a cohort, and within its accounts.

    The total spread (between accounts and within them) is what an unknown account may do; the spread
    within accounts is what one known account may do from day to day.

    Cold: `score_one` and `expectation` are None below `LEAST_ACCOUNT_DAYS`.
    """

    def __init__(self) -> None:
        self.total = Var()
        self.within = Mean()

    def learn_one(self, x: Mapping[str, Any]) -> None:
        """Learn one account-day: `count`; if known, the account's `days` before and their `usual` mean of logs."""
        if not math.isfinite(x["count"]):
            return
        value = math.log1p(max(float(x["count"]), 0.0))
        self.total.update(value)
        days = float(x.get("days", 0.0))
        if days >= 1:  # a mean of n days misses the next by (1 + 1/n) of the spread within
            self.within.update((value - float(x["usual"])) ** 2 * days / (days + 1))

    def expectation(self, own: DailyPeak | None = None) -> Expectation | None:
        """Return what a day of an account is expected to reach: the peers' shrunk towards its own.

        With spread W within accounts and B between them, n days of its own weigh n B / (n B + W).

        Source: the normal-normal empirical Bayes estimate (Gelman et al., section 5.4), on the log scale.
        """
        days = own.days if own else 0.0
        if self.total.n < LEAST_ACCOUNT_DAYS:
            return own.expectation() if own and days >= PRIOR_DAYS else None
        if own is None or days < 1:
            return moments(self.total.mean.get(), self.total.get(), 0, "peers")
        within = self.within.get() if self.within.n >= LEAST_ACCOUNT_DAYS else self.total.get()
        within = max(within, LEAST_SPREAD)
        between = max(self.total.get() - within, LEAST_SPREAD)
        trust = days * between / (days * between + within)
        mean_log = trust * own.log_count.mean.get() + (1 - trust) * self.total.mean.get()
        known = days / (days + PRIOR_DAYS_SPREAD)
        spread = known * own.log_count.get() + (1 - known) * within
        unsure = within * between / (days * between + within)
        return moments(mean_log, spread + unsure, int(days), "account" if days >= PRIOR_DAYS else "peers")

    def score_one(self, x: Mapping[str, Any]) -> float | None:  # type: ignore[override]
        """Return the surprise of `count` for an account of which nothing else is known."""
        expected = self.expectation()
        if expected is None:
            return None
        own = DailyPeak()
        own.log_count = self.total
        return own.score_one({"count": x["count"]})

    def numbers(self) -> list[float]:
        """Return the state as plain numbers."""
        return [self.total.n, self.total.mean.get(), self.total.get(), self.within.n, self.within.get()]

    @classmethod
    def from_numbers(cls, numbers: list[float]) -> Self:
        """Rebuild the model that `numbers` told of."""
        model = cls()
        model.total = DailyPeak.from_numbers(numbers[:3]).log_count
        model.within = Mean._from_state(numbers[3], numbers[4])
        return model
