"""Disturb the portal as real life does: an outage and the catch-up, a strike, a mass reset, a vendor that moves."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from detector.lab.simulate import places
from detector.lab.simulate.lines import SLOTS, WORK
from detector.lab.simulate.population import Population
from detector.lab.simulate.rhythm import DAY_S, Floats, Ints, Span, even, mix, stream

KINDS: Final = ("outage", "strike", "reset", "vendor_move")
NEVER: Final = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Upheavals:
    """What happens when; a moment (Unix seconds) or a day that is out of reach means never. All assumptions.

    - outage: 2 to 3 hours of a working day answer 502; 85 % of what was to be done is done in the hours after
    - strike: a working day on which half the accounts do a fifth of their work
    - reset: after an incident elsewhere all passwords are void; four in five accounts fail 1 to 4 times
    - vendor_move: half of the vendors' accounts come from another hosting network from a day on
    """

    outage: tuple[float, float] = (NEVER, NEVER)
    strike_day: int = -1
    reset_day: int = -1
    vendor_from: float = NEVER

    def volumes(self, means: Floats, people: Population) -> Floats:
        """Take the strike out of the mean volumes: shape (accounts, days)."""
        if self.strike_day >= 0:
            joins = even(mix(np.arange(len(people)), 41)) < 0.5
            means = means.copy()
            means[joins & ~people.software, self.strike_day] *= 0.2
        return means

    def shift(self, at: Floats, rng: np.random.Generator) -> Floats:
        """Move what fell into the outage behind it: people catch up within some two hours."""
        inside = (at >= self.outage[0]) & (at < self.outage[1]) & (rng.random(len(at)) < 0.85)
        return np.where(inside, self.outage[1] + rng.exponential(4000, len(at)) + 30, at)

    def fail(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Answer 502 to every request of the outage."""
        first, last = (int(min(moment, 9e11) * 1e6) for moment in self.outage)
        down = (pl.col("at") >= first) & (pl.col("at") < last)
        return frame.with_columns(
            status=pl.when(down).then(pl.lit(502, pl.Int16)).otherwise("status"),
            bytes=pl.when(down).then(pl.lit(310, pl.Int32)).otherwise("bytes"),
        )

    def forgotten(self, account: Ints, day: Ints, rng: np.random.Generator) -> Ints:
        """Return the failed tries that the reset adds to log-ons: the first of each account from that day on."""
        if self.reset_day < 0:
            return np.zeros(len(account), np.int64)
        after = np.flatnonzero(day >= self.reset_day)
        _, first = np.unique(account[after], return_index=True)
        wrong = np.zeros(len(account), np.int64)
        wrong[after[first]] = np.where(rng.random(len(first)) < 0.8, rng.integers(1, 5, len(first)), 0)
        return wrong

    def moved_vendor(self, place: Ints, at: Floats, people: Population) -> Ints:
        """Send half of the vendors' accounts to the place they move to."""
        count = len(people)
        account = place % count
        moves = people.software[account] & (place // count == WORK) & (mix(account, 43) % np.uint64(2) == 0)
        return np.where(moves & (at >= self.vendor_from), SLOTS * count + account, place)


def arrange(seed: int, span: Span, kinds: tuple[str, ...]) -> Upheavals:
    """Choose the days of the upheavals asked for: different working days behind the first quarter of the span."""
    rng = stream(seed, "upheavals")
    days = np.flatnonzero(span.working & (np.arange(span.days) >= span.days // 4))
    chosen = rng.permutation(days)[: len(KINDS)]
    day = dict(zip(KINDS, (int(one) for one in chosen), strict=False))
    wanted = {kind: day[kind] for kind in kinds if kind in day}
    start = float(span.at(wanted["outage"], 9.5 + 5 * rng.random())) if "outage" in wanted else NEVER
    return Upheavals(
        outage=(start, start + 3600 * (2 + rng.random())) if "outage" in wanted else (NEVER, NEVER),
        strike_day=wanted.get("strike", -1),
        reset_day=wanted.get("reset", -1),
        vendor_from=float(span.at(wanted["vendor_move"], 3.0)) if "vendor_move" in wanted else NEVER,
    )


def vendor_places(people: Population, seed: int) -> places.Places:
    """Draw where each vendor's account would move to; put behind the population's places."""
    return places.draw("vendor", len(people), stream(seed, "vendor places"), pool=4, period_s=DAY_S // 12)
