"""Make the accounts: profession, organization, habits, lines and devices, and who is new, away, moved or asleep."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from detector.lab.simulate import clients, places
from detector.lab.simulate.places import Places
from detector.lab.simulate.professions import PROFESSIONS
from detector.lab.simulate.rhythm import DAY_S, Flags, Floats, Ints, Span, stream
from detector.lab.simulate.subjects import DEPARTMENTS, POPULATION, ZONES, Patients

WORK, HOME, PHONE, AWAY, MOVED = range(5)
"""The places of an account; place `slot * accounts + account` of `Population.places`."""
SLOTS: Final = 5
DEVICE_SLOTS: Final = 8

# Assumptions on people; shares of accounts, over the whole span unless said otherwise.
NEW_SHARE: Final = 0.04
DORMANT_SHARE: Final = 0.03
UNLISTED_SHARE: Final = 0.01
NEW_DEVICE_A_MONTH: Final = 0.1  # fact
MOVES_A_MONTH: Final = 0.01
AWAY_SHARE: Final = 0.04  # locums and work from abroad, each some days
LEAVE_SHARE: Final = 0.03
IPV6_SHARE: Final = 0.2
PROXY_SHARE: Final = 0.03  # behind a filtering proxy or an antivirus product's VPN


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """All accounts. Arrays of one value an account; `places` has `SLOTS`, `device` `DEVICE_SLOTS` rows of them."""

    names: tuple[str, ...]
    organization: tuple[str, ...]
    listed: Flags
    profession: Ints
    department: Ints
    rate: Floats
    shift_h: Floats
    has_home: Flags
    phone_share: Floats
    places: Places
    device: Ints
    devices: Ints
    device_change: Ints
    update_lag: Ints
    moved_at: Ints
    away: Ints
    away_abroad: Flags
    first_day: Ints
    dormant: Flags
    wrong_password: Floats
    patients: Patients

    def __len__(self) -> int:
        return len(self.names)

    @property
    def software(self) -> Flags:
        """Accounts of software vendors."""
        return trait("software")[self.profession].astype(bool)


def trait(name: str) -> Floats:
    """Return one field of all professions as an array."""
    return np.array([float(getattr(one, name)) for one in PROFESSIONS])


def _professions(count: int, rng: np.random.Generator) -> Ints:
    """Share out accounts by profession, at least one of each while there are enough."""
    share = trait("share")
    numbers = np.floor(share / share.sum() * count).astype(np.int64)
    numbers = np.maximum(numbers, 1 if count >= 4 * len(share) else 0)
    numbers[0] += count - numbers.sum()
    return rng.permutation(np.repeat(np.arange(len(share)), numbers))


def _lines(profession: Ints, rng: np.random.Generator) -> Ints:
    weights = np.array([one.lines for one in PROFESSIONS], float)
    sums = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    return np.asarray((rng.random((len(profession), 1)) > sums[profession]).sum(axis=1), np.int64)


def _practices(line: Ints, profession: Ints, department: Ints, rng: np.random.Generator) -> Ints:
    """Group the accounts on shared lines: practices of 2 to 8, hospitals and chains of shops of some more.

    Returns the number of each account's group, -1 where it works alone. Groups lie in one department.
    """
    group = np.full(len(line), -1, np.int64)
    following = 0
    hospital = np.array([one.name == "hospital desk" for one in PROFESSIONS])[profession]
    for members in (
        np.flatnonzero(line == 3),
        np.flatnonzero((line == 4) & hospital),
        np.flatnonzero((line == 4) & ~hospital),
    ):
        rest = list(rng.permutation(members))
        while rest:
            size = int(rng.integers(2, 9))
            chosen, rest = np.array(rest[:size]), rest[size:]
            group[chosen] = following
            department[chosen] = department[chosen[0]]
            following += 1
    return group


def _work(line: Ints, group: Ints, rng: np.random.Generator) -> Places:
    """Draw each account's work place by its kind of line."""
    count = len(line)
    minutes = rng.integers(25, 180, count) * 60
    kinds = [
        places.draw("home", count, rng),
        places.draw("home", count, rng, pool=1 << 12, period_s=7 * DAY_S),
        places.draw("mobile", count, rng, pool=1 << 12, period_s=minutes),
        places.draw("home", count, rng),
        places.draw("egress", count, rng, pool=4, period_s=3600),
        places.draw("vendor", count, rng, pool=4, period_s=2 * 3600),
    ]
    leader = np.arange(count)
    for one in np.unique(group[group >= 0]):
        members = np.flatnonzero(group == one)
        leader[members] = members[0]
    every = Places.join(kinds)
    row = line * count + leader
    work = Places(base=every.base[row], size=every.size[row], period_s=every.period_s[row], key=every.key[row])
    for kind, share in (("home6", IPV6_SHARE), ("proxy", PROXY_SHARE)):
        other = places.draw(kind, count, rng, pool=1 if kind == "home6" else 16, period_s=FOREVER_OR_HALF_DAY[kind])
        work = choose((line <= 1) & (rng.random(count) < share), other, work)
    return work


FOREVER_OR_HALF_DAY: Final = {"home6": places.FOREVER, "proxy": DAY_S // 2}


def choose(where: Flags, yes: Places, no: Places) -> Places:
    """Take each place from `yes` or `no`."""
    return Places(
        base=np.where(where, yes.base, no.base),
        size=np.where(where, yes.size, no.size),
        period_s=np.where(where, yes.period_s, no.period_s),
        key=np.where(where, yes.key, no.key),
    )


def _names(profession: Ints, department: Ints, group: Ints) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names, organizations = [], []
    for number, (work, home, practice) in enumerate(zip(profession, department, group, strict=True), 1):
        one, code = PROFESSIONS[work], DEPARTMENTS[home][0]
        names.append(f"{one.prefix}{code}{number:04d}")
        shared = {"hospital desk": "Hospital", "pharmacy": "Pharmacies", "optician": "Opticians"}.get(
            one.name, "Practice"
        )
        organizations.append(
            f"{shared} {code}-{practice:03d}" if practice >= 0 else f"{one.name.capitalize()} {number:04d}"
        )
    return tuple(names), tuple(organizations)


def _devices(profession: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    count = len(profession)
    first = rng.choice(clients.WORK, (DEVICE_SLOTS, count), p=clients.WORK_SHARE)
    same = rng.random((DEVICE_SLOTS, count)) < 0.8  # an organization buys the same machines
    device = np.where(same, first[0], first)
    device[6] = rng.choice(clients.PHONE, count)
    device[7] = rng.choice(clients.WORK, count, p=clients.WORK_SHARE)  # the one that comes new
    vendor = rng.choice(clients.VENDOR, count)
    software = trait("software")[profession].astype(bool)
    return np.where(software, vendor, device).astype(np.int64), trait("devices")[profession].astype(np.int64)


def _times(count: int, span: Span, share_a_month: float, rng: np.random.Generator) -> Ints:
    """Draw a moment for those to whom a thing happens in the span; the others get one far behind it."""
    happens = rng.random(count) < share_a_month * span.days / 30
    moment = span.offsets[0] + (rng.random(count) * span.days * DAY_S).astype(np.int64)
    return np.where(happens, moment, FAR)


FAR: Final = 1 << 50


def _away(count: int, span: Span, rng: np.random.Generator) -> Ints:
    """Draw first and last-but-one day away: shape (2, accounts), first = FAR for those who stay."""
    goes = rng.random(count) < AWAY_SHARE
    first = rng.integers(0, max(1, span.days), count)
    return np.stack([np.where(goes, first, FAR), np.where(goes, first + rng.integers(2, 12, count), FAR)])


def populate(seed: int, count: int, span: Span) -> Population:
    """Make `count` accounts for a span of days."""
    rng = stream(seed, "population")
    profession = _professions(count, rng)
    department = rng.choice(len(POPULATION), count, p=POPULATION / POPULATION.sum()).astype(np.int64)
    line = _lines(profession, rng)
    group = _practices(line, profession, department, rng)
    names, organizations = _names(profession, department, group)
    device, devices = _devices(profession, rng)
    abroad = rng.random(count) < 0.5
    away = choose(abroad, places.draw("travel", count, rng, pool=4, period_s=DAY_S), places.draw("home", count, rng))
    slots = [
        _work(line, group, rng),
        places.draw("home", count, rng, pool=1 << 8, period_s=14 * DAY_S),
        places.draw("mobile", count, rng, pool=1 << 12, period_s=rng.integers(25, 180, count) * 60),
        away,
        places.draw("home", count, rng),
    ]
    software = trait("software")[profession].astype(bool)
    spread = trait("spread")[profession]
    changes = np.where(software | (devices > 3), FAR, _times(count, span, NEW_DEVICE_A_MONTH, rng))
    population = Population(
        names=names,
        organization=organizations,
        listed=rng.random(count) >= UNLISTED_SHARE,
        profession=profession,
        department=department,
        rate=trait("volume")[profession] * np.exp(rng.normal(0, 1, count) * spread - spread**2 / 2),
        shift_h=rng.normal(0, 0.5, count),
        has_home=rng.random(count) < trait("home")[profession],
        phone_share=np.where(rng.random(count) < 0.15, rng.beta(1.5, 8, count), 0.0) * ~software,
        places=Places.join(slots),
        device=device,
        devices=devices,
        device_change=changes,
        update_lag=np.minimum(rng.exponential(3, count), 12).astype(np.int64),
        moved_at=np.where(software | (line == 4), FAR, _times(count, span, MOVES_A_MONTH, rng)),
        away=np.where(software, FAR, _away(count, span, rng)),
        away_abroad=abroad,
        first_day=np.where(rng.random(count) < NEW_SHARE, rng.integers(0, max(1, span.days), count), 0) * ~software,
        dormant=(rng.random(count) < DORMANT_SHARE) & ~software,
        wrong_password=rng.beta(1.2, 25, count),
        patients=_patients(profession, department, software, rng),
    )
    return replace(population, first_day=np.where(population.dormant, 0, population.first_day))


def _patients(profession: Ints, department: Ints, software: Flags, rng: np.random.Generator) -> Patients:
    own = np.exp(rng.normal(0, 0.3, len(profession)))
    return Patients(
        department=department,
        returning=np.clip(trait("returning")[profession] + rng.normal(0, 0.05, len(profession)), 0.02, 0.97),
        panel=np.maximum(trait("panel")[profession] * own, 8).astype(np.int64),
        turnover=trait("turnover")[profession] * own,
        national=software,
    )


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
    mean *= np.exp(rng.normal(0, 0.3, mean.shape) - 0.045)
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


def with_places(people: Population, more: Places) -> Population:
    """Put further places behind the population's own."""
    return replace(people, places=Places.join([people.places, more]))
