"""Say how much each account works on each day: log-normal, with weekdays, holidays, vacations and long absences."""

from typing import Final

import numpy as np

from detector.lab.simulate.population import Population
from detector.lab.simulate.professions import PROFESSIONS, trait
from detector.lab.simulate.rhythm import Flags, Floats, Span, stream
from detector.lab.simulate.subjects import ZONES

DAY_SPREAD: Final = 0.4
"""Assumption: sigma of the log-normal between the days of an account."""
LEAVE_SHARE: Final = 0.03
"""Assumption: accounts that stay away for ten to 25 days and come back."""


def volumes(seed: int, people: Population, span: Span) -> Floats:
    """Return the mean number of look-ups of each account on each day: shape (accounts, days).

    Log-normal between accounts (in `rate`) and, here, between days; nobody works on all five working days alike.
    """
    rng = stream(seed, "volumes")
    count = len(people)
    week = np.array([one.weekdays for one in PROFESSIONS])
    mean = people.rate[:, None] * week[people.profession][:, span.weekdays]
    machine = people.software[:, None] | (trait("devices")[people.profession] > 3)[:, None]
    mean = np.where(span.free[None, :] & ~machine, mean * 0.02, mean)
    mean *= span.january(1.3, 1.0)  # fact
    mean *= np.exp(rng.normal(0, DAY_SPREAD, mean.shape) - DAY_SPREAD**2 / 2)
    weekly_off = np.where(rng.random(count) < 0.35, rng.integers(0, 5, count), -1)
    mean *= np.where((weekly_off[:, None] == span.weekdays) & ~machine, 0.05, 1.0)
    mean *= np.where(_vacation(people, span, rng) & ~machine, 0.0, 1.0)
    mean *= np.where(span.month_end() & (trait("batch")[people.profession] > 0.3)[:, None] & ~machine, 1.6, 1.0)
    days = np.arange(span.days)
    mean *= days >= people.first_day[:, None]
    mean *= np.clip((days - people.first_day[:, None] + 2) / 10, 0.2, 1.0) ** (people.first_day[:, None] > 0)
    return np.asarray(mean * ~_absent(people, span, rng), np.float64)


def _absent(people: Population, span: Span, rng: np.random.Generator) -> Flags:
    """Tell the days of long absences: the dormant stop for good early or never start, some come back after weeks."""
    count, days = len(people), np.arange(span.days)
    stop = np.where(rng.random(count) < 0.5, 0.2 * span.days, 0.0)
    asleep = people.dormant[:, None] & (days >= stop[:, None])
    first = rng.integers(0, max(1, span.days), count)[:, None]
    leave = (rng.random(count) < LEAVE_SHARE)[:, None] & ~people.software[:, None]
    last = first + rng.integers(10, 25, count)[:, None]
    return np.asarray(asleep | (leave & (days >= first) & (days <= last)))


def _vacation(people: Population, span: Span, rng: np.random.Generator) -> Flags:
    """Draw weeks off; five times likelier in the school holidays of the account's zone. Assumption."""
    weeks = (np.arange(span.days) + int(span.weekdays[0])) // 7
    luck = rng.random((len(people), int(weeks[-1]) + 1))[:, weeks]
    closed = np.stack([span.school(zone) for zone in "ABC"])
    zone = np.array(["ABC".index(one) for one in ZONES])[people.department]
    return np.asarray(luck < np.where(closed[zone], 0.25, 0.05))
