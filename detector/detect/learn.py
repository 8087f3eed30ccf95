"""Learn closed days: the columns of a day become one small record an account, and its models learn it."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

import polars as pl

from detector.context.day import ACCOUNT, KEY, TRAITS, Day, keys_of, totals
from detector.context.store import Store
from detector.detect.baseline import BEFORE, over_days
from detector.detect.models.account import AccountModels, ClosedDay, Cohort, learn_counts
from detector.detect.models.features import COUNTS

PART: Final = 20_000
"""Accounts whose day is held as objects at once: some 100 MB. A constant, since sums of numbers depend on it."""

NOBODY: Final = {"persons": 0, "strangers": 0, "ended": 0, "unbilled": 0, "areas": {}}


class ClosedDays:
    """The running day at its end, account by account. `everybody`: areas' shares so far."""

    def __init__(
        self, day: Day, tallies: pl.DataFrame, limits: pl.DataFrame, everybody: Mapping[int, float], today: date
    ) -> None:
        self._day, self._everybody, self._ordinal = day, everybody, today.toordinal()
        self._counts = (
            totals(day.slots)
            .join(tallies, on=ACCOUNT, how="left")
            .join(limits.select(ACCOUNT, *BEFORE.values()), on=ACCOUNT, how="left")
            .with_columns(over_days())
            .with_columns(pl.col(BEFORE.keys()).fill_null(math.nan))
            .select(ACCOUNT, *(pl.col(feature.name).fill_null(0).cast(pl.Float64) for feature in COUNTS))
            .sort(ACCOUNT)
        )

    @property
    def accounts(self) -> list[str]:
        """Those active, by name, so that learning has one order."""
        return self._counts.get_column(ACCOUNT).to_list()

    def parts(self, accounts: Sequence[str]) -> Iterator[list[tuple[str, ClosedDay]]]:
        """Return the day of `accounts`, `PART` of them at once."""
        return (self.of(accounts[at : at + PART]) for at in range(0, len(accounts), PART))

    def of(self, accounts: Sequence[str]) -> list[tuple[str, ClosedDay]]:
        """Return the day of `accounts`, which are active, in their order. Loops once an account."""
        keys = keys_of(accounts)
        named = pl.DataFrame([pl.Series(ACCOUNT, accounts, dtype=pl.String), keys])
        frames = (self._day.places, ACCOUNT), (self._day.slots, ACCOUNT), (self._day.shown(), KEY)
        places, slots, shown = (frame.join(named, on=key, how="semi", maintain_order="left") for frame, key in frames)
        counts = named.join(self._counts, on=ACCOUNT, how="left", maintain_order="left")
        traits = {trait: _values(places, trait) for trait in TRAITS}
        hours, served = _values(slots, "hour_of_week"), _clienteles(shown)
        columns = {name: counts.get_column(name).to_list() for name in counts.columns}
        return [
            (
                account,
                ClosedDay(
                    ordinal=self._ordinal,
                    counts={feature.name: columns[feature.name][row] for feature in COUNTS},
                    traits={trait: frozenset(traits[trait].get(account, ())) for trait in TRAITS},
                    hours=frozenset(hours.get(account, ())),
                    clientele={**served.get(key, NOBODY), "everybody": self._everybody},
                ),
            )
            for row, (account, key) in enumerate(zip(accounts, keys, strict=True))
        ]


def _values(frame: pl.DataFrame, column: str) -> dict[str, list[Any]]:
    """Return the distinct values of each account, an equal one being the same object. A few turns an account."""
    pairs = frame.select(ACCOUNT, column).drop_nulls().unique()
    found: dict[str, list[Any]] = {}
    same: dict[Any, Any] = {}
    for account, value in zip(*(pairs.get_column(name).to_list() for name in (ACCOUNT, column)), strict=True):
        found.setdefault(account, []).append(same.setdefault(value, value))
    return found


def _clienteles(shown: pl.DataFrame) -> dict[int, dict[str, Any]]:
    """Return what each account's day teaches of whom it looks up. Shapes: DISPLAYS -> one entry an account."""
    looks = shown.filter("first_look")
    counts = looks.group_by(KEY).agg(
        pl.len().alias("persons"),
        pl.col("stranger").sum().alias("strangers"),
        pl.col("unbilled").count().alias("ended"),
        pl.col("unbilled").sum(),
    )
    area = "portal.subject_area"
    strangers = looks.filter(pl.col("stranger") & pl.col(area).is_not_null())
    placed = strangers.group_by(KEY, area, maintain_order=True).len()  # as they came: another key, another number
    found = {row.pop(KEY): row | {"areas": {}} for row in counts.to_dicts()}
    for key, where, count in placed.iter_rows():
        found[key]["areas"][where] = count
    return found


def learn(
    parts: Iterable[Sequence[tuple[str, ClosedDay]]],
    professions: Mapping[str, str],
    accounts: Store[AccountModels],
    cohorts: Store[Cohort],
    everybody: str,
) -> None:
    """Teach cohorts, with the accounts as they stood, and each account its own day, part by part; write both."""
    taught: dict[str, Cohort] = {}
    for days in parts:
        owns = [(account, accounts.get(account) or AccountModels()) for account, _ in days]
        together = [(own, day) for (_, own), (_, day) in zip(owns, days, strict=True)]
        members: dict[str, list[tuple[AccountModels, ClosedDay]]] = {}
        for (account, _), one in zip(owns, together, strict=True):
            for name in {everybody, professions.get(account, everybody)}:
                members.setdefault(name, []).append(one)
        for name, theirs in members.items():
            if name not in taught:
                taught[name] = cohorts.get(name) or Cohort()
            taught[name].learn_many(theirs)
        learn_counts(together)
        for own, day in together:
            own.learn(day)
        accounts.put(owns)
    for cohort in taught.values():
        cohort.close_day()
    cohorts.put(taught.items())
