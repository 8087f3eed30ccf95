"""Watch each account's behaviour: count its running day, compare with its models, learn when the day closes."""

import math
import sqlite3
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from detector import schema
from detector.config import Config
from detector.context import frames, running
from detector.context.acquaintance import Acquaintance, pairs_of
from detector.context.day import ACCOUNT, DISPLAYS, KEY, TRAITS, Carry, Day, keys_of, marked, totals
from detector.context.runs import Runs
from detector.context.seen import Seen
from detector.context.store import Store
from detector.context.tenants import Tenants
from detector.detect import explain, learn, score
from detector.detect.baseline import EVERYBODY, Baselines, Expected, over_days
from detector.detect.campaign.campaigns import Campaigns
from detector.detect.lessons import Lessons
from detector.detect.lookups import BEST, LEAST, Lookups
from detector.detect.models.account import AccountModels, Cohort
from detector.detect.models.features import COUNTS, HOUR, TRAIT_FEATURES
from detector.detect.models.unrest import NEAR, Unrest
from detector.detect.withheld import Withheld
from detector.language import Words

MOST_COHORTS: Final = 1000
"""Professions held in memory; a directory has some dozens."""

REACHED: Final = pl.Schema({ACCOUNT: pl.String, "step": pl.Int64, "score": pl.Float64})
"""The greatest sum of an account's day so far, and the steps over the threshold it makes."""


class Behaviour:
    """The models of all accounts. `observe` parts of one local day in event time, then `close_day`.

    Deterministic: any cut of a day into parts gives the same signals, since a point depends on nothing
    but the account's events up to it and on models that change between days only.
    """

    def __init__(self, config: Config, database: sqlite3.Connection, *, durable: bool = True) -> None:
        self.config, self.words = config, Words.of(config.language)
        most = config.state.max_accounts_in_memory
        self.accounts = Store(database, "account", AccountModels.from_numbers, most=most, durable=durable)
        self.cohorts = Store(database, "cohort", Cohort.from_numbers, most=MOST_COHORTS, durable=durable)
        self.unrest = Store(database, "unrest", Unrest.from_numbers, most=1, durable=durable)
        self.baselines = Baselines(self.accounts, self.cohorts, config.models.learning_days)
        most_rows, least = config.state.max_rows_per_window, score.threshold(config.models)
        self.day, self.runs, self.lookups = Day(most_rows), Runs(most_rows), Lookups(most_rows)
        self.seen = Seen(database, config.state.retain_days)
        self.known, self.tenants = Acquaintance(database, most_rows), Tenants(database, most_rows)
        least = math.inf if "campaign" in config.models.families_off else least
        self.campaigns = Campaigns(least, database, most_rows, self.words, durable=durable)
        self.withheld = Withheld(database)
        self.held = pl.DataFrame(schema=DISPLAYS)
        self.refused_count = 0
        """Events of names that were new on a day with too many of them."""
        self.today: date | None = None
        self._clear()

    def _clear(self) -> None:
        self.day.clear()
        self.runs.clear()
        self.lookups.clear()
        self.known.clear()
        self.baselines.clear()
        self.tallies = pl.DataFrame(schema=running.TALLIES)
        self.reached = pl.DataFrame(schema=REACHED)
        self.areas = self.baselines.areas
        rise = (self.unrest.get(EVERYBODY) or Unrest()).rise(score.PER_TENFOLD)
        self.threshold = score.threshold(self.config.models) + rise

    def observe(self, events: pl.DataFrame, today: date) -> pl.DataFrame:
        """Count the events of one local day, or a part of it, and return what is surprising.

        Shapes: EVENT in event time -> SIGNAL, a row for each time an account's sum of surprise passes the
        threshold or grows by half.
        """
        self.today = today
        self.tenants.observe(events)
        if not self.config.models.enabled:
            return schema.empty(schema.SIGNAL)
        rows = self._admitted(marked(events))
        if rows.is_empty():
            return schema.empty(schema.SIGNAL)
        places = running.places_of(rows)
        self.baselines.look_up(places, today.toordinal())
        self.baselines.novelty = self.baselines.novelty.tail(self.day.most_rows)  # what left is asked again
        told, names = self.baselines.of(rows), rows.get_column(ACCOUNT).unique()
        carry = self.day.carry(names)
        rows = self._met(self.runs.count(rows))
        self.day.add(rows)
        past = self.lookups.of(rows.get_column(KEY))
        looks = self.lookups.observe(rows, told.novelty, told.habits, told.served, self.areas)
        together = self.campaigns.observe(rows, looks, today)
        watched = self._watched(rows, told, self.day.carry(names))
        if watched.is_empty():
            return together
        before = carry.places.join(told.novelty, on=[ACCOUNT, *TRAITS], nulls_equal=True)
        familiar = (
            before.filter(~pl.col("unfamiliar")).group_by(ACCOUNT).agg(pl.col("last").max().alias("familiar_last"))
        )
        placed = _with_novelty(watched, before, told.novelty)
        counted = _with_looks(running.running(placed, carry, self.tallies, familiar), looks, past)
        self.tallies = running.last_tallies(counted, self.tallies)
        return pl.concat([together, self._signals(self._with_worst(counted, before))])

    def _admitted(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Leave out names that are new, where too many of the day are: whoever invents names makes no accounts.

        Shapes: rows of `marked` -> some of them, in their order.
        """
        told, room = self.baselines, self.config.state.max_new_accounts_per_day - self.baselines.new_count
        if rows.get_column(KEY).n_unique() <= room:
            return rows
        first = rows.select(ACCOUNT, "portal.profession").unique(ACCOUNT, maintain_order=True)
        fresh = first.join(told.limits, on=ACCOUNT, how="anti", maintain_order="left")
        new = [name for name, profession in fresh.iter_rows() if told.is_new(name, profession)]
        refused = rows.get_column(ACCOUNT).is_in(new[max(room, 0) :])
        self.refused_count += int(refused.sum())
        return rows.filter(~refused)

    def _watched(self, rows: pl.DataFrame, told: Expected, day: Carry) -> pl.DataFrame:
        """Keep the rows of accounts over a first limit, or seen in an unfamiliar place: few, on most days."""
        over = [pl.col(f.name) >= pl.col(f"{f.name}.limit") for f in COUNTS if f.name in _OF_TOTALS]
        counts = totals(day.slots).join(told.limits, on=ACCOUNT).with_columns(over_days())
        busy = counts.filter(pl.any_horizontal(over)).select(ACCOUNT)
        odd = told.novelty.filter("unfamiliar").select(ACCOUNT)
        far = self.lookups.of(rows.get_column(KEY)).filter(pl.col("clientele") >= LEAST)
        suspect = rows.join(far, on=KEY, how="semi").select(ACCOUNT)
        return rows.join(pl.concat([busy, odd, suspect]).unique(), on=ACCOUNT, how="semi", maintain_order="left")

    def _met(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add `row`, and to displays whether the person was met before: today, and on the days remembered."""
        rows = rows.with_row_index("row")
        shown = rows.filter(pl.col("portal.subject").is_not_null()).select("row", KEY, "portal.subject")
        first, stranger = self.known.meet(pairs_of(shown))
        met = shown.select("row", pl.Series("first_look", first), pl.Series("stranger", stranger))
        return rows.join(met, on="row", how="left", maintain_order="left").with_columns(
            pl.col("first_look", "stranger").fill_null(False)
        )

    def _with_worst(self, counted: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
        """Let each row carry the oddest place of its account's day so far: evidence lasts for the day."""
        names = [TRAIT_FEATURES[trait].name for trait in TRAITS]
        worst = before.group_by(ACCOUNT).agg(pl.col(names).max().name.prefix("before."))
        return (
            counted.join(worst, on=ACCOUNT, how="left", maintain_order="left")
            .with_columns(
                pl.max_horizontal(pl.col(name).cum_max().over(ACCOUNT), f"before.{name}").alias(name) for name in names
            )
            .drop(pl.selectors.starts_with("before."))
        )

    def _signals(self, counted: pl.DataFrame) -> pl.DataFrame:
        taken = score.points(counted, self.baselines.limits)
        if taken.is_empty():
            return schema.empty(schema.SIGNAL)
        scored = score.steps(score.families(self._with_hours(taken), self.config.models.families_off), self.threshold)
        before = self.reached.select(ACCOUNT, pl.col("step").alias("step_before"))
        scored = scored.join(before, on=ACCOUNT, how="left", maintain_order="left").with_columns(
            pl.max_horizontal(pl.col("step").cum_max().shift(1).over(ACCOUNT), "step_before").fill_null(0).alias("past")
        )
        highest = scored.select(REACHED.names())
        reached = pl.concat([self.reached, highest]).group_by(ACCOUNT).agg(pl.col("step", "score").max())
        self.reached = schema.detached(reached)
        raised = scored.filter(pl.col("step") > pl.col("past"))
        return explain.signals(raised, self.baselines, self.day, self.words)

    def _with_hours(self, taken: pl.DataFrame) -> pl.DataFrame:
        pairs = taken.select(ACCOUNT, "hour_of_week").unique(maintain_order=True)
        odd = []
        for account, hour in zip(*(pairs.get_column(name) for name in (ACCOUNT, "hour_of_week")), strict=True):
            own = self.accounts.get(account)
            peers = self.baselines.cohort(account).hour_share(hour)
            odd.append((own.rhythm.score_one({hour: 1}, peers) if own else None) or 0.0)
        return taken.join(
            pairs.with_columns(pl.Series(HOUR.name, odd, dtype=pl.Float64)),
            on=[ACCOUNT, "hour_of_week"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )

    def close_day(self, frozen: Mapping[str, str], abused: Collection[str] = ()) -> dict[str, dict[str, Any]]:
        """Learn the running day and what verdicts released; begin another.

        The day of an account over the threshold, or `frozen` by an open incident (its id), is held back; that of an
        account known to be `abused` is dropped. Returns the accounts whose learning is re-opened after a lasting
        change, each with what tells it, a row of REASON.
        """
        changed: dict[str, dict[str, Any]] = {}
        if self.today is not None:
            self.tenants.close_day(self.today)
        if self.today is not None and not self.day.slots.is_empty():
            alerted = set(self.reached.filter(pl.col("step") > 0).get_column(ACCOUNT)) | self.campaigns.named(
                self.today
            )
            shares = dict(self.areas.iter_rows())
            days = learn.ClosedDays(self.day, self.tallies, self.baselines.limits, shares, self.today)
            lessons = Lessons(
                self.withheld, self.baselines, frozen=frozen, alerted=alerted, abused=abused, words=self.words
            )
            lessons.sort(days, self.day, self.lookups.ledger, self.today)
            lessons.learn(days, self.day, self.known, self.today)
            for account in self.seen.close_day(self.today, days.accounts):
                self.accounts.forget(account)
            changed = lessons.changed
            self.campaigns.close_day(self.today, lessons.untaught)
            self._learn_unrest(alerted.union(frozen, lessons.untaught), len(days.accounts))
        shown = pl.concat([self.held, *self.day.displays])
        shown = shown.filter(pl.col(KEY).is_in(keys_of(frozen).implode()))
        shown = shown.unique([KEY, "portal.subject"], keep="first", maintain_order=True)
        self.held = schema.detached(shown.tail(self.day.most_rows))
        self.day.evicted_count += shown.height - self.held.height
        self._clear()
        return changed

    def _learn_unrest(self, untaught: Collection[str], account_days: int) -> None:
        near = self.reached.filter((pl.col("score") >= NEAR) & ~pl.col(ACCOUNT).is_in(list(untaught)))
        unrest = self.unrest.get(EVERYBODY) or Unrest()
        unrest.learn_many(near.height, account_days)
        self.unrest.put([(EVERYBODY, unrest)])

    def subjects_count(self, accounts: Collection[str], since: datetime, until: datetime) -> int:
        """Return how many distinct persons were displayed to `accounts` from `since` to `until`, both included.

        Exact over the running day, and over earlier days for accounts that were `frozen` when they closed, as long as
        no display was evicted.
        """
        mine = pl.col(KEY).is_in(keys_of(accounts).implode()) & pl.col("@timestamp").is_between(since, until)
        return pl.concat([self.held, *self.day.displays]).filter(mine).get_column("portal.subject").n_unique()

    @property
    def evicted_count(self) -> int:
        """Rows of the running day that were dropped for want of room."""
        return self.day.evicted_count + self.runs.evicted_count + self.lookups.evicted_count

    def snapshot(self) -> dict[str, bytes]:
        """Return the running day, for `restore`; closed days are in the store already."""
        return {
            **self.day.snapshot(),
            **self.runs.snapshot(),
            **self.tenants.snapshot(),
            **self.lookups.snapshot(),
            **self.campaigns.snapshot(),
            **self.withheld.snapshot(),
            "behaviour.held": frames.pack(self.held),
            "behaviour.tallies": frames.pack(self.tallies),
            "behaviour.reached": frames.pack(self.reached),
            "behaviour.professions": frames.pack(
                pl.DataFrame(
                    {
                        ACCOUNT: list(self.baselines.professions),
                        "profession": list(self.baselines.professions.values()),
                    },
                    schema={ACCOUNT: pl.String, "profession": pl.String},
                )
            ),
            "behaviour.today": (self.today.isoformat() if self.today else "").encode(),
        }

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the running day that `snapshot` gave."""
        self.day.restore(saved)
        self.runs.restore(saved)
        self.tenants.restore(saved)
        self.lookups.restore(saved)
        self.campaigns.restore(saved)
        self.withheld.restore(saved)
        self.known.resume(pairs_of(self.day.shown().filter("first_look")))
        self.held = schema.conform(frames.unpack(saved["behaviour.held"]), DISPLAYS)
        self.tallies = frames.unpack(saved["behaviour.tallies"])
        self.reached = frames.unpack(saved["behaviour.reached"])
        told = frames.unpack(saved["behaviour.professions"])
        today = saved["behaviour.today"].decode()
        self.today = date.fromisoformat(today) if today else None
        self.baselines.professions = dict(zip(told[ACCOUNT], told["profession"], strict=True))
        if self.today is not None:
            professions = told.rename({"profession": "portal.profession"})
            places = self.day.places.join(professions, on=ACCOUNT, how="left", maintain_order="left")
            self.baselines.look_up(places.select(ACCOUNT, KEY, *TRAITS, "portal.profession"), self.today.toordinal())


def _with_novelty(rows: pl.DataFrame, before: pl.DataFrame, novelty: pl.DataFrame) -> pl.DataFrame:
    key = [ACCOUNT, *TRAITS]
    seen = before.select(*key, pl.lit(False).alias("fresh"))
    return (
        rows.join(novelty, on=key, how="left", nulls_equal=True, maintain_order="left")
        .join(seen, on=key, how="left", nulls_equal=True, maintain_order="left")
        .with_columns((pl.struct(key).is_first_distinct() & pl.col("fresh").is_null()).alias("new_place"))
        .drop("fresh")
    )


def _with_looks(counted: pl.DataFrame, looks: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """Let each row carry how far the look-ups of its account's day have come by then, itself included."""
    names = [name for name in BEST if name != KEY]  # with the day's latest look-up and its habit
    return (
        counted.join(looks.drop(KEY), on="row", how="left", maintain_order="left")
        .join(past.select(KEY, pl.exclude(KEY).name.prefix("past.")), on=KEY, how="left", maintain_order="left")
        .with_columns(
            *(pl.coalesce(pl.col(name).forward_fill().over(KEY), f"past.{name}").alias(name) for name in names),
            pl.col("risen").fill_null(False),
        )
        .with_columns(pl.col("clientele", "habit").fill_null(0.0))
        .drop("row", *(f"past.{name}" for name in names))
    )


_OF_TOTALS: Final = {feature.name for feature in COUNTS} - {"unfamiliar_day", "overlap_day"}
"""Counts that the day's totals tell; the others are counted event by event.
"""
