"""Watch the newcomers of every key, and raise one signal for the accounts that a campaign abuses together."""

import sqlite3
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from detector import schema
from detector.context import frames
from detector.context.acquaintance import Pairs, pair
from detector.context.day import ACCOUNT, KEY
from detector.context.numbers import NumberSet
from detector.context.settled import Settled
from detector.context.store import Store
from detector.detect.campaign.explain import signal
from detector.detect.campaign.newcomers import LEAST_ACCOUNTS, ODD, Newcomers
from detector.detect.campaign.raised import Campaign, Raised
from detector.detect.campaign.tally import Tally
from detector.detect.campaign.visits import KINDS, SEQUENCE, by_key, misses, name_of, of_kind, places
from detector.language import Words

DUE: Final = pl.Schema({"key": pl.UInt64, KEY: pl.UInt64, ACCOUNT: pl.String})
"""Pairs of a key and an account that are to be written down when the day closes."""

ITSELF: Final = 0
"""The key at which every account is at home from its first days on: before, everything is new to it."""


class Campaigns:
    """The campaigns of a portal. `observe` parts of one local day in event time, then `close_day`."""

    def __init__(
        self, threshold: float, database: sqlite3.Connection, most_rows: int, words: Words, *, durable: bool
    ) -> None:
        self.threshold, self.words = threshold, words
        self.settled = Settled(database, most_rows)
        self.models = Store(database, "newcomers", Newcomers.from_numbers, most=len(KINDS), durable=durable)
        self.tally = Tally(most_rows)
        self.raised = Raised()
        self.due = pl.DataFrame(schema=DUE)
        self.noted = NumberSet()
        """The pairs that are due, as numbers: most of what comes was noted already."""

    def observe(self, rows: pl.DataFrame, looks: pl.DataFrame, today: date) -> pl.DataFrame:
        """Count newcomers and return a signal for each campaign that is found, or found to use more accounts.

        Shapes: rows of `marked` with `row`, `first_look`; a row for each first look-up with `row` and `weight`
        -> SIGNAL.
        """
        shown = rows.filter("first_look")
        new = self._new(places(shown)) if shown.height else None
        visits = [misses(rows)] if new is None else [by_key(shown, new, looks), misses(rows)]
        if not any(part.height for part in visits):
            return schema.empty(schema.SIGNAL)
        return self._signals(self._scored(self.tally.observe(pl.concat(visits))), today.toordinal())

    def _new(self, each: pl.DataFrame) -> pl.DataFrame | None:
        """Return the keys that are new to accounts which are at home elsewhere; note those to be written down.

        None where there is none, as most often.

        Loops over the kinds of keys. Shapes: rows of `places` -> rows of `of_kind`.
        """
        accounts = each.get_column(KEY).to_numpy()
        itself = np.full(len(accounts), ITSELF, np.uint64)
        keys = [each.get_column(f"key.{kind}").to_numpy() for kind in range(SEQUENCE)]
        self._note(each, [itself, *keys], accounts)
        settled = self.settled.is_own(itself, accounts)
        new = [settled & (of != ITSELF) & ~self.settled.is_own(of, accounts) for of in keys]
        found = [of_kind(each.filter(fresh), kind) for kind, fresh in enumerate(new) if fresh.any()]
        return pl.concat(found) if found else None

    def _note(self, each: pl.DataFrame, keys: Sequence[Pairs], accounts: Pairs) -> None:
        due = [~(self.settled.is_written(of, accounts) | self.noted.has(pair(accounts, of))) for of in keys]
        told = [
            each.filter(which).select(pl.Series("key", of[which]), KEY, ACCOUNT)
            for of, which in zip(keys, due, strict=True)
            if which.any()
        ]
        if told:
            fresh = pl.concat(told).unique(["key", KEY], maintain_order=True)
            self.due = schema.appended(self.due, fresh)
            self.noted.add(_pairs(fresh))

    def _model(self, kind: int) -> Newcomers:
        return self.models.get(KINDS[kind]) or Newcomers(telling=kind == SEQUENCE)

    def _scored(self, turns: pl.DataFrame) -> pl.DataFrame:
        """Keep the turns of keys that have newcomers enough, or are a campaign's; add `score`. Loops over the kinds."""
        many = turns.filter((pl.col("newcomers") >= LEAST_ACCOUNTS) | self._known())
        many = many.with_columns(pl.Series("population", self.settled.population(many.get_column("key").to_numpy())))
        scores = np.zeros(many.height)
        for kind in many.get_column("kind").unique().to_list():
            of_kind = (many.get_column("kind") == kind).to_numpy()
            scores[of_kind] = self._model(kind).score_many(*_counts(many.filter(of_kind)))
        return many.with_columns(pl.Series("score", scores, dtype=pl.Float64))

    def _known(self) -> pl.Expr:
        """Choose the turns of keys that are a campaign's today, or may be the next hundred of its numbers."""
        nexts = (pl.col("kind") == SEQUENCE) & (pl.col("newcomers") > 1)
        return nexts | pl.col("key").is_in(self.raised.today)

    def _signals(self, scored: pl.DataFrame, today: int) -> pl.DataFrame:
        """Raise what passes the threshold. Loops over the newcomers of keys that do, or did."""
        crossing = scored.filter(pl.col("score") >= self.threshold).get_column("key").unique()
        hot = scored.filter(pl.col("key").is_in(crossing.implode()) | self._known())
        hot = hot.unique(["key", "@timestamp"], keep="last", maintain_order=True)
        told: dict[tuple[str, Any], dict[str, Any]] = {}
        for turn in hot.iter_rows(named=True):
            if self.raised.tells_nothing(turn["key"], turn[ACCOUNT]):
                continue
            theirs = self._members(turn)
            campaign = self._campaign(turn, theirs, today)
            names = [] if campaign is None else campaign.name_now(theirs.get_column(ACCOUNT), today)
            if campaign is not None and names:
                at = (campaign.name, turn["@timestamp"])
                model = self._model(turn["kind"])
                told[at] = signal(campaign, turn, theirs, names, model, told.get(at), self.words)
        return pl.DataFrame(list(told.values()), schema=schema.SIGNAL)

    def _members(self, turn: dict[str, Any]) -> pl.DataFrame:
        """Return the odd newcomers of a turn's key by then, or all, in the order in which they came. Shapes: -> PAIRS.

        All, where most are odd and hardly anybody is at home: those who show nothing have not been used much yet.
        """
        newcomers = turn["newcomers"]
        since = "first" if 2 * turn[ODD[0]] >= newcomers > turn["population"] else "odd"
        theirs = (pl.col("key") == turn["key"]) & (pl.col(since) <= turn["@timestamp"])
        return self.tally.pairs.filter(theirs).sort(since, ACCOUNT)

    def _campaign(self, turn: dict[str, Any], theirs: pl.DataFrame, today: int) -> Campaign | None:
        """Return the campaign of a turn: its key's, one that shares its accounts, or a new one; None for none."""
        key, kind, names = turn["key"], turn["kind"], theirs.get_column(ACCOUNT).to_list()
        chain = kind == SEQUENCE
        if turn["score"] < self.threshold and key not in self.raised.today:
            return next(iter(self.raised.chains(names)), None) if chain else None
        self.raised.today.add(key)
        campaign = self.raised.gather(key, names, chain)
        if campaign is None:
            address = turn["source.ip"] if KINDS[kind] == "source" else None
            campaign = Campaign(name=name_of(kind, turn["value"]), address=address, keys=[], accounts=[], last=today)
            self.raised.campaigns.append(campaign)
        if key not in campaign.keys:
            campaign.keys.append(key)
            campaign.chain |= chain
        return campaign

    @property
    def evicted_count(self) -> int:
        """Pairs of a key and an account that were dropped for want of room."""
        return self.settled.evicted_count + self.tally.evicted_count

    def named(self, today: date) -> set[str]:
        """Return the accounts of the day's campaigns: what they do is not to be learned."""
        return self.raised.of_day(today.toordinal())

    def close_day(self, today: date, untaught: Collection[str]) -> None:
        """Learn the day of all accounts but `untaught`; begin another."""
        taught = self.tally.pairs.filter(~pl.col(ACCOUNT).is_in(list(untaught)))
        keys = taught.group_by("kind", "key").agg(
            pl.len().cast(pl.Int64).alias("newcomers"),
            *((pl.col("level") > number).sum().cast(pl.Int64).alias(name) for number, name in enumerate(ODD)),
        )
        keys = keys.sort("kind", "key")
        keys = keys.with_columns(pl.Series("population", self.settled.population(keys.get_column("key").to_numpy())))
        for kind, name in enumerate(KINDS):
            model = self._model(kind)
            model.learn_many(*_counts(keys.filter(pl.col("kind") == kind)))
            self.models.put([(name, model)])
        due = self.due.filter(~pl.col(ACCOUNT).is_in(list(untaught)))
        self.settled.learn(today, *(due.get_column(name).to_numpy() for name in ("key", KEY)))
        self.raised.forget(today.toordinal())
        self.tally.clear()
        self.due, self.noted = pl.DataFrame(schema=DUE), NumberSet()

    def snapshot(self) -> dict[str, bytes]:
        """Return the running day and the campaigns, for `restore`."""
        return {**self.tally.snapshot(), **self.raised.snapshot(), "campaign.due": frames.pack(self.due)}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up what `snapshot` gave."""
        self.tally.restore(saved)
        self.raised.restore(saved)
        self.due, self.noted = frames.unpack(saved["campaign.due"]), NumberSet()
        self.noted.add(_pairs(self.due))


def _pairs(due: pl.DataFrame) -> Pairs:
    return pair(due.get_column(KEY).to_numpy(), due.get_column("key").to_numpy())


def _counts(keys: pl.DataFrame) -> tuple[Any, Any, Any]:
    odd = np.array([keys.get_column(name).to_numpy() for name in ODD])
    return keys.get_column("newcomers").to_numpy(), keys.get_column("population").to_numpy(), odd
