"""Say who works on the portal: how much, when, on how many persons, from what kind of line.

Every figure is marked. *Fact*: the project's issue on the simulator names it (volumes of pharmacies, doctors and
opticians, vendors by the thousand, returning patients, Monday and Sunday) or an official calendar does. All others
are *assumptions*, chosen so that the professions differ about as much as their work does.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Profession:
    """One profession's habits.

    - `volume`: look-ups on a usual working day; `spread`: sigma of its log-normal between accounts
    - `hours`: weight of each local hour; `weekdays`: factor of Monday to Sunday
    - `batch`: share of look-ups made in quick runs (rounds billed at once), `batch_gap_s` apart on average
    - `returning`: share of look-ups of persons seen before, out of a `panel` that renews by `turnover` persons a day
    - `search`, `invoices`, `claim`: probability that a look-up starts by a search, opens invoices, ends in a claim
    - `lines`: weights of the work line: fixed, weekly, mobile, practice, egress, vendor
    - `devices`: work places (browsers) an account is used from
    """

    name: str
    prefix: str
    share: float
    volume: float
    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    returning: float
    panel: int
    turnover: float
    lines: tuple[float, float, float, float, float, float]
    spread: float = 0.5
    batch: float = 0.1
    batch_gap_s: float = 15.0
    search: float = 0.6
    invoices: float = 0.12
    claim: float = 0.6
    devices: int = 1
    on_call: float = 0.0
    home: float = 0.3
    software: bool = False


_SHOP = (0, 0, 0, 0, 0, 0, 0, 0, 3, 9, 11, 10, 5, 3, 7, 9, 10, 11, 10, 4, 0.3, 0, 0, 0)
_DOCTOR = (0, 0, 0, 0, 0, 0, 0, 0.5, 6, 10, 11, 10, 5, 2, 6, 10, 10, 9, 6, 2, 0.8, 0.3, 0.1, 0)
_ROUNDS = (0, 0, 0, 0, 0, 0, 1, 4, 5, 5, 5, 6, 7, 6, 2, 2, 3, 5, 6, 5, 3, 2, 0.7, 0.1)
_OFFICE = (0, 0, 0, 0, 0, 0, 0, 0.5, 5, 10, 11, 9, 2, 3, 9, 10, 9, 5, 1, 0.3, 0.1, 0, 0, 0)
_CLOCK = (2, 1.5, 1.2, 1, 1, 1.2, 2, 4, 8, 10, 10, 9, 6, 6, 9, 9, 8, 7, 6, 5, 4, 3.5, 3, 2.5)
_MACHINE = (3, 2.5, 2.5, 2.5, 2.5, 2.5, 3, 4, 6, 8, 8, 8, 5, 5, 7, 8, 8, 7, 6, 5, 4, 4, 3.5, 3)

# Fact: Monday heaviest, Sunday 1 %. Assumption: the factors between.
_SHOP_WEEK = (1.25, 1.05, 1.0, 1.0, 1.05, 0.6, 0.01)
_DOCTOR_WEEK = (1.3, 1.05, 0.85, 0.95, 1.05, 0.3, 0.01)
_ROUNDS_WEEK = (1.25, 1.0, 1.0, 1.0, 1.05, 0.35, 0.012)
_CLOCK_WEEK = (1.2, 1.0, 1.0, 1.0, 1.0, 0.3, 0.02)
_MACHINE_WEEK = (1.15, 1.05, 1.0, 1.0, 1.0, 0.4, 0.05)

# Facts: volume of pharmacy 60, general practitioner 25, optician 4 to 12, vendor thousands;
# returning of nurse 0.85 and optician 0.10. The rest are assumptions.
PROFESSIONS: Final = (
    Profession(name="pharmacy", prefix="ph", share=0.26, volume=60, hours=_SHOP, weekdays=_SHOP_WEEK, returning=0.62,
               panel=300, turnover=4, lines=(60, 15, 2, 3, 20, 0), search=0.5, claim=0.85, devices=3,
               on_call=0.04, home=0.15),
    Profession(name="general practitioner", prefix="gp", share=0.17, volume=25, hours=_DOCTOR, weekdays=_DOCTOR_WEEK,
               returning=0.7, panel=250, turnover=2, lines=(40, 20, 5, 33, 2, 0), claim=0.7, on_call=0.03, home=0.4),
    Profession(name="specialist", prefix="sp", share=0.06, volume=16, hours=_DOCTOR, weekdays=_DOCTOR_WEEK,
               returning=0.4, panel=120, turnover=2, lines=(40, 15, 4, 31, 10, 0), claim=0.6, home=0.35),
    Profession(name="nurse", prefix="nu", share=0.15, volume=14, hours=_ROUNDS, weekdays=_ROUNDS_WEEK, returning=0.85,
               panel=32, turnover=0.4, lines=(15, 15, 50, 20, 0, 0), batch=0.6, batch_gap_s=18, search=0.3,
               invoices=0.2, claim=0.8, home=0.6),
    Profession(name="physiotherapist", prefix="pt", share=0.1, volume=14, hours=_DOCTOR, weekdays=_DOCTOR_WEEK,
               returning=0.8, panel=70, turnover=1.5, lines=(30, 20, 10, 40, 0, 0), batch=0.4, batch_gap_s=20,
               search=0.35, claim=0.75, home=0.45),
    Profession(name="dentist", prefix="de", share=0.09, volume=11, hours=_OFFICE, weekdays=_DOCTOR_WEEK,
               returning=0.5, panel=120, turnover=2, lines=(45, 20, 3, 32, 0, 0), invoices=0.35, claim=0.55),
    Profession(name="optician", prefix="op", share=0.1, volume=7, hours=_SHOP, weekdays=_SHOP_WEEK, returning=0.1,
               panel=12, turnover=0.2, lines=(55, 20, 2, 3, 20, 0), spread=0.35, batch=0, search=0.85, invoices=0.3,
               claim=0.45, home=0.15),
    Profession(name="hospital desk", prefix="ho", share=0.055, volume=85, hours=_CLOCK, weekdays=_CLOCK_WEEK,
               returning=0.2, panel=400, turnover=8, lines=(0, 0, 0, 0, 100, 0), search=0.8, invoices=0.05,
               claim=0.3, devices=5, home=0.0),
    Profession(name="software vendor", prefix="sv", share=0.015, volume=1800, hours=_MACHINE, weekdays=_MACHINE_WEEK,
               returning=0.6, panel=12000, turnover=120, lines=(0, 0, 0, 0, 0, 100), spread=0.6, batch=0.5,
               batch_gap_s=2.5, search=0.15, invoices=0.1, claim=0.6, home=0.0, software=True),
)  # fmt: skip


def trait(name: str) -> NDArray[np.float64]:
    """Return one field of all professions as an array."""
    return np.array([float(getattr(one, name)) for one in PROFESSIONS])
