"""Plan attacks that know the account: lists of persons from its own department, or of its own patients.

Assumptions all. They are what a thief does who has read how thieves are found: strangers from everywhere give nobody
away here, so what is left is how many are new, how fast, from where, and that nothing is billed.
"""

import numpy as np

from detector.lab.simulate.intrusion import Plan, Scene
from detector.lab.simulate.pacing import Rng, days_from, local_list, open_session, paced, pause, reading, recent, window


def local_slow(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read a list of the account's own department, once or twice its own volume a day for one to two weeks."""
    length = min(int(rng.integers(7, 15)), max(2, scene.span.days // 2))
    day = scene.start_day(rng, length=length, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    days = days_from(scene, day, length, hours)
    number = rng.poisson(scene.daily(victim) * rng.uniform(1, 2), len(days))
    at = np.sort(window(scene, np.repeat(days, number), hours, rng))
    listed = local_list(scene, np.full(len(at), victim), rng)
    return reading(at, victim, rng, known=0.95, subject=listed, search=0.6, invoices=0.2, pause_s=7200.0)


def recent_list(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Take a session over, page through the persons it showed lately, then go on with others of the department."""
    day = scene.start_day(rng, hours="office")
    victim = int(scene.victims(1, day, rng)[0])
    opened, session = open_session(scene, victim, day)
    start, gap = opened + rng.uniform(60, 600), pause(4, 25, rng)
    own = recent(scene, victim, start)[: int(rng.integers(20, 120))]
    at = paced(start, len(own) + int(rng.integers(30, 150)), gap, 0.5, rng)
    others = local_list(scene, np.full(len(at) - len(own), victim), rng)
    listed = np.concatenate([own, others])
    return reading(at, victim, rng, known=1.0, subject=listed, session=session, search=0.1, invoices=0.3)


def list_with_own(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read a list of the department that holds a third of the account's own patients, for three to five days."""
    day = scene.start_day(rng, length=5, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    days = days_from(scene, day, int(rng.integers(3, 6)), hours)
    daily = int(max(30.0, scene.daily(victim) * float(rng.uniform(1.5, 4))))
    at = np.sort(window(scene, np.repeat(days, daily), hours, rng))
    listed = local_list(scene, np.full(len(at), victim), rng)
    own = recent(scene, victim, float(at[0]))
    rows = np.flatnonzero(rng.random(len(at)) < 1 / 3)
    if len(own):
        listed[rows] = rng.choice(own, len(rows))
    return reading(at, victim, rng, known=0.96, subject=listed, search=0.6, invoices=0.2, pause_s=7200.0)
