"""Simulate a portal's log: ordinary work of many professionals, attacks among it, and the truth about both.

The same seed and options give the same bytes. Everything is columns; five million lines take less than two minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from detector.errors import DetectorError
from detector.lab.simulate import (
    background,
    confounders,
    intrusion,
    labels,
    population,
    shapes,
    upheavals,
    volumes,
    work,
    write,
)
from detector.lab.simulate.readme import describe
from detector.lab.simulate.rhythm import DAY_S, Span, stream

FORMATS: Final = tuple(write.FILES)
SHAPES: Final = tuple(shapes.SHAPES)
NETWORKS: Final = intrusion.NETWORKS
HOURS: Final = intrusion.HOURS
EVENTS: Final = (*upheavals.KINDS, *confounders.KINDS)
DEFAULT_START: Final = date(2026, 3, 2)
EVENTS_FROM_DAYS: Final = 14
"""In a shorter log no upheaval happens: there would be no ordinary day to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What was written: the files, how much, and the attacks as labelled."""

    log: Path
    lines: int
    bytes: int
    accounts: int
    active_account_days: int
    attacks: tuple[dict[str, Any], ...]


def simulate(
    out_dir: Path,
    *,
    seed: int = 1,
    accounts: int = 300,
    days: int = 28,
    start: date = DEFAULT_START,
    attacks: Sequence[str] = ("viamedis",),
    size: float = 1.0,
    events: Sequence[str] = EVENTS,
    log_format: str = "combined_session",
    compress: bool = False,
) -> Simulated:
    """Write a labelled portal log into `out_dir`.

    Args:
        out_dir: made when missing; files of an earlier run are replaced.
        seed: the same seed and options give the same files.
        accounts: log-ins of professionals and vendors.
        days: local days from `start` on.
        start: first local day.
        attacks: `SHAPE`, `SHAPE:NETWORK` or `SHAPE:NETWORK:HOURS`, once an attack; or a name of `shapes.GROUPS`.
        size: scales what the larger attacks read.
        events: of `EVENTS`, those that happen (none in less than two weeks).
        log_format: one of `FORMATS`.
        compress: write the log as .gz.

    Raises:
        DetectorError: an attack, event or format has no such name, or there is nothing to simulate.
    """
    wanted = _checked(attacks, events, log_format, accounts, days)
    span = Span(start, days)
    people = population.populate(seed, accounts, span)
    chosen = tuple(events) if days >= EVENTS_FROM_DAYS else ()
    happen, confounding = upheavals.arrange(seed, span, chosen), confounders.arrange(seed, people, span, chosen)
    means = happen.volumes(confounding.volumes(volumes.volumes(seed, people, span)), people)
    people = population.with_places(people, upheavals.vendor_places(people, seed))
    ordinary = pl.concat(work.ordinary(seed, people, span, means, happen, confounding))
    scene = intrusion.Scene(
        people=people, span=span, means=means, work=ordinary, size=size, taken=np.zeros(accounts, bool)
    )
    staged, plans = _attack(seed, wanted, scene)
    frame = happen.fail(_within(span, [ordinary, background.noise(seed, accounts, span), *staged]))
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / (write.FILES[log_format] + (".gz" if compress else ""))
    names = [*people.names, *write.strangers(background.STRANGERS)]
    offsets, written = write.log(frame, names, seed, path, log_format)
    head = {"seed": seed, "population": accounts, "format": log_format, "log": path.name}
    told = labels.write_truth(frame.with_columns(offsets.alias("log.offset")), names, span, plans, out_dir, head)
    write.directory(people, out_dir / "accounts.csv")
    unusual = confounding.told(people, span)
    unusual.write_csv(out_dir / "unusual.csv")
    (out_dir / "detector.yml").write_text(write.configuration(log_format), "utf-8")
    (out_dir / "README.md").write_text(describe(path.name, seed, people, span, happen, unusual, told, size), "utf-8")
    return Simulated(
        log=path, lines=frame.height, bytes=written, accounts=accounts, attacks=tuple(told[1:]),
        active_account_days=told[0]["active_account_days"],
    )  # fmt: skip


def _within(span: Span, frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Put all requests in the order of time and leave out what lies outside the span."""
    first, last = int(span.offsets[0]) * 1_000_000, int(span.offsets[-1] + DAY_S) * 1_000_000
    frame = pl.concat(frames).filter(pl.col("at").is_between(first, last, closed="left"))
    return frame.sort("at", maintain_order=True)


def _checked(
    attacks: Sequence[str], events: Sequence[str], log_format: str, accounts: int, days: int
) -> list[tuple[str, str | None, str | None]]:
    """Read what was asked for; say all that is wrong with it at once."""
    faults = [] if log_format in FORMATS else [f"no log format {log_format!r}: required one of {', '.join(FORMATS)}"]
    faults += [f"no event {one!r}: required one of {', '.join(EVENTS)}" for one in events if one not in EVENTS]
    faults += [] if accounts >= 1 else [f"accounts: required at least 1, came {accounts}"]
    faults += [] if days >= 1 else [f"days: required at least 1, came {days}"]
    spelled = [one for text in attacks for one in shapes.GROUPS.get(text, (text,))]
    wanted = []
    for text in spelled:
        try:
            wanted.append(parse_attack(text))
        except DetectorError as fault:
            faults.append(str(fault))
    if faults:
        raise DetectorError("\n".join(faults))
    return wanted


def parse_attack(text: str) -> tuple[str, str | None, str | None]:
    """Split `SHAPE[:NETWORK[:HOURS]]`; None where the seed shall choose.

    Raises: `DetectorError` with the names that exist.
    """
    parts = text.split(":")
    if len(parts) > 3:
        raise DetectorError(f"attack {text!r}: required SHAPE[:NETWORK[:HOURS]]")
    shape = shapes.SHAPES.get(parts[0])
    if shape is None:
        raise DetectorError(f"no attack shape {parts[0]!r}: required one of {', '.join(SHAPES)}")
    for what, value, allowed in zip(("network", "hours"), parts[1:], (shape.networks, shape.hours), strict=False):
        if value and value not in allowed:
            raise DetectorError(f"attack {text!r}: {what} {value!r}, required one of {', '.join(allowed)}")
    network, hours = [*parts[1:], "", ""][:2]
    return parts[0], network or None, hours or None


def _attack(
    seed: int, wanted: list[tuple[str, str | None, str | None]], scene: intrusion.Scene
) -> tuple[list[pl.DataFrame], list[dict[str, Any]]]:
    """Plan and carry out each attack with a random stream of its own; no account is attacked twice."""
    frames, told = [], []
    for number, (name, network, hours) in enumerate(wanted):
        rng = stream(seed, "attack", name, str(number))
        shape = shapes.SHAPES[name]
        network = network or str(rng.choice(shape.networks))
        hours = hours or str(rng.choice(shape.hours))
        plan = shape.plan(scene, hours, rng)
        frames.append(intrusion.carry_out(number, network, plan, scene, rng))
        told.append({"attack": f"{name}-{number}", "shape": name, "network": network, "hours": hours})
    return frames, told
