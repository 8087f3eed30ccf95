"""Say when an attacker reads and what: the hours, days, pauses, amounts and lists that plans are made of."""

from typing import TypeAlias

import numpy as np
import polars as pl

from detector.lab.simulate import portal
from detector.lab.simulate.intrusion import Plan, Scene
from detector.lab.simulate.rhythm import Floats, Ints
from detector.lab.simulate.subjects import anywhere, near

Rng: TypeAlias = np.random.Generator


def moment(scene: Scene, day: int, hours: str, rng: Rng) -> float:
    """Draw a start: 22 h to 3 h by night, 9 h to 16 h in office hours."""
    hour = rng.uniform(22, 27) if hours == "night" else rng.uniform(9, 16)
    return float(scene.span.at(day, hour))


def window(scene: Scene, day: Ints, hours: str, rng: Rng) -> Floats:
    """Draw moments within the attacker's hours of each day: 22 h to 5 h, or 8 h 30 to 18 h 30."""
    low, high = (22.0, 29.0) if hours == "night" else (8.5, 18.5)
    return scene.span.at(day, rng.uniform(low, high, len(day)))


def paced(start: float, count: int, gap_s: float, jitter: float, rng: Rng) -> Floats:
    """Return `count` moments, each some `gap_s` after the one before: jitter 0.1 is a program, 0.8 nearly a person."""
    return start + np.cumsum(gap_s * np.exp(rng.normal(0, jitter, count)))


def days_from(scene: Scene, first: int, length: int, hours: str) -> Ints:
    """Return the days of a longer attack; office attacks rest when offices do."""
    days = np.arange(first, min(first + length, scene.span.days))
    chosen = days[scene.span.working[days]] if hours == "office" else days
    return chosen if len(chosen) else days


def amount(scene: Scene, low: int, high: int, rng: Rng) -> int:
    """Draw how many records a larger theft means to read, scaled by the scene's size."""
    return max(30, int(np.exp(rng.uniform(np.log(low), np.log(high))) * scene.size))


def pause(low_s: float, high_s: float, rng: Rng) -> float:
    """Draw an attacker's usual pause: some take their time."""
    return float(np.exp(rng.uniform(np.log(low_s), np.log(high_s))))


def reading(
    at: Floats, account: Ints | int, rng: Rng, known: float = 0.93, subject: Ints | None = None, **more: object
) -> Plan:
    """Read a list of identifiers, `known` of which exist; without `subject` one from all over the country."""
    count = len(at)
    who = np.broadcast_to(np.asarray(account, np.int64), (count,)).copy()
    listed = anywhere(count, rng) if subject is None else subject
    return Plan(at=at, account=who, subject=listed, found=rng.random(count) < known, **more)  # type: ignore[arg-type]


def local_list(scene: Scene, account: Ints, rng: Rng, share: float = 0.9) -> Ints:
    """Return a list of persons for each read, `share` of them from the department of the account read through."""
    return near(scene.people.patients.department[account], share, rng)


def recent(scene: Scene, victim: int, until_s: float) -> Ints:
    """Return the persons that an account's holder looked up before a moment, the latest first."""
    shown = scene.work.filter(
        (pl.col("account") == victim) & (pl.col("page") == portal.RIGHTS) & (pl.col("at") < int(until_s * 1e6))
    ).sort("at", descending=True)
    return shown["subject"].unique(maintain_order=True).to_numpy()


def open_session(scene: Scene, victim: int, day: int) -> tuple[float, int]:
    """Return a moment of a victim's working day and the number of the session open then; 0 where it never worked."""
    shown = pl.col("page") == portal.RIGHTS
    own = scene.work.filter((pl.col("account") == victim) & (pl.col("session") > 0) & shown).sort("at")
    if own.is_empty():
        return float(scene.span.at(day, 9.0)), 0
    later = own.filter(pl.col("at") >= scene.span.at(day, 7.0) * 1e6)
    row = (later if later.height else own).row(min(3, max(later.height - 1, 0)), named=True)
    return row["at"] / 1e6, int(row["session"])
