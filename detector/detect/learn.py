"""Learn closed days: the columns of a day become one small record an account, and its models learn it."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import polars as pl

from detector.context.day import ACCOUNT, TRAITS, Day
from detector.context.store import Store
from detector.detect.baseline import BEFORE, over_days
from detector.detect.models.account import AccountModels, ClosedDay, Cohort, learn_counts
from detector.detect.models.features import COUNTS

NOBODY: Final = {"persons": 0, "strangers": 0, "ended": 0, "unbilled": 0, "areas": {}}


def closed_days(
    day: Day, tallies: pl.DataFrame, limits: pl.DataFrame, everybody: Mapping[int, float], today: date
) -> list[tuple[str, ClosedDay]]:
    """Return the day of each account, by name, so that learning has one order. `everybody`: areas' shares so far.

    Loops once an account.
    """
    counts = (
        day.totals()
        .join(tallies, on=ACCOUNT, how="left")
        .join(limits.select(ACCOUNT, *BEFORE.values()), on=ACCOUNT, how="left")
        .with_columns(over_days())
        .with_columns(pl.col(BEFORE.keys()).fill_null(math.nan))
        .select(ACCOUNT, *(pl.col(feature.name).fill_null(0).cast(pl.Float64) for feature in COUNTS))
        .sort(ACCOUNT)
    )
    traits = {trait: _values(day.places, trait) for trait in TRAITS}
    hours, served = _values(day.slots, "hour_of_week"), _clienteles(day.shown())
    columns = {name: counts.get_column(name).to_list() for name in counts.columns}
    return [
        (
            account,
            ClosedDay(
                ordinal=today.toordinal(),
                counts={feature.name: columns[feature.name][row] for feature in COUNTS},
                traits={trait: frozenset(traits[trait].get(account, ())) for trait in TRAITS},
                hours=frozenset(hours.get(account, ())),
                clientele={**served.get(account, NOBODY), "everybody": everybody},
            ),
        )
        for row, account in enumerate(columns[ACCOUNT])
    ]


def _values(frame: pl.DataFrame, column: str) -> dict[str, list[Any]]:
    """Return the distinct values of each account, an equal one being the same object. A few turns an account."""
    pairs = frame.select(ACCOUNT, column).drop_nulls().unique()
    found: dict[str, list[Any]] = {}
    same: dict[Any, Any] = {}
    for account, value in zip(*(pairs.get_column(name).to_list() for name in (ACCOUNT, column)), strict=True):
        found.setdefault(account, []).append(same.setdefault(value, value))
    return found


def _clienteles(shown: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return what each account's day teaches of whom it looks up. Shapes: DISPLAYS -> one entry an account."""
    looks = shown.filter("first_look")
    counts = looks.group_by(ACCOUNT).agg(
        pl.len().alias("persons"),
        pl.col("stranger").sum().alias("strangers"),
        pl.col("unbilled").count().alias("ended"),
        pl.col("unbilled").sum(),
    )
    area = "portal.subject_area"
    strangers = looks.filter(pl.col("stranger") & pl.col(area).is_not_null())
    placed = strangers.group_by(ACCOUNT, area, maintain_order=True).len()  # as they came: another key, another number
    found = {row.pop(ACCOUNT): row | {"areas": {}} for row in counts.to_dicts()}
    for account, where, count in placed.iter_rows():
        found[account]["areas"][where] = count
    return found


def learn(
    days: Sequence[tuple[str, ClosedDay]],
    professions: Mapping[str, str],
    accounts: Store[AccountModels],
    cohorts: Store[Cohort],
    everybody: str,
) -> None:
    """Teach cohorts first, with the accounts as they stood, then each account its own day; write both."""
    if not days:
        return
    owns = [(account, accounts.get(account) or AccountModels()) for account, _ in days]
    members: dict[str, list[tuple[AccountModels, ClosedDay]]] = {}
    for (account, own), (_, day) in zip(owns, days, strict=True):
        for name in {everybody, professions.get(account, everybody)}:
            members.setdefault(name, []).append((own, day))
    for name, theirs in members.items():
        cohort = cohorts.get(name) or Cohort()
        cohort.learn_many(theirs)
        cohorts.put([(name, cohort)])
    together = [(own, day) for (_, own), (_, day) in zip(owns, days, strict=True)]
    learn_counts(together)
    for own, day in together:
        own.learn(day)
    accounts.put(owns)
