"""Say when people work: weekdays, holidays, vacations, January, month ends, and the clock of local days."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final, TypeAlias
from zlib import crc32
from zoneinfo import ZoneInfo

import holidays
import numpy as np
from numpy.typing import NDArray

PARIS: Final = ZoneInfo("Europe/Paris")
DAY_S: Final = 86_400

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]
Flags: TypeAlias = NDArray[np.bool_]

# Fact: French school holidays by zone, first and last free day. Source: education.gouv.fr, calendars 2025-26, 2026-27.
SCHOOL: Final = {
    "A": (("2025-10-18", "2025-11-02"), ("2025-12-20", "2026-01-04"), ("2026-02-07", "2026-02-22"),
          ("2026-04-04", "2026-04-19"), ("2026-07-04", "2026-08-31"), ("2026-10-17", "2026-11-01"),
          ("2026-12-19", "2027-01-03"), ("2027-02-13", "2027-02-28"), ("2027-04-10", "2027-04-25")),
    "B": (("2025-10-18", "2025-11-02"), ("2025-12-20", "2026-01-04"), ("2026-02-14", "2026-03-01"),
          ("2026-04-11", "2026-04-26"), ("2026-07-04", "2026-08-31"), ("2026-10-17", "2026-11-01"),
          ("2026-12-19", "2027-01-03"), ("2027-02-20", "2027-03-07"), ("2027-04-17", "2027-05-02")),
    "C": (("2025-10-18", "2025-11-02"), ("2025-12-20", "2026-01-04"), ("2026-02-21", "2026-03-08"),
          ("2026-04-18", "2026-05-03"), ("2026-07-04", "2026-08-31"), ("2026-10-17", "2026-11-01"),
          ("2026-12-19", "2027-01-03"), ("2027-02-06", "2027-02-21"), ("2027-04-03", "2027-04-18")),
}  # fmt: skip


def stream(seed: int, *parts: str) -> np.random.Generator:
    """Return the random stream of one part: an option that changes one part leaves the others as they were."""
    return np.random.default_rng(np.random.SeedSequence([seed, *(crc32(part.encode()) for part in parts)]))


def mix(*values: Ints | Words | int) -> Words:
    """Hash integers, element by element, to 64 even bits: a choice that needs no memory.

    Source: Steele, Lea and Flood 2014, SplitMix64.
    """
    with np.errstate(over="ignore"):
        state = np.asarray(0x9E3779B97F4A7C15, np.uint64)
        for value in values:
            z = state ^ (np.asarray(value).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = np.asarray(z ^ (z >> np.uint64(31)), np.uint64)
    return state


def even(word: Words) -> Floats:
    """Turn hashes into numbers in [0, 1)."""
    return (word >> np.uint64(11)).astype(np.float64) / float(1 << 53)


@dataclass(frozen=True)
class Span:
    """The days that are simulated, as local days of France."""

    start: date
    days: int

    @cached_property
    def dates(self) -> tuple[date, ...]:
        """The local days."""
        return tuple(self.start + timedelta(days=day) for day in range(self.days))

    @cached_property
    def offsets(self) -> Ints:
        """Unix time, in seconds, of each day's 00:00 as if the offset of its noon held all day."""
        noons = [datetime(d.year, d.month, d.day, 12, tzinfo=PARIS).astimezone(UTC) for d in self.dates]
        return np.array([int(noon.timestamp()) - DAY_S // 2 for noon in noons], np.int64)

    @cached_property
    def weekdays(self) -> Ints:
        """Monday is 0."""
        return np.array([d.weekday() for d in self.dates], np.int64)

    @cached_property
    def free(self) -> Flags:
        """Public holidays of France."""
        calendar = holidays.country_holidays("FR", years=range(self.start.year, self.dates[-1].year + 1))
        return np.array([d in calendar for d in self.dates])

    @cached_property
    def working(self) -> Flags:
        """Neither weekend nor holiday."""
        return (self.weekdays < 5) & ~self.free

    def school(self, zone: str) -> Flags:
        """Tell the days on which the schools of a zone are closed."""
        return np.array([any(a <= d.isoformat() <= b for a, b in SCHOOL[zone]) for d in self.dates])

    def january(self, of_january: float, otherwise: float) -> Floats:
        """Return a factor a day: rights change with the year, so January is different."""
        return np.where([d.month == 1 for d in self.dates], of_january, otherwise).astype(np.float64)

    def month_end(self) -> Flags:
        """Tell the last three days of a month, when rounds are invoiced."""
        return np.array([(d + timedelta(days=3)).month != d.month for d in self.dates])

    def at(self, day: Ints | int, hour: Floats | float) -> Floats:
        """Return Unix seconds of a local hour of a day."""
        return np.asarray(self.offsets[day] + np.asarray(hour) * 3600.0, np.float64)

    def day_of(self, seconds: Floats) -> Ints:
        """Return the index of the local day of Unix seconds, kept inside the span."""
        return np.clip(np.searchsorted(self.offsets, seconds, side="right") - 1, 0, self.days - 1).astype(np.int64)

    def hour_of(self, seconds: Floats) -> Floats:
        """Return the local hour, 0 to 24, of Unix seconds."""
        return (seconds - self.offsets[self.day_of(seconds)]) / 3600.0


def clock(weights: tuple[float, ...]) -> Callable[[Floats], Floats]:
    """Return the function that turns even numbers into hours of the day that follow `weights`."""
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    return lambda u: np.interp(u * sums[-1], sums, np.arange(25.0))
