"""Run rules over archives before they are turned on: how many alerts each would raise, a day and in all.

An alert here is one time that a rule speaks, its silence after firing respected. `incidents` says how many incidents
they would open, which is what a team gets to see; models play no part in it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import polars as pl

from detector.clock import rfc3339
from detector.config import Config
from detector.detect.rules import Rule, Rules
from detector.emit.alert import Alert
from detector.emit.episode import Episode, digest, draft, key_of
from detector.emit.incident import Incidents
from detector.lab.replay import Replay
from detector.language import Words
from detector.schema import LATE, LEVELS
from detector.telemetry import Telemetry

MAX_ACCOUNTS: Final = 1_000_000
"""Distinct accounts of a day, and of a rule's alerts, that are counted; forged names must not fill the memory."""

Write = Callable[[Sequence[Alert]], object]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one rule raised. `accounts` are those that its alerts name."""

    rule: Rule
    by_day: Counter[date] = field(default_factory=Counter)
    accounts: set[str] = field(default_factory=set)

    @property
    def alerts(self) -> int:
        """All alerts of the rule."""
        return self.by_day.total()

    def add(self, day: date, signal: dict[str, Any]) -> None:
        """Count one alert of a day."""
        self.by_day[day] += 1
        if len(self.accounts) < MAX_ACCOUNTS:
            self.accounts |= {signal["user.name"], *signal["related.user"]} - {None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a backtest came to: every rule that speaks, the loudest first, over all days from first to last.

    `account_days`: days on which an account was active, over all accounts. `alarms`: alerts of a level that opens
    incidents (`rules.min_level`).
    """

    days: tuple[date, ...]
    tallies: tuple[Tally, ...]
    account_days: int
    alarms: int
    incidents: int
    muted: dict[str, int]

    def rate(self, alerts: int) -> float:
        """Give so many alerts as alerts per 1,000 account-days."""
        return 1000 * alerts / self.account_days if self.account_days else 0.0


class Activity:
    """Counts account-days while days go by; an account's days are told apart exactly."""

    def __init__(self) -> None:
        self._open: dict[date, set[int]] = {}
        self._counted: Counter[date] = Counter()
        self._seen: set[date] = set()

    def observe(self, events: pl.DataFrame) -> None:
        """Count the accounts of events that came in time; a name that only failed is no account.

        Shapes: EVENT with LATE, any rows.
        """
        named = pl.col("user.name").filter(pl.col("event.outcome").ne_missing("failure"))
        on_time = events.filter(~pl.col(LATE))
        seen = on_time.group_by("portal.local_date").agg(named.drop_nulls().unique().hash(seed=0))
        for day, accounts in seen.iter_rows():
            self._seen.add(day)
            known = self._open.setdefault(day, set())
            if len(known) < MAX_ACCOUNTS:
                known.update(accounts)
        for day in sorted(self._open)[:-2]:  # events come in order: what lies two days back is whole
            self._counted[day] += len(self._open.pop(day))

    @property
    def days(self) -> tuple[date, ...]:
        """Every day from the first to the last."""
        if not self._seen:
            return ()
        first, last = min(self._seen), max(self._seen)
        return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))

    @property
    def account_days(self) -> int:
        """Account-days so far."""
        return self._counted.total() + sum(map(len, self._open.values()))


def turned_on(config: Config) -> Config:
    """Give the configuration with no rule disabled: what is tried out is what is not on yet."""
    return config.model_copy(update={"rules": config.rules.model_copy(update={"disabled": ()})})


def speaking(loaded: Rules, names: Sequence[str], config: Config) -> Rules:
    """Give the pack in which only the rules named speak, those that others count too; without names, as loaded."""
    if not names:
        return loaded
    chosen = {rule.key for rule in loaded.named(*names)}
    return Rules([replace(rule, output=rule.key in chosen) for rule in loaded.catalogue], config)


def backtest(replay: Replay, rules: Rules, telemetry: Telemetry, write: Write | None = None) -> Result:
    """Read the archives once and count; `write` is given the alerts as they come."""
    config = replay.config
    tallies = {rule.id: Tally(rule=rule) for rule in rules.catalogue if rule.output}
    activity, incidents, words = Activity(), Incidents(config), Words.of(config.language)
    least, alarms, opened = LEVELS.index(config.rules.min_level), 0, 0
    for events in replay.events(telemetry):
        activity.observe(events)
        found = rules.observe(events)
        told = incidents.admit(found, lambda *_: 0, _latest(events))
        opened += sum(alert.state == "opened" for alert in told)
        days = found["@timestamp"].dt.convert_time_zone(config.calendar.timezone).dt.date()
        rows = found.rows(named=True)
        for day, signal in zip(days, rows, strict=True):
            tallies[signal["rule.id"]].add(day, signal)
            alarms += LEVELS.index(signal["rule.level"]) >= least
            telemetry.alerts[signal["rule.level"]] += 1
        if write is not None and rows:
            write([alert_of(signal, tallies[signal["rule.id"]].rule, words) for signal in rows])
    return Result(
        days=activity.days,
        tallies=tuple(sorted(tallies.values(), key=lambda one: (-one.alerts, one.rule.title))),
        account_days=activity.account_days,
        alarms=alarms,
        incidents=opened,
        muted=rules.muted,
    )


def _latest(events: pl.DataFrame) -> datetime | None:
    latest = events["@timestamp"].max()
    return latest if isinstance(latest, datetime) else None


def alert_of(signal: dict[str, Any], rule: Rule, words: Words) -> Alert:
    """Make the alert of one signal, as if it opened an incident of its own; the same signal gives the same id."""
    episode = Episode.opened_by(key_of(signal), signal, ())
    episode.absorb([signal], [signal])
    moment = signal["@timestamp"]
    runbook = rule.said_in(words.language).runbook
    alert = draft(episode, "opened", signal, moment, runbook=runbook, words=words)
    return replace(alert, id=digest(signal["rule.id"], rfc3339(moment), signal["signal.key"])[:32])
