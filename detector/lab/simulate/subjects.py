"""Make insured persons: 13-digit identifiers built like French ones that no real person can have.

Fact: a French number (NIR) is sex (1, 2), year, month, department and commune of birth, order. Here the first digit
is 5 for men and 6 for women, which INSEE gives to nobody, so that no line of a simulated log is about anyone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.lab.simulate.rhythm import Flags, Floats, Ints, Words, even, mix

# Fact: department, population in thousands (INSEE 2021, rounded), school zone. The largest, and some small ones.
DEPARTMENTS: Final = (
    ("59", 2610, "B"), ("75", 2130, "C"), ("13", 2060, "B"), ("69", 1890, "A"), ("93", 1670, "C"), ("33", 1650, "A"),
    ("92", 1630, "C"), ("44", 1460, "B"), ("78", 1460, "C"), ("62", 1460, "B"), ("77", 1440, "C"), ("31", 1430, "C"),
    ("94", 1410, "C"), ("38", 1280, "A"), ("76", 1250, "B"), ("34", 1200, "C"), ("67", 1150, "B"), ("06", 1100, "B"),
    ("35", 1100, "B"), ("83", 1090, "B"), ("57", 1050, "B"), ("29", 920, "B"), ("74", 840, "A"), ("60", 830, "B"),
    ("49", 820, "B"), ("63", 660, "A"), ("80", 570, "B"), ("87", 370, "A"), ("19", 240, "A"), ("48", 77, "C"),
)  # fmt: skip
POPULATION: Final = np.array([float(row[1]) for row in DEPARTMENTS])
CODES: Final = np.array([int(row[0]) for row in DEPARTMENTS], np.int64)
ZONES: Final = np.array([row[2] for row in DEPARTMENTS])

HOME_SHARE: Final = 0.7
"""Fact: share of an account's look-ups whose person was born in the account's department."""


LIVING: Final = 4_000_000
"""Assumption: persons of each department."""


def identifiers(department: Ints, person: Ints | Words) -> Ints:
    """Return the 13-digit number of the `person`-th insured of a department (an index of `DEPARTMENTS`)."""
    word = mix(department, person)
    parts = [
        (5 + (word & np.uint64(1)), 10),
        ((np.uint64(26) + (word >> np.uint64(1)) % np.uint64(97)) % np.uint64(100), 100),
        (1 + (word >> np.uint64(11)) % np.uint64(12), 100),
        (CODES[department], 100),
        (1 + (word >> np.uint64(17)) % np.uint64(400), 1000),
        (1 + (word >> np.uint64(29)) % np.uint64(800), 1000),
    ]
    number = np.zeros(len(department), np.int64)
    for digits, size in parts:
        number = number * size + digits.astype(np.int64)
    return number


def anywhere(count: int, rng: np.random.Generator) -> Ints:
    """Draw identifiers from all over France, as on a list bought from another leak."""
    department = rng.choice(len(CODES), count, p=POPULATION / POPULATION.sum())
    return identifiers(department.astype(np.int64), rng.integers(0, LIVING, count))


def near(department: Ints, share: float, rng: np.random.Generator) -> Ints:
    """Draw identifiers of which `share` are from the departments given, the others from all over France."""
    strangers = anywhere(len(department), rng)
    person = rng.integers(0, LIVING, len(department))
    return np.where(rng.random(len(department)) < share, identifiers(department, person), strangers)


def sequence(count: int, rng: np.random.Generator) -> Ints:
    """Return consecutive identifiers from a random first one."""
    return anywhere(1, rng) + np.arange(count, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patients:
    """Whom each account looks up. Arrays of one value an account."""

    department: Ints
    returning: Floats
    panel: Ints
    turnover: Floats
    national: Flags

    def draw(self, account: Ints, day: Ints, rng: np.random.Generator, fresh: Flags, home: Floats) -> Ints:
        """Draw the person of each look-up: one of the account's panel of that day, or somebody new.

        A panel is a window over the account's own endless list of persons: each day some leave it and others come.
        `fresh`: surely somebody new; `home`: probability of having been born in the account's department.
        """
        count = len(account)
        back = (rng.random(count) < self.returning[account]) & ~fresh
        # squared: some persons come far more often than others
        offset = (rng.random(count) ** 2 * self.panel[account]).astype(np.int64)
        known = np.floor(self.turnover[account] * day).astype(np.int64) + offset
        person = np.where(back, known, rng.integers(1 << 30, 1 << 40, count))
        word = mix(account, person, 11)
        near = (even(mix(word, 5)) < home) & ~self.national[account]
        sums = np.cumsum(POPULATION) / POPULATION.sum()
        elsewhere = np.searchsorted(sums, even(mix(word, 6)))
        department = np.where(near, self.department[account], elsewhere).astype(np.int64)
        return identifiers(department, word % np.uint64(LIVING))


_BY_CODE: Final = np.argsort(CODES)


def kin(subject: Ints, rng: np.random.Generator) -> Ints:
    """Return one of two relatives of each person, always the same two, born in the same department."""
    code = subject // 1_000_000 % 100
    department = _BY_CODE[np.searchsorted(CODES[_BY_CODE], code)]
    return identifiers(department, mix(subject, rng.integers(0, 2, len(subject))) % np.uint64(LIVING))
