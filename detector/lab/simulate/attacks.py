"""Plan the attacks that are known: one function a shape says who reads what and when; `intrusion` carries it out.

Facts (the incidents): Viamedis, one phished account, some two days; FICOBA, 0.9 records a second for days; amelipro,
19 accounts, identifiers chained, many unknown; smash and grab 1 to 20 a second; low and slow once or twice the
account's own volume for one to three weeks; a swarm of 20 to 200 accounts, each within its own normal, few sources;
a log-in test, twelve hours of silence, then scraping. Assumptions: all other figures. Totals are scaled by `size`:
at 1.0 the large thefts read some ten thousand records, not millions, since detection is over long before.
"""

import numpy as np
import polars as pl

from detector.lab.simulate.background import STRANGERS
from detector.lab.simulate.intrusion import Plan, Scene
from detector.lab.simulate.pacing import Rng, amount, days_from, moment, open_session, paced, pause, reading, window
from detector.lab.simulate.subjects import sequence


def viamedis(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Use one phished account for two days, in blocks of even requests with breaks between."""
    day = scene.start_day(rng, length=3, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    blocks, count = 12, amount(scene, 15_000, 40_000, rng)
    starts = moment(scene, day, hours, rng) + np.sort(rng.uniform(0, 44 * 3600, blocks)) * (np.arange(blocks) > 0)
    gap = pause(1, 6, rng)
    at = np.concatenate([paced(start, count // blocks, gap, 0.15, rng) for start in starts])
    return reading(at, victim, rng, search=0.5, invoices=0.1, sources=(1, 2))


def smash_and_grab(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read as fast as the portal answers, once."""
    day = scene.start_day(rng, length=2, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    rate = float(np.exp(rng.uniform(0, np.log(20))))
    at = paced(moment(scene, day, hours, rng), amount(scene, 2_000, 12_000, rng), 1 / rate, 0.3, rng)
    return reading(at, victim, rng, search=0.0)


def ficoba(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read 0.9 records a second without a pause, for half a day to a day at size 1."""
    day = scene.start_day(rng, length=3, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    at = paced(moment(scene, day, hours, rng), amount(scene, 30_000, 70_000, rng), 1 / 0.9, 0.2, rng)
    return reading(at, victim, rng, search=0.0, known=0.97)


def office_residential(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read in the victim's own hours, at a person's pace, for three to five days, several times its volume."""
    day = scene.start_day(rng, length=5, hours="office")
    victim = int(scene.victims(1, day, rng)[0])
    days = days_from(scene, day, int(rng.integers(3, 6)), "office")
    usual = scene.daily(victim) * float(rng.uniform(3, 8))
    daily = int(max(60.0, usual))
    at = window(scene, np.repeat(days, daily), "office", rng)
    return reading(np.sort(at), victim, rng, search=0.7, invoices=0.2, known=0.95)


def low_and_slow(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read once or twice the account's own volume a day for one to three weeks."""
    length = min(int(rng.integers(7, 22)), max(2, scene.span.days // 2))
    day = scene.start_day(rng, length=length, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    days = days_from(scene, day, length, hours)
    number = rng.poisson(scene.daily(victim) * rng.uniform(1, 2), len(days))
    at = window(scene, np.repeat(days, number), hours, rng)
    return reading(np.sort(at), victim, rng, search=0.6, invoices=0.2, known=0.95, pause_s=7200.0)


def swarm(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Use many accounts, each within its own normal, from a few sources, for two to four days."""
    length = int(rng.integers(2, 5))
    day = scene.start_day(rng, length=length, hours=hours)
    most = max(3, len(scene.people) // 10)
    victims = scene.victims(min(int(np.exp(rng.uniform(np.log(20), np.log(200)))), most), day, rng)
    days = days_from(scene, day, length, hours)
    daily = np.array([scene.daily(int(one)) for one in victims]) * rng.uniform(0.4, 0.9, len(victims))
    number = rng.poisson(np.repeat(np.maximum(daily, 2), len(days)))
    account, when = np.repeat(np.repeat(victims, len(days)), number), np.repeat(np.tile(days, len(victims)), number)
    return reading(window(scene, when, hours, rng), account, rng, search=0.5, sources=(2, 4), few=True, pause_s=3600.0)


def amelipro(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Chain identifiers through 19 accounts; half of the numbers exist."""
    day = scene.start_day(rng, length=3, hours=hours)
    victims = scene.victims(min(19, max(2, len(scene.people) // 12)), day, rng)
    each = amount(scene, 300, 1_500, rng)
    at, account = [], []
    for victim in victims:
        start = moment(scene, day + int(rng.integers(0, 2)), hours, rng) + rng.uniform(0, 7200)
        at.append(paced(start, each, pause(3, 40, rng), 0.3, rng))
        account.append(np.full(each, victim))
    when = np.concatenate(at)
    count = len(when)
    numbers = np.empty(count, np.int64)
    numbers[np.argsort(when, kind="stable")] = sequence(count, rng)
    return Plan(at=when, account=np.concatenate(account), subject=numbers, found=rng.random(count) < 0.5, search=1.0,
                sources=(2, 5))  # fmt: skip


def stuffing(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Try bought passwords on thousands of names, then use the few accounts that open."""
    day = scene.start_day(rng, length=2, hours=hours)
    victims = scene.victims(int(rng.integers(1, 6)), day, rng)
    start, tries = moment(scene, day, hours, rng), max(200, int(rng.integers(800, 4000) * min(1.0, scene.size * 2)))
    real = rng.random(tries) < 0.1
    people = len(scene.people)
    tried = np.where(real, rng.integers(0, people, tries), people + rng.integers(0, STRANGERS, tries))
    tried_at = start + np.cumsum(rng.exponential(1 / float(rng.uniform(0.5, 4)), tries))
    each = amount(scene, 150, 800, rng)
    at = [paced(float(rng.choice(tried_at)) + 600, each, pause(2, 30, rng), 0.4, rng) for _ in victims]
    return reading(np.concatenate(at), np.repeat(victims, each), rng, tried=tried, tried_at=tried_at, sources=(2, 6))


def test_then_scrape(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Test the log-in, keep silent for twelve hours, then scrape."""
    day = scene.start_day(rng, length=3, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    start = moment(scene, min(day + 1, scene.span.days - 1), hours, rng)
    at = paced(start, amount(scene, 500, 2_500, rng), pause(2, 20, rng), 0.3, rng)
    return reading(at, victim, rng, tested_at=np.array([start - 12 * 3600 - rng.uniform(0, 3600)]))


def impossible_travel(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read from far away while the victim works at home, for one to three hours."""
    day = scene.start_day(rng, hours="office")
    victim = int(scene.victims(1, day, rng)[0])
    own = scene.work.filter((pl.col("account") == victim) & pl.col("named"))["at"].to_numpy() / 1e6
    start = moment(scene, day, "office", rng)
    near = own[np.abs(own - start) < 5 * 3600]
    start = float(near[len(near) // 2]) if len(near) else start
    gap = pause(10, 60, rng)
    at = paced(start, int(rng.uniform(1, 3) * 3600 / gap), gap, 0.6, rng)
    return reading(at, victim, rng, search=0.7, invoices=0.2)


def dormant(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Use an account that nobody has used for weeks."""
    day = scene.start_day(rng, length=2, hours=hours)
    victim = int(scene.victims(1, day, rng, "dormant")[0])
    gap = pause(4, 30, rng)
    at = paced(moment(scene, day, hours, rng), int(rng.uniform(1.5, 4) * 3600 / gap), gap, 0.5, rng)
    return reading(at, victim, rng, search=0.6)


def session_taken(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Use a victim's own open session from elsewhere, without any log-on."""
    day = scene.start_day(rng, hours="office")
    victim = int(scene.victims(1, day, rng)[0])
    opened, session = open_session(scene, victim, day)
    gap = pause(3, 20, rng)
    at = paced(opened + rng.uniform(60, 600), int(rng.uniform(20, 60) * 60 / gap), gap, 0.4, rng)
    return reading(at, victim, rng, session=session, search=0.2)


def vendor_key(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Use a software vendor's leaked key from another network, at half to twice its own daily volume, two days."""
    day = scene.start_day(rng, length=3, hours=hours)
    victim = int(scene.victims(1, day, rng, "software")[0])
    days = np.arange(day, min(day + 2, scene.span.days))
    number = rng.poisson(min(scene.daily(victim), 6000) * rng.uniform(0.5, 2) * min(1.0, scene.size * 2), len(days))
    at = np.sort(window(scene, np.repeat(days, number), hours, rng))
    return reading(at, victim, rng, search=0.1, pause_s=4 * 3600.0)


def insider(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Let a curious professional look up strangers beside the work, from the usual place, for two weeks."""
    length = int(min(14, max(2, scene.span.days // 2)))
    day = scene.start_day(rng, length=length, hours="office")
    victim = int(scene.victims(1, day, rng)[0])
    days = days_from(scene, day, length, "office")
    number = rng.poisson(max(12.0, scene.daily(victim) * rng.uniform(0.7, 1.5)), len(days))
    at = window(scene, np.repeat(days, number), "office", rng)
    return reading(np.sort(at), victim, rng, known=0.85, search=0.95, invoices=0.5, own_place=True, pause_s=7200.0)
