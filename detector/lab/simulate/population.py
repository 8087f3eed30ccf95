"""Make the accounts: profession, organization, habits, lines and devices, and who is new, away, moved or asleep."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from detector.lab.simulate import clients, lines
from detector.lab.simulate.places import Places
from detector.lab.simulate.professions import PROFESSIONS, trait
from detector.lab.simulate.rhythm import DAY_S, Flags, Floats, Ints, Span, stream
from detector.lab.simulate.subjects import DEPARTMENTS, POPULATION, Patients

DEVICE_SLOTS: Final = 8

# Assumptions on people; shares of accounts, over the whole span unless said otherwise.
NEW_SHARE: Final = 0.04
DORMANT_SHARE: Final = 0.03
UNLISTED_SHARE: Final = 0.01
NEW_DEVICE_A_MONTH: Final = 0.1  # fact
MOVES_A_MONTH: Final = 0.01
AWAY_A_MONTH: Final = 0.1  # locums in another region and work from abroad, half each, some days


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """All accounts. Arrays of one value an account; `places` has `SLOTS`, `device` `DEVICE_SLOTS` rows of them."""

    names: tuple[str, ...]
    organization: tuple[str, ...]
    listed: Flags
    profession: Ints
    department: Ints
    group: Ints
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


def _professions(count: int, rng: np.random.Generator) -> Ints:
    """Share out accounts by profession, at least one of each while there are enough."""
    share = trait("share")
    numbers = np.floor(share / share.sum() * count).astype(np.int64)
    numbers = np.maximum(numbers, 1 if count >= 4 * len(share) else 0)
    numbers[0] += count - numbers.sum()
    return rng.permutation(np.repeat(np.arange(len(share)), numbers))


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
    goes = rng.random(count) < AWAY_A_MONTH * span.days / 30
    first = rng.integers(0, max(1, span.days), count)
    return np.stack([np.where(goes, first, FAR), np.where(goes, first + rng.integers(2, 12, count), FAR)])


def populate(seed: int, count: int, span: Span) -> Population:
    """Make `count` accounts for a span of days."""
    rng = stream(seed, "population")
    profession = _professions(count, rng)
    department = rng.choice(len(POPULATION), count, p=POPULATION / POPULATION.sum()).astype(np.int64)
    line = lines.kinds(profession, rng)
    group = lines.groups(line, profession, department, rng)
    names, organizations = _names(profession, department, group)
    device, devices = _devices(profession, rng)
    slots, private = lines.slots(line, group, rng)
    software = trait("software")[profession].astype(bool)
    spread = trait("spread")[profession]
    changes = np.where(software | (devices > 3), FAR, _times(count, span, NEW_DEVICE_A_MONTH, rng))
    population = Population(
        names=names,
        organization=organizations,
        listed=rng.random(count) >= UNLISTED_SHARE,
        profession=profession,
        department=department,
        group=group,
        rate=trait("volume")[profession] * np.exp(rng.normal(0, 1, count) * spread - spread**2 / 2),
        shift_h=rng.normal(0, 0.5, count),
        has_home=rng.random(count) < trait("home")[profession],
        phone_share=np.where(private | (rng.random(count) < 0.15), rng.beta(1.5, 8, count), 0.0) * ~software,
        places=slots,
        device=device,
        devices=devices,
        device_change=changes,
        update_lag=np.minimum(rng.exponential(3, count), 12).astype(np.int64),
        moved_at=np.where(software | (line == 4), FAR, _times(count, span, MOVES_A_MONTH, rng)),
        away=np.where(software, FAR, _away(count, span, rng)),
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


def with_places(people: Population, more: Places) -> Population:
    """Put further places behind the population's own."""
    return replace(people, places=Places.join([people.places, more]))
