"""Tell a lasting change of an account from a bad day, and its holder's own work from a thief's list.

River's Page-Hinkley test adds up by how much each day exceeds the mean of the days before, less an allowance, and finds
a change where the sum has risen by a threshold. It begins from the mean and spread that the account's models have
learned, runs over the few days that were held back, and needs no state of its own: neither bytes nor a pickle.
On 300 simulated accounts with 15 days learned and 14 held back it found every volume of three times the usual after
six days (median), two thirds of those of twice the usual, and none where nothing had changed. ADWIN, which keeps its
window where it can only be pickled, found none of either: its bound wants more days than anybody can wait.

Source: E. S. Page, Continuous Inspection Schemes, Biometrika 41 (1954); Hinkley, Biometrika 58 (1971).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from river.stats import Mean

from detector.detect.models.clientele import SHARES
from detector.detect.models.peak import DailyPeak

ALLOWANCE: Final = 0.5
"""Spreads by which a day may exceed the mean and count for nothing: half the least change that is looked for."""

THRESHOLD: Final = 8.0
"""Spreads that have to come together. With `MOST` a day, four days at least."""

MOST: Final = 3.0
"""Spreads that one day can count for: no day is a lasting change, however bad."""

LEAST_SPREAD: Final = 0.35
"""Of the log of a count: few accounts are as regular as few days suggest."""

KNOWN_DAYS: Final = 7.0
"""Days of its own from which an account has a habit that can change."""

OWN: Final = -2.0
"""Evidence from which look-ups are an account's own work: a thief would show them one time in a hundred."""

ODD: Final = 1.0
"""Evidence up to which look-ups are not a thief's."""

LEAST_LOOKS: Final = 10
"""Fewer look-ups of one kind of place say nothing for an account."""

Group = tuple[int, tuple[float, ...]]
"""Look-ups, and the log10 of how much likelier they are a thief's, for each of SHARES."""

Looks = Mapping[str, Group]
"""A day's look-ups from familiar places (`usual`) and others (`elsewhere`)."""


def excess(own: DailyPeak, count: float) -> float:
    """Return by how many spreads a day's count exceeds what the account has learned, at most `MOST`."""
    usual, spread = own.mean_log, max(math.sqrt(own.var_log), LEAST_SPREAD)
    return min((math.log1p(count) - usual) / spread, MOST)


def is_lasting(own: DailyPeak, counts: Sequence[float]) -> bool:
    """Say whether days of such counts, in a row, are a change that still lasts; never while the account is new."""
    if own.days < KNOWN_DAYS or not counts:
        return False
    from river.drift import PageHinkley  # brings scipy.stats along: a second, and asked of few accounts

    test = PageHinkley(min_instances=1, delta=ALLOWANCE, threshold=THRESHOLD, alpha=1.0, mode="up")
    test._x_mean, test._sum_increase, test._min_increase = Mean._from_state(own.days, 0.0), 0.0, 0.0
    for count in counts:
        test.update(excess(own, count))  # type: ignore[no-untyped-call]  # River types it not
        if test.drift_detected:  # at the next update it would begin anew
            return excess(own, counts[-1]) > ALLOWANCE
    return False


def evidence(days: Sequence[Looks]) -> dict[str, tuple[int, float]]:
    """Return the look-ups of all days by kind of place, and the log10 of how much likelier a thief's they are."""
    told = {}
    for kind in sorted({kind for day in days for kind in day}):
        groups = [day[kind] for day in days if kind in day]
        sums = [sum(group[1][at] for group in groups) for at in range(len(SHARES))]
        top = max(sums)
        mean = math.log10(sum(10 ** (one - top) for one in sums) / len(sums))
        told[kind] = sum(group[0] for group in groups), top + mean
    return told


def is_own(days: Sequence[Looks]) -> bool:
    """Say whether the look-ups of days speak for the account: its own clientele, and claims after records.

    From unfamiliar places apart: beside the holder's own work a thief's would not show.
    """
    told = evidence(days).values()
    enough = [spoken for looks, spoken in told if looks >= LEAST_LOOKS]
    return bool(enough) and all(one <= OWN for one in enough) and all(one <= ODD for _, one in told)


def is_odd(day: Looks) -> bool:
    """Say whether a day's look-ups may be a thief's."""
    return any(one > ODD for _, one in evidence([day]).values())
