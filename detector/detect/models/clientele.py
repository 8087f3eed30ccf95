"""Learn whom an account looks up, and how likely its look-ups are those of somebody who reads a list.

A professional's look-ups are mostly of persons who return, from around the practice, and end in a claim. Those of a
thief are of persons never seen before, from everywhere, and end in nothing. Each look-up is weighed by how much
likelier it is under the second habit than under the first, the account's own:

    stranger        (1 - e) / p                  p: the account's share of strangers
    acquaintance    e / (1 - p)                  e: a thief's share of acquaintances, `SLIP`
    and a stranger's area a
                    q(a) / ((1 - l) q(a) + l f(a))   q: everybody's areas, f: the account's own, l: share from its own
    and whether a claim followed the view before, as for strangers

The shares p and f move with what the session at hand has shown so far (Polya's urn), so that a duty at a strange place
or a new clinic, which differ from the habit in one steady way, lose weight while they last; a list keeps surprising.

The products are averaged over thieves who make up a quarter, half and all of the look-ups. If the habit holds, such an
average passes 1/x with a chance of at most x, whenever one looks: its log10 is a surprise that needs no waiting.

Source: J. Ville, Etude critique de la notion de collectif (1939); Ramdas et al., "Game-theoretic statistics and safe
anytime-valid inference", Statistical Science 38 (2023); the urn: Blackwell and MacQueen, Ann. Statist. 1 (1973).
"""

import math
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import polars as pl
from river.base import AnomalyDetector

from detector.detect.models.packed import pack, unpack

SLIP: Final = 0.02
"""Share of a thief's look-ups that happen to be of somebody the account knows."""

URN: Final = 20.0
"""Look-ups that a habit weighs against those of the session at hand."""

SHARES: Final = (0.25, 0.5, 1.0)
"""Shares of the look-ups that are the thief's."""

BILLS: Final = 0.5
"""How much of a missing claim counts: claims are sent in batches, so that one that is missing is seldom alone."""

FADE: Final = 0.97
PRIOR_PERSONS: Final = 100.0
"""Look-ups of peers mixed into an account's own: so many that one abused from its first day, whose only habit is its
thief's, is held against its peers for its first days.

Source: validation seeds 11, 12 and 21 to 23, where 15 missed one such account more at the same false alerts."""

PRIOR_LOCAL: Final = 20.0
"""Look-ups from nowhere in particular that an account's own areas must outweigh."""

MOST_AREAS: Final = 24
MOST_LOCAL: Final = 0.95

LOOK: Final = pl.Schema(
    {
        "key": pl.UInt64,
        "stranger": pl.Boolean,
        "portal.subject_area": pl.UInt64,
        "unbilled": pl.Boolean,
        "new": pl.Float64,
        "bare": pl.Float64,
        "local": pl.Float64,
        "own": pl.Float64,
        "all": pl.Float64,
    }
)
"""A look-up as it is weighed: the group it belongs to, what it is, and the habit it is held against.

- `new`, `bare`: the account's share of strangers and of views without a claim; null while cold
- `local`: share of strangers from its own areas; `own`, `all`: share of this area among those, and among everybody's
"""

LEDGER: Final = pl.Schema(
    {"key": pl.UInt64}
    | dict.fromkeys(("looks", "strangers", "placed", "outside", "ended", "lacking"), pl.Int64)
    | {f"sum.{share}": pl.Int64 for share in SHARES}
)
"""What a group came to: counts, and the log10 of each product in millionths. `outside`: strangers not from its areas.

Whole numbers, since their sum is the same however the look-ups are cut into parts.
"""

MILLION: Final = 1_000_000
DIGITS: Final = 4
"""Digits of a surprise: the last ones of a logarithm depend on where in a column it stands."""

PLACED: Final = pl.Schema({"key": pl.UInt64, "portal.subject_area": pl.UInt64, "placed_here": pl.Int64})


def weigh(looks: pl.DataFrame, ledger: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """Add to each look-up the counts of its group so far, itself included, and `evidence`, its group's surprise.

    Shapes: LOOK in event time, LEDGER and PLACED before them -> the same rows and order with LEDGER's columns,
    `placed_here`, `evidence`, and `weight`, what the look-up itself has added: log10 of how much likelier a thief's.
    """
    area = "portal.subject_area"
    here = pl.col("stranger") & pl.col(area).is_not_null()
    marks = {
        "looks": pl.lit(1),
        "strangers": pl.col("stranger"),
        "placed": here,
        "outside": here & (pl.col("own") <= pl.col("all")),
        "ended": pl.col("unbilled").is_not_null(),
        "lacking": pl.col("unbilled").fill_null(False),
    }
    carried = looks.join(ledger.select("key", pl.exclude("key").name.prefix("past.")), on="key", how="left",
                         maintain_order="left").join(
        placed.select("key", area, pl.col("placed_here").alias("past.placed_here")), on=["key", area], how="left",
        nulls_equal=True, maintain_order="left")  # fmt: skip
    carried = carried.with_columns(pl.col("^past\\..*$").fill_null(0))
    counted = carried.with_columns(
        *(_running(mark, ["key"], name) for name, mark in marks.items()),
        _running(here, ["key", area], "placed_here"),
        *((mark if name != "looks" else pl.lit(1)).cast(pl.Int64).alias(f"is.{name}") for name, mark in marks.items()),
    )
    summed = counted.with_columns(_weight().alias("weight")).with_columns(
        (_millionths(share).cum_sum().over("key") + pl.col(f"past.sum.{share}")).alias(f"sum.{share}")
        for share in SHARES
    )
    sums = [pl.col(f"sum.{share}") / MILLION for share in SHARES]
    top = pl.max_horizontal(sums)
    evidence = top + pl.mean_horizontal([10 ** (one - top) for one in sums]).log10()
    return summed.with_columns(evidence.round(DIGITS).alias("evidence")).drop(pl.selectors.matches(r"^(past|is)\."))


def _millionths(share: float) -> pl.Expr:
    weight = (1 - share + share * 10 ** pl.col("weight")).log10()
    return (weight * MILLION).round().cast(pl.Int64)


def _running(mark: pl.Expr, over: list[str], name: str) -> pl.Expr:
    one = pl.lit(1, pl.Int64) if name == "looks" else mark.cast(pl.Int64)
    count = pl.int_range(1, pl.len() + 1, dtype=pl.Int64) if name == "looks" else one.cum_sum()
    return (count.over(over) + pl.col(f"past.{name}")).alias(name)


def _before(name: str) -> pl.Expr:
    return pl.col(name) - pl.col(f"is.{name}")


def _share(habit: str, hits: str, tries: str) -> pl.Expr:
    share = (URN * pl.col(habit) + _before(hits)) / (URN + _before(tries))
    return share.clip(SLIP, 1 - SLIP)


def _weight() -> pl.Expr:
    """Return the log10 of how much likelier a thief's a look-up is; 0 where the habit is cold."""
    new, bare = _share("new", "strangers", "looks"), _share("bare", "lacking", "ended")
    place = (URN * pl.col("own") + pl.col("placed_here") - pl.col("is.placed")) / (URN + _before("placed"))
    apart = -(1 - pl.col("local") + pl.col("local") * place / pl.col("all")).log10()
    met = pl.when("stranger").then(((1 - SLIP) / new).log10()).otherwise((SLIP / (1 - new)).log10())
    ended = pl.when("unbilled").then(((1 - SLIP) / bare).log10()).otherwise((SLIP / (1 - bare)).log10())
    claims = pl.when(pl.col("unbilled").is_not_null()).then(ended * BILLS)
    placed = pl.when(pl.col("is.placed") == 1).then(apart)
    return met.fill_null(0.0) + placed.fill_null(0.0) + claims.fill_null(0.0)


class Clientele(AnomalyDetector):
    """Shares of strangers and of views without a claim, and the areas that strangers are from; days fade.

    Learns a closed day: `persons` looked up, `strangers` among them, `ended` views and those `unbilled`, and `areas`,
    strangers by area, with `everybody`, each area's share among all accounts.

    Cold: `score_one` is None before the first look-up.
    """

    def __init__(self, fade: float = FADE) -> None:
        self.fade = fade
        self.persons = self.strangers = self.ended = self.unbilled = 0.0
        self.placed = self.judged = self.local = 0.0
        self._areas = np.zeros(0, np.uint64), np.zeros(0, np.float32)

    @property
    def areas(self) -> dict[int, float]:
        """Weight of each area that strangers were from; held as two arrays, in a fifth of the room."""
        areas, weights = self._areas
        return dict(zip(areas.tolist(), weights.tolist(), strict=True))

    @areas.setter
    def areas(self, weights: Mapping[int, float]) -> None:
        self._areas = np.array(list(weights), np.uint64), np.array(list(weights.values()), np.float32)

    def area_shares(self) -> dict[int, float]:
        """Return the share of each area among the account's strangers."""
        return {area: weight / self.placed for area, weight in self.areas.items()} if self.placed else {}

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn one closed day."""
        everybody, areas = x.get("everybody", {}), x.get("areas", {})
        weights, placed = self.areas, self.placed or 1.0
        near = sum(
            count * self._nearness(weights.get(area, 0.0) / placed, everybody[area])
            for area, count in areas.items()
            if area in everybody
        )
        told = sum(count for area, count in areas.items() if area in everybody) if self.placed else 0
        self.local = self.local * self.fade + (near if self.placed else 0.0)
        self.judged = self.judged * self.fade + told
        for name in ("persons", "strangers", "ended", "unbilled"):
            setattr(self, name, getattr(self, name) * self.fade + x.get(name, 0))
        self.placed = self.placed * self.fade + sum(areas.values())
        weights = {area: weight * self.fade for area, weight in weights.items()}
        for area, count in areas.items():
            weights[area] = weights.get(area, 0.0) + count
        if len(weights) > self._most():
            heaviest = sorted(weights.items(), key=lambda one: -one[1])  # of equal ones those known longest
            weights = dict(heaviest[: self._most()])
        self.areas = weights

    def _most(self) -> int:
        return MOST_AREAS

    def _nearness(self, own: float, share: float) -> float:
        """Return how likely a stranger from an area is of the account's own, not anybody's: its share in either."""
        near, far = self.local_share * own, (1 - self.local_share) * share
        return near / (near + far) if near else 0.0

    @property
    def local_share(self) -> float:
        """The share of strangers that come from the account's own areas, 0 to MOST_LOCAL."""
        return min((self.local + PRIOR_LOCAL / 2) / (self.judged + PRIOR_LOCAL), MOST_LOCAL)

    def new_share(self, peers: Self | None = None) -> float | None:
        """Return the share of strangers among the persons looked up; None while all is cold."""
        return _mixed(self.strangers, self.persons, None if peers is None else peers.new_share())

    def bare_share(self, peers: Self | None = None) -> float | None:
        """Return the share of views that no claim followed; None while all is cold."""
        return _mixed(self.unbilled, self.ended, None if peers is None else peers.bare_share())

    def voice(self, peers: Self | None = None) -> float:
        """Return what one look-up of a thief's would weigh, log10, if it is a stranger from anywhere without a claim.

        0 where the habit tells nothing: an account with all new persons, from everywhere, that never claims.
        """
        shares = ((self.new_share(peers), 1.0), (self.bare_share(peers), BILLS))
        told = [weight * math.log10((1 - SLIP) / share) for share, weight in shares if share]
        return sum(max(each, 0.0) for each in told) - math.log10(1 - self.local_share if self.placed else 1.0)

    def score_one(self, x: dict[Any, Any]) -> float | None:  # type: ignore[override]
        """Return the surprise of a day: its acquaintances first, then its strangers, area by area."""
        if not self.persons:
            return None
        strangers = [area for area, count in x.get("areas", {}).items() for _ in range(int(count))]
        strangers += [None] * (int(x["strangers"]) - len(strangers))
        known = int(x["persons"]) - int(x["strangers"])
        everybody: Mapping[int, float] = x.get("everybody", {})
        own = self.area_shares()
        rows = [(False, None)] * known + [(True, area) for area in strangers]
        looks = pl.DataFrame(
            [
                {"key": 0, "stranger": new, "portal.subject_area": area, "unbilled": None, "new": self.new_share(),
                 "bare": None, "local": self.local_share if self.judged else 0.0,
                 "own": own.get(area, 0.0), "all": everybody.get(area, 0.01)}
                for new, area in rows
            ],
            schema=LOOK,
        )  # fmt: skip
        weighed = weigh(looks, pl.DataFrame(schema=LEDGER), pl.DataFrame(schema=PLACED))
        return float(weighed.get_column("evidence")[-1]) if rows else 0.0

    def numbers(self) -> list[Any]:
        """Return the state as plain numbers."""
        sums = (self.persons, self.strangers, self.ended, self.unbilled, self.placed, self.judged, self.local)
        return [*sums, *(pack(numbers) for numbers in self._areas)]

    @classmethod
    def from_numbers(cls, numbers: list[Any]) -> Self:
        """Rebuild the model that `numbers` told of."""
        model = cls()
        (model.persons, model.strangers, model.ended, model.unbilled, model.placed, model.judged, model.local,
         areas, weights) = numbers  # fmt: skip
        model._areas = unpack(areas, "<u8"), unpack(weights, "<f4")
        return model


class Crowd(Clientele):
    """The clientele of many accounts together: all areas are kept, and their shares told."""

    def _most(self) -> int:
        return 1000

    def shares(self) -> dict[int, float]:
        """Return every area's share, with one look-up added to each."""
        total = self.placed + len(self.areas) + 1
        return {area: (weight + 1) / total for area, weight in self.areas.items()}

    @property
    def unseen_share(self) -> float:
        """The share of an area that nobody was from yet."""
        return 1 / (self.placed + len(self.areas) + 1)


def _mixed(hits: float, tries: float, peers: float | None) -> float | None:
    if peers is None:
        return hits / tries if tries else None
    return (hits + PRIOR_PERSONS * peers) / (tries + PRIOR_PERSONS)
