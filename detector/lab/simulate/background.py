"""Add what every public portal sees: a monitor, scanners, and somebody's guesses at passwords."""

from typing import Final

import numpy as np
import polars as pl

from detector.lab.simulate import clients, places, portal
from detector.lab.simulate.rhythm import DAY_S, Span, stream

STRANGERS: Final = 50_000
"""Names on the lists of guessers that no account has; their indices come behind the accounts'."""


def noise(seed: int, people: int, span: Span) -> pl.DataFrame:
    """Return requests of nobody in particular. Assumptions: a probe every 5 minutes, 40 scans, 8 guesses a day."""
    rng = stream(seed, "background")
    first, total = float(span.offsets[0]), span.days * DAY_S
    probes = np.asarray(first + np.arange(0, total, 300) + 0.4, np.float64)
    probe = places.draw("hosting", 1, rng)
    zero = np.zeros(len(probes), np.int64)
    frames = [
        portal.requests(
            len(probes), rng, at=probes, account=-1, named=False, page=portal.HEALTH,
            address=probe.address(zero, zero), client=clients.at(zero + clients.INDEX["monitor"], zero, 0),
        )
    ]  # fmt: skip
    for kind, a_day, pages, status in (
        ("scanner", 40, (portal.ENV, portal.WORDPRESS, portal.LOGIN_PAGE), 404),
        ("guess", 8, (portal.LOGIN,), 401),
    ):
        count = int(rng.poisson(a_day * span.days))
        at = np.sort(first + rng.random(count) * total)
        page = rng.choice(pages, count)
        crowd = places.Places.join([places.draw(where, max(count // 2, 1), rng) for where in ("hosting", "abroad")])
        row = rng.integers(0, len(crowd.base), count)
        family = np.full(count, clients.INDEX["scanner" if kind == "scanner" else "python_requests"])
        seconds = at.astype(np.int64)
        known = rng.random(count) < 0.3
        who = np.where(known, rng.integers(0, people, count), people + rng.integers(0, STRANGERS, count))
        frames.append(
            portal.requests(
                count, rng, at=at, account=who if kind == "guess" else -1, named=kind == "guess", page=page,
                status=np.where(page == portal.LOGIN_PAGE, 200, status), address=crowd.address(row, seconds),
                client=clients.at(family, seconds, 0),
            )
        )  # fmt: skip
    return pl.concat(frames)
