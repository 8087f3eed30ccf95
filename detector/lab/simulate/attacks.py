"""Plan the attacks: one function a shape says who reads what and when; `intrusion` carries it out.

Facts (the incidents): Viamedis, one phished account, some two days; FICOBA, 0.9 records a second for days; amelipro,
19 accounts, identifiers chained, many unknown; smash and grab 1 to 20 a second; low and slow once or twice the
account's own volume for one to three weeks; a swarm of 20 to 200 accounts, each within its own normal, few sources;
a log-in test, twelve hours of silence, then scraping. Assumptions: all other figures. Totals are scaled by `size`:
at 1.0 the large thefts read some ten thousand records, not millions, since detection is over long before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import polars as pl

from detector.lab.simulate import portal
from detector.lab.simulate.background import STRANGERS
from detector.lab.simulate.intrusion import HOURS, NETWORKS, Plan, Scene
from detector.lab.simulate.rhythm import Flags, Floats, Ints
from detector.lab.simulate.subjects import anywhere, sequence

Rng: TypeAlias = np.random.Generator


def _moment(scene: Scene, day: int, hours: str, rng: Rng) -> float:
    """Draw a start: 22 h to 3 h by night, 9 h to 16 h in office hours."""
    hour = rng.uniform(22, 27) if hours == "night" else rng.uniform(9, 16)
    return float(scene.span.at(day, hour))


def _window(scene: Scene, day: Ints, hours: str, rng: Rng) -> Floats:
    """Draw moments within the attacker's hours of each day: 22 h to 5 h, or 8 h 30 to 18 h 30."""
    low, high = (22.0, 29.0) if hours == "night" else (8.5, 18.5)
    return scene.span.at(day, rng.uniform(low, high, len(day)))


def _paced(start: float, count: int, gap_s: float, jitter: float, rng: Rng) -> Floats:
    """Return `count` moments, each some `gap_s` after the one before: jitter 0.1 is a program, 0.8 nearly a person."""
    return start + np.cumsum(gap_s * np.exp(rng.normal(0, jitter, count)))


def _days(scene: Scene, first: int, length: int, hours: str) -> Ints:
    """Return the days of a longer attack; office attacks rest when offices do."""
    days = np.arange(first, min(first + length, scene.span.days))
    chosen = days[scene.span.working[days]] if hours == "office" else days
    return chosen if len(chosen) else days


def _count(scene: Scene, low: int, high: int, rng: Rng) -> int:
    return max(30, int(np.exp(rng.uniform(np.log(low), np.log(high))) * scene.size))


def _gap(low_s: float, high_s: float, rng: Rng) -> float:
    """Draw an attacker's usual pause: some take their time."""
    return float(np.exp(rng.uniform(np.log(low_s), np.log(high_s))))


def _found(count: int, share: float, rng: Rng) -> Flags:
    return rng.random(count) < share


def _plan(at: Floats, account: Ints | int, rng: Rng, known: float = 0.93, **more: object) -> Plan:
    """Read a bought list of identifiers, `known` of which exist."""
    count = len(at)
    who = np.broadcast_to(np.asarray(account, np.int64), (count,)).copy()
    return Plan(at=at, account=who, subject=anywhere(count, rng), found=_found(count, known, rng), **more)  # type: ignore[arg-type]


def viamedis(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Use one phished account for two days, in blocks of even requests with breaks between."""
    day = scene.start_day(rng, length=3, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    blocks, count = 12, _count(scene, 15_000, 40_000, rng)
    starts = _moment(scene, day, hours, rng) + np.sort(rng.uniform(0, 44 * 3600, blocks)) * (np.arange(blocks) > 0)
    gap = _gap(1, 6, rng)
    at = np.concatenate([_paced(start, count // blocks, gap, 0.15, rng) for start in starts])
    return _plan(at, victim, rng, search=0.5, invoices=0.1, sources=(1, 2))


def smash_and_grab(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read as fast as the portal answers, once."""
    day = scene.start_day(rng, length=2, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    rate = float(np.exp(rng.uniform(0, np.log(20))))
    at = _paced(_moment(scene, day, hours, rng), _count(scene, 2_000, 12_000, rng), 1 / rate, 0.3, rng)
    return _plan(at, victim, rng, search=0.0)


def ficoba(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read 0.9 records a second without a pause, for half a day to a day at size 1."""
    day = scene.start_day(rng, length=3, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    at = _paced(_moment(scene, day, hours, rng), _count(scene, 30_000, 70_000, rng), 1 / 0.9, 0.2, rng)
    return _plan(at, victim, rng, search=0.0, known=0.97)


def office_residential(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read in the victim's own hours, at a person's pace, for three to five days, several times its volume."""
    day = scene.start_day(rng, length=5, hours="office")
    victim = int(scene.victims(1, day, rng)[0])
    days = _days(scene, day, int(rng.integers(3, 6)), "office")
    usual = scene.daily(victim) * float(rng.uniform(3, 8))
    daily = int(max(60.0, usual))
    at = _window(scene, np.repeat(days, daily), "office", rng)
    return _plan(np.sort(at), victim, rng, search=0.7, invoices=0.2, known=0.95)


def low_and_slow(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read once or twice the account's own volume a day for one to three weeks."""
    length = min(int(rng.integers(7, 22)), max(2, scene.span.days // 2))
    day = scene.start_day(rng, length=length, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    days = _days(scene, day, length, hours)
    number = rng.poisson(scene.daily(victim) * rng.uniform(1, 2), len(days))
    at = _window(scene, np.repeat(days, number), hours, rng)
    return _plan(np.sort(at), victim, rng, search=0.6, invoices=0.2, known=0.95, pause_s=7200.0)


def swarm(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Use many accounts, each within its own normal, from a few sources, for two to four days."""
    length = int(rng.integers(2, 5))
    day = scene.start_day(rng, length=length, hours=hours)
    most = max(3, len(scene.people) // 10)
    victims = scene.victims(min(int(np.exp(rng.uniform(np.log(20), np.log(200)))), most), day, rng)
    days = _days(scene, day, length, hours)
    daily = np.array([scene.daily(int(one)) for one in victims]) * rng.uniform(0.4, 0.9, len(victims))
    number = rng.poisson(np.repeat(np.maximum(daily, 2), len(days)))
    account, when = np.repeat(np.repeat(victims, len(days)), number), np.repeat(np.tile(days, len(victims)), number)
    return _plan(_window(scene, when, hours, rng), account, rng, search=0.5, sources=(2, 4), few=True, pause_s=3600.0)


def amelipro(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Chain identifiers through 19 accounts; half of the numbers exist."""
    day = scene.start_day(rng, length=3, hours=hours)
    victims = scene.victims(min(19, max(2, len(scene.people) // 12)), day, rng)
    each = _count(scene, 300, 1_500, rng)
    at, account = [], []
    for victim in victims:
        start = _moment(scene, day + int(rng.integers(0, 2)), hours, rng) + rng.uniform(0, 7200)
        at.append(_paced(start, each, _gap(3, 40, rng), 0.3, rng))
        account.append(np.full(each, victim))
    when = np.concatenate(at)
    count = len(when)
    numbers = np.empty(count, np.int64)
    numbers[np.argsort(when, kind="stable")] = sequence(count, rng)
    return Plan(at=when, account=np.concatenate(account), subject=numbers, found=_found(count, 0.5, rng), search=1.0,
                sources=(2, 5))  # fmt: skip


def stuffing(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Try bought passwords on thousands of names, then use the few accounts that open."""
    day = scene.start_day(rng, length=2, hours=hours)
    victims = scene.victims(int(rng.integers(1, 6)), day, rng)
    start, tries = _moment(scene, day, hours, rng), max(200, int(rng.integers(800, 4000) * min(1.0, scene.size * 2)))
    real = rng.random(tries) < 0.1
    people = len(scene.people)
    tried = np.where(real, rng.integers(0, people, tries), people + rng.integers(0, STRANGERS, tries))
    tried_at = start + np.cumsum(rng.exponential(1 / float(rng.uniform(0.5, 4)), tries))
    each = _count(scene, 150, 800, rng)
    at = [_paced(float(rng.choice(tried_at)) + 600, each, _gap(2, 30, rng), 0.4, rng) for _ in victims]
    return _plan(np.concatenate(at), np.repeat(victims, each), rng, tried=tried, tried_at=tried_at, sources=(2, 6))


def test_then_scrape(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Test the log-in, keep silent for twelve hours, then scrape."""
    day = scene.start_day(rng, length=3, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    start = _moment(scene, min(day + 1, scene.span.days - 1), hours, rng)
    at = _paced(start, _count(scene, 500, 2_500, rng), _gap(2, 20, rng), 0.3, rng)
    return _plan(at, victim, rng, tested_at=np.array([start - 12 * 3600 - rng.uniform(0, 3600)]))


def impossible_travel(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Read from far away while the victim works at home, for one to three hours."""
    day = scene.start_day(rng, hours="office")
    victim = int(scene.victims(1, day, rng)[0])
    own = scene.work.filter((pl.col("account") == victim) & pl.col("named"))["at"].to_numpy() / 1e6
    start = _moment(scene, day, "office", rng)
    near = own[np.abs(own - start) < 5 * 3600]
    start = float(near[len(near) // 2]) if len(near) else start
    gap = _gap(10, 60, rng)
    at = _paced(start, int(rng.uniform(1, 3) * 3600 / gap), gap, 0.6, rng)
    return _plan(at, victim, rng, search=0.7, invoices=0.2)


def dormant(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Use an account that nobody has used for weeks."""
    day = scene.start_day(rng, length=2, hours=hours)
    victim = int(scene.victims(1, day, rng, "dormant")[0])
    gap = _gap(4, 30, rng)
    at = _paced(_moment(scene, day, hours, rng), int(rng.uniform(1.5, 4) * 3600 / gap), gap, 0.5, rng)
    return _plan(at, victim, rng, search=0.6)


def session_taken(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Use a victim's own open session from elsewhere, without any log-on."""
    day = scene.start_day(rng, hours="office")
    victim = int(scene.victims(1, day, rng)[0])
    open_at = scene.span.at(day, 7.0) * 1e6
    own = scene.work.filter((pl.col("account") == victim) & (pl.col("session") > 0) & (pl.col("page") == portal.RIGHTS))
    own = own.sort("at")
    later = own.filter(pl.col("at") >= open_at)
    row = (later if later.height else own).row(min(3, max(later.height - 1, 0)), named=True)
    gap = _gap(3, 20, rng)
    at = _paced(row["at"] / 1e6 + rng.uniform(60, 600), int(rng.uniform(20, 60) * 60 / gap), gap, 0.4, rng)
    return _plan(at, victim, rng, session=int(row["session"]), search=0.2)


def vendor_key(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Use a software vendor's leaked key from another network, at half to twice its own daily volume, two days."""
    day = scene.start_day(rng, length=3, hours=hours)
    victim = int(scene.victims(1, day, rng, "software")[0])
    days = np.arange(day, min(day + 2, scene.span.days))
    number = rng.poisson(min(scene.daily(victim), 6000) * rng.uniform(0.5, 2) * min(1.0, scene.size * 2), len(days))
    at = np.sort(_window(scene, np.repeat(days, number), hours, rng))
    return _plan(at, victim, rng, search=0.1, pause_s=4 * 3600.0)


def insider(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Let a curious professional look up strangers beside the work, from the usual place, for two weeks."""
    length = int(min(14, max(2, scene.span.days // 2)))
    day = scene.start_day(rng, length=length, hours="office")
    victim = int(scene.victims(1, day, rng)[0])
    days = _days(scene, day, length, "office")
    number = rng.poisson(max(12.0, scene.daily(victim) * rng.uniform(0.7, 1.5)), len(days))
    at = _window(scene, np.repeat(days, number), "office", rng)
    return _plan(np.sort(at), victim, rng, known=0.85, search=0.95, invoices=0.5, own_place=True, pause_s=7200.0)


def slow_start(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Start with a few records a day and read 30 % more each day, so that a baseline may follow."""
    length = int(min(21, max(4, scene.span.days // 2)))
    day = scene.start_day(rng, length=length, hours=hours)
    victim = int(scene.victims(1, day, rng)[0])
    days = _days(scene, day, length, hours)
    number = np.round(np.minimum(3 * 1.3 ** np.arange(len(days)), 2000)).astype(np.int64)
    at = _window(scene, np.repeat(days, number), hours, rng)
    return _plan(np.sort(at), victim, rng, search=0.5, known=0.95)


def first_day(scene: Scene, hours: str, rng: Rng) -> Plan:
    """Abuse an account from the log's first day on, at three times its own volume, for a third of the span."""
    victim = int(scene.victims(1, 6, rng)[0])
    days = _days(scene, 0, max(3, scene.span.days // 3), hours)
    number = rng.poisson(scene.daily(victim) * 3, len(days))
    at = _window(scene, np.repeat(days, number), hours, rng)
    return _plan(np.sort(at), victim, rng, search=0.5, known=0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How an attack is planned; which networks and hours it can have where not all."""

    plan: Callable[[Scene, str, Rng], Plan]
    networks: tuple[str, ...] = NETWORKS
    hours: tuple[str, ...] = HOURS


SHAPES: Final = {
    "viamedis": Shape(plan=viamedis),
    "smash_and_grab": Shape(plan=smash_and_grab),
    "ficoba": Shape(plan=ficoba),
    "office_residential": Shape(plan=office_residential, networks=("residential",), hours=("office",)),
    "low_and_slow": Shape(plan=low_and_slow),
    "swarm": Shape(plan=swarm),
    "amelipro": Shape(plan=amelipro),
    "stuffing": Shape(plan=stuffing),
    "test_then_scrape": Shape(plan=test_then_scrape),
    "impossible_travel": Shape(plan=impossible_travel, networks=("abroad", "vpn", "hosting"), hours=("office",)),
    "dormant": Shape(plan=dormant),
    "session_taken": Shape(plan=session_taken, hours=("office",)),
    "vendor_key": Shape(plan=vendor_key),
    "insider": Shape(plan=insider, networks=("own",), hours=("office",)),
    "slow_start": Shape(plan=slow_start),
    "first_day": Shape(plan=first_day),
}
