"""Plan attacks on what is learned: accounts that are new or abused from the start, slow trainers, many at once.

Assumptions all.
"""

import numpy as np

from detector.lab.simulate.intrusion import Plan, Scene
from detector.lab.simulate.pacing import Rng, days_from, local_list, reading, recent, window


def slow_start(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Start with a few records a day and read 30 % more each day, so that a baseline may follow."""
    length = int(min(21, max(4, scene.span.days // 2)))
    day = scene.start_day(rng, length=length, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    days = days_from(scene, day, length, hours)
    number = np.round(np.minimum(3 * 1.3 ** np.arange(len(days)), 2000)).astype(np.int64)
    at = window(scene, np.repeat(days, number), hours, rng)
    return reading(np.sort(at), victim, rng, search=0.5, known=0.95)


def first_day(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Abuse an account from the log's first day on, at three times its own volume, for a third of the span."""
    victim = int(scene.victims(1, 6, rng)[0])
    days = days_from(scene, 0, max(3, scene.span.days // 3), hours)
    number = rng.poisson(scene.daily(victim) * 3, len(days))
    at = window(scene, np.repeat(days, number), hours, rng)
    return reading(np.sort(at), victim, rng, search=0.5, known=0.95)


def new_account(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Abuse an account from its own first day on, in the midst of the log, at twice or thrice its own volume."""
    victim = int(scene.victims(1, 0, rng, "new")[0])
    days = days_from(scene, int(scene.people.first_day[victim]), int(rng.integers(5, 15)), hours)
    number = rng.poisson(np.maximum(scene.daily(victim) * rng.uniform(2, 3), 8), len(days))
    at = window(scene, np.repeat(days, number), hours, rng)
    return reading(np.sort(at), victim, rng, search=0.5, known=0.95)


def slow_trainer(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Begin with one or two of the account's own patients a day, add 12 % a day and ever more strangers, for weeks.

    From one place all the time, so that it becomes a usual one.
    """
    length = int(min(35, max(5, scene.span.days * 2 // 3)))
    day = scene.start_day(rng, length=length, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    days = days_from(scene, day, length, hours)
    number = np.round(2 * 1.12 ** np.arange(len(days)) + rng.random(len(days))).astype(np.int64)
    at = np.sort(window(scene, np.repeat(days, number), hours, rng))
    listed = local_list(scene, np.full(len(at), victim), rng)
    own = recent(scene, victim, float(at[0]))
    familiar = np.flatnonzero(rng.random(len(at)) < np.linspace(1, 0, len(at))) if len(own) else np.zeros(0, np.int64)
    listed[familiar] = rng.choice(own, len(familiar)) if len(familiar) else listed[familiar]
    return reading(at, victim, rng, known=0.97, subject=listed, search=0.6, sources=(1, 1), few=True, pause_s=7200.0)


def one_in_twenty(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Abuse 5 % of all accounts on the same three days, each from an own place, at once to thrice its own volume."""
    day = scene.start_day(rng, length=3, hours=hours)
    victims = scene.victims(max(2, round(len(scene.people) / 20)), day, rng)
    days = days_from(scene, day, 3, hours)
    daily = np.array([scene.daily(int(one)) for one in victims]) * rng.uniform(1, 3, len(victims))
    number = rng.poisson(np.repeat(np.maximum(daily, 3), len(days)))
    account, when = np.repeat(np.repeat(victims, len(days)), number), np.repeat(np.tile(days, len(victims)), number)
    at, count = window(scene, when, hours, rng), len(victims)
    return reading(at, account, rng, search=0.5, sources=(2 * count, 4 * count), pause_s=3600.0)
