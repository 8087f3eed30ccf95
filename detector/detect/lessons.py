"""Decide at the end of a day which account learns what: the day, days held back before, or nothing."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain, groupby
from typing import Any, Final

import numpy as np
import polars as pl

from detector.context.acquaintance import Acquaintance, Pairs, pairs_of
from detector.context.day import ACCOUNT, KEY, Day, keys_of
from detector.detect import learn
from detector.detect.baseline import BEFORE, EVERYBODY, Baselines
from detector.detect.learn import ClosedDays
from detector.detect.lookups import ELSEWHERE
from detector.detect.models.account import AccountModels, ClosedDay
from detector.detect.models.change import Looks, excess, is_lasting, is_odd, is_own
from detector.detect.models.clientele import MILLION, SHARES
from detector.detect.models.features import COUNTS, Feature
from detector.detect.withheld import Held, Withheld
from detector.language import Words

CHANGING: Final = tuple(feature for feature in COUNTS if feature.name not in BEFORE)
"""Counts that tell of a change; those over days lag behind."""

NO_PAIRS: Final[Pairs] = np.zeros(0, np.uint64)


class Lessons:
    """The lessons of one closed day.

    `frozen`: accounts with an open incident, and its id; `alerted`: over the threshold that day; `abused`: with an
    incident that a person confirmed.
    """

    def __init__(
        self,
        withheld: Withheld,
        baselines: Baselines,
        *,
        frozen: Mapping[str, str],
        alerted: Collection[str],
        abused: Collection[str],
        words: Words,
    ) -> None:
        self.words = words
        self.withheld, self.baselines = withheld, baselines
        self.frozen, self.alerted = frozen, alerted
        self.dropped = {*abused, *chain.from_iterable(withheld.barred.values())}
        self.pardoned = set(chain.from_iterable(withheld.pardoned.values()))
        self.together = Counter(frozen.values())
        self.taught: list[str] = []
        self.untaught: list[str] = []
        self.released = self._release()
        self.changed: dict[str, dict[str, Any]] = {}
        """Accounts whose learning is re-opened, and what tells their change, a row of REASON."""

    def _release(self) -> list[Held]:
        """Take out the days of incidents called benign; those of an account with another incident wait for that."""
        cleared = self.withheld.cleared()
        for one in cleared:
            if one.account in self.frozen:
                self.withheld.keep(replace(one, incident=self.frozen[one.account]))
        released = [one for one in cleared if one.account not in self.frozen and one.account not in self.dropped]
        self.withheld.drop(released)
        return released

    def sort(self, days: ClosedDays, running: Day, ledger: pl.DataFrame, today: date) -> None:
        """Say of each account's day whether it is learned, held back or dropped; loops once an account.

        Shapes: the running day and LEDGER of its look-ups, to tell what the days that are not simply learned were.
        """
        reopened = self.withheld.reopened(today.toordinal())
        active = days.accounts
        self.taught = [name for name in active if name not in self.dropped and self._is_clear(name)]
        names = [name for name in active if name not in self.dropped and not self._is_clear(name)]
        looks, pairs = _looks(ledger, running, names), _pairs(running, names)
        for account, day in days.of(names):
            told = looks.get(account, {})
            if account in reopened and not self._is_shared(account) and not is_odd(told):
                self.taught.append(account)
                self.withheld.count(reopened[account])
            else:
                self._hold_back(account, day, told, pairs.get(account, NO_PAIRS))
        self.withheld.begin(today, names)
        self.untaught = sorted(set(active).difference(self.taught))

    def _is_clear(self, account: str) -> bool:
        return account not in self.frozen and (account not in self.alerted or account in self.pardoned)

    def _hold_back(self, account: str, day: ClosedDay, looks: Looks, pairs: Pairs) -> None:
        incident, profession = self.frozen.get(account), self.baselines.professions.get(account)
        self.withheld.keep(
            Held(account=account, incident=incident, profession=profession, day=day, looks=looks, pairs=pairs)
        )
        own = self.baselines.accounts.get(account)
        if own is None or self._is_shared(account):
            return
        run = self._run(account, own)
        if (feature := _changed(own, run)) is not None and is_own([one.looks for one in run]):
            self.changed[account] = _reason(feature, own, run, self.words)
            self.withheld.reopen(account, incident, day.ordinal)
            self.withheld.drop(run)
            self.released += run

    def _is_shared(self, account: str) -> bool:
        """Say whether an incident of several accounts is open: that one of them works as ever clears none."""
        return self.together[self.frozen.get(account, "")] > 1

    def _run(self, account: str, own: AccountModels) -> list[Held]:
        """Return the days held back in a row: behind the last that was learned, and the last that may be a thief's."""
        run: list[Held] = []
        for one in reversed(self.withheld.of(account)):
            if one.day.ordinal <= max(own.recent, default=0) or is_odd(one.looks):
                break
            run.insert(0, one)
        return run

    def learn(self, days: ClosedDays, running: Day, known: Acquaintance, today: date) -> None:
        """Teach the days that were held back first, oldest first, then the running one."""
        accounts, cohorts = self.baselines.accounts, self.baselines.cohorts
        recalled = {}
        for ordinal, together in _by_day(self.released):
            professions = {one.account: one.profession for one in together if one.profession}
            learn.learn([[(one.account, one.day) for one in together]], professions, accounts, cohorts, EVERYBODY)
            recalled[ordinal] = np.concatenate([one.pairs for one in together])
        learn.learn(days.parts(self.taught), self.baselines.professions, accounts, cohorts, EVERYBODY)
        seen = [(name, own) for name in self.untaught if (own := accounts.get(name)) is not None]
        for _, own in seen:
            own.see(today.toordinal())
        accounts.put(seen)
        known.recall(recalled)
        known.learn(today, pairs_of(_first_looks(running, keys_of(self.taught))))


def _by_day(held: Sequence[Held]) -> Iterator[tuple[int, list[Held]]]:
    ordered = sorted(held, key=lambda one: (one.day.ordinal, one.account))
    for ordinal, together in groupby(ordered, key=lambda one: one.day.ordinal):
        yield ordinal, list(together)


def _changed(own: AccountModels, run: Sequence[Held]) -> Feature | None:
    """Return what has changed most of what has changed for good."""
    lasting = [
        (excess(own.peak(one.name), run[-1].day.counts[one.name]), one)
        for one in CHANGING
        if is_lasting(own.peak(one.name), [held.day.counts[one.name] for held in run])
    ]
    return max(lasting, key=lambda pair: pair[0])[1] if lasting else None


def _reason(feature: Feature, own: AccountModels, run: Sequence[Held], words: Words) -> dict[str, Any]:
    observed = run[-1].day.counts[feature.name]
    expectation = own.peak(feature.name).expectation()
    expected = expectation.mean if expectation else 0.0
    since = date.fromordinal(run[0].day.ordinal).isoformat()
    text = words.say(f"reason.{feature.name}", observed=observed, expected=expected)
    return {
        "feature": "change",
        "observed": observed,
        "expected": expected,
        "unit": words.say(f"unit.{feature.name}"),
        "surprise": None,
        "history_days": own.days,
        "baseline": "account",
        "text": words.say("reason.change", text=text, since=since),
    }


def _looks(ledger: pl.DataFrame, running: Day, accounts: Sequence[str]) -> dict[str, Looks]:
    """Return the look-ups of the day from usual places and elsewhere. Shapes: LEDGER -> one entry an account."""
    keys = running.places.filter(pl.col(ACCOUNT).is_in(accounts)).select(ACCOUNT, KEY).unique()
    kinds = {"usual": pl.col(KEY), "elsewhere": pl.col(KEY) + ELSEWHERE}
    wanted = pl.concat(
        keys.select(ACCOUNT, key.alias("key"), pl.lit(kind).alias("kind")) for kind, key in kinds.items()
    )
    sums = [pl.col(f"sum.{share}") / MILLION for share in SHARES]
    rows = wanted.join(ledger, on="key").select(ACCOUNT, "kind", "looks", *sums).rows()
    found: dict[str, dict[str, tuple[int, tuple[float, ...]]]] = {}
    for account, kind, count, *weights in rows:
        found.setdefault(account, {})[kind] = (count, tuple(weights))
    return dict(found)


def _pairs(running: Day, accounts: Sequence[str]) -> dict[str, Pairs]:
    keys = keys_of(accounts)
    names = dict(zip(keys, accounts, strict=True))
    shown = _first_looks(running, keys)
    return {names[key]: pairs_of(part) for (key,), part in shown.group_by(KEY, maintain_order=True)}


def _first_looks(running: Day, keys: pl.Series) -> pl.DataFrame:
    return running.shown().filter(pl.col("first_look") & pl.col(KEY).is_in(keys.implode()))
