"""Learn what accounts of one profession do, for those of them too new to have a past."""

from typing import Any, Self

import numpy as np
from river.base import AnomalyDetector
from river.stats import Mean, Var

from detector.detect.models import tail
from detector.detect.models.peak import DailyPeak, Expectation, gamma_poisson

LEAST_ACCOUNT_DAYS = 20
"""Fewer closed account-days say too little about a profession to judge anybody by."""

PRIOR_DAYS = 3.0
"""Days of its own from which an account is judged by itself rather than by its peers."""

PRIOR_DAYS_SPREAD = 7.0
"""Days of its own after which an account's spread counts as much as its peers'."""

LEAST_SPREAD = 0.02
"""Least variance of log counts, within and between accounts: nobody is as regular as few days suggest."""


def predict(own: tail.Array, peers: tail.Array) -> tuple[tail.Array, tail.Array]:
    """Return mean and shape of what a day is expected to reach: the peers' shrunk towards the account's own.

    With spread W within accounts and B between them, n days of its own weigh n B / (n B + W).

    Shapes: `own` (days, mean, variance of logs) and `peers` (account-days, mean, variance, days within, variance
    within), each as the first axis over the same further axes -> two arrays over those. NaN where all is cold.
    Source: the normal-normal empirical Bayes estimate (Gelman et al., section 5.4), on the log scale.
    """
    days, own_mean, own_var = own
    peers_days, peers_mean, peers_var, within_days, within_var = peers
    within = np.maximum(np.where(within_days >= LEAST_ACCOUNT_DAYS, within_var, peers_var), LEAST_SPREAD)
    between = np.maximum(peers_var - within, LEAST_SPREAD)
    weight = days * between + within
    trust = days * between / weight
    known = days / (days + PRIOR_DAYS_SPREAD)
    mean_log = trust * own_mean + (1 - trust) * peers_mean
    var_log = known * own_var + (1 - known) * within + within * between / weight
    mean_log = np.where(days < 1, peers_mean, mean_log)
    var_log = np.where(days < 1, peers_var, var_log)
    cold = peers_days < LEAST_ACCOUNT_DAYS
    alone = np.where(days >= PRIOR_DAYS, 1.0, np.nan)
    return gamma_poisson(
        np.where(cold, alone * own_mean, mean_log),
        np.where(cold, alone * own_var, var_log),
    )


class PeerPeak(AnomalyDetector):
    """Moments of log(1 + count) over all account-days of a cohort, and within its accounts.

    The total spread (between accounts and within them) is what an unknown account may do; the spread
    within accounts is what one known account may do from day to day.

    Cold: `score_one` and `expectation` are None below `LEAST_ACCOUNT_DAYS`.
    """

    def __init__(self) -> None:
        self.total = Var()
        self.within = Mean()

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn one account-day: `count`; if known, the account's `days` before and their `usual` mean of logs."""
        numbers = (x["count"], x.get("days", 0.0), x.get("usual", 0.0))
        self.learn_many(*(np.array([float(number)]) for number in numbers))

    def learn_many(self, counts: tail.Array, days: tail.Array, usual: tail.Array) -> None:
        """Learn account-days at once. Shapes: three arrays of one length."""
        sound = np.isfinite(counts)
        logs, days, usual = np.log1p(np.maximum(counts[sound], 0.0)), days[sound], usual[sound]
        if not len(logs):
            return
        self.total.update_many(logs)
        known = days >= 1
        if known.any():  # a mean of n days misses the next by (1 + 1/n) of the spread within
            missed = (logs[known] - usual[known]) ** 2 * days[known] / (days[known] + 1)
            self.within.update_many(missed)

    def expectation(self, own: DailyPeak | None = None) -> Expectation | None:
        """Return what a day of an account is expected to reach; None while all is cold."""
        known = own or DailyPeak()
        mean, shape = predict(np.array(known.numbers()), np.array(self.numbers()))
        if np.isnan(mean):
            return None
        baseline = "account" if known.days >= PRIOR_DAYS else "peers"
        return Expectation(mean=float(mean), shape=float(shape), days=int(known.days), baseline=baseline)

    def score_one(self, x: dict[Any, Any]) -> float | None:  # type: ignore[override]
        """Return the surprise of `count` for an account of which nothing else is known."""
        expected = self.expectation()
        if expected is None:
            return None
        parts = (np.array([float(part)]) for part in (x["count"], expected.mean, expected.shape))
        return float(tail.surprise(*parts)[0])

    def numbers(self) -> list[float]:
        """Return the state as plain numbers."""
        return [self.total.n, self.total.mean.get(), self.total.get(), self.within.n, self.within.get()]

    @classmethod
    def from_numbers(cls, numbers: list[float]) -> Self:
        """Rebuild the model that `numbers` told of."""
        model = cls()
        account_days, mean, var = numbers[:3]
        model.total = Var._from_state(account_days, mean, var)
        model.total._S *= account_days > 1  # of one day there is no spread
        model.within = Mean._from_state(numbers[3], numbers[4])
        return model
