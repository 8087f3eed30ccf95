"""Group signals into incidents: one an episode, opened once, escalated a few times, closed by quiet or a word.

Chunk-independent: everything happens at event times that signals and the watermark give, so that
admitting a chunk whole or in parts gives the same alerts. What this asks of the caller: signals of
one `@timestamp` come in one call, and none comes below an earlier call's watermark; those of late events
may, as they count from when they came (`signal.came`).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import polars as pl

from detector.config import Config
from detector.emit.alert import Alert
from detector.emit.alert.record import State
from detector.emit.allow import AllowList
from detector.emit.closing import QUIET, QUIET_ABUSE, Closing, as_changed
from detector.emit.episode import Episode, draft, key_of
from detector.emit.evidence import Signal, level_of, reason_of, seen_at, signal_from_json, signal_to_json
from detector.emit.opened import Opened
from detector.emit.waiting import Waiting
from detector.language import Words
from detector.schema import LEVELS

Subjects = Callable[[Collection[str], datetime, datetime], int]
"""Distinct insured persons that accounts displayed from a moment until another, both included."""

MAX_JOINS: Final = 2
"""Escalations an episode may have because another rule joined; rises of level, at most three, come on top."""


class Incidents:
    """The open episodes, by account or else by source.

    `runbooks`: by rule id, the steps that an alert of the rule tells to take.
    """

    def __init__(self, config: Config, runbooks: Mapping[str, Sequence[str]] | None = None) -> None:
        self._runbooks = runbooks or {}
        self._words = Words.of(config.language)
        self._quiet = timedelta(hours=config.incidents.quiet_h)
        self._least = LEVELS.index(config.rules.min_level)
        self._allow = AllowList(config.allow, config.zone)
        self._open = Opened()
        self._waiting = Waiting()
        self.suppressed = 0
        """Signals that an allow-list entry kept silent."""

    @property
    def frozen_accounts(self) -> dict[str, str]:
        """Accounts with an open incident, and its id: models must not learn from them.

        Of several that one which names the most accounts: it is the last to be cleared.
        """
        wider = sorted(self._open.by_key.values(), key=lambda one: (len(one.accounts), one.id))
        return {account: one.id for one in wider for account in one.accounts}

    @property
    def abused_accounts(self) -> set[str]:
        """Those of them whose incident a person confirmed: nothing of it is ever learned."""
        return {account for one in self._open.by_key.values() if one.abused for account in one.accounts}

    @property
    def open_by_level(self) -> Counter[str]:
        """How many incidents are open, by level."""
        return Counter(LEVELS[one.level] for one in self._open.by_key.values())

    def on(self, key: str) -> str | None:
        """Return the id of the incident that is open on what `key_of` says of a signal."""
        return self._open.by_key[key].id if key in self._open.by_key else None

    def accounts_of(self, incident: str) -> tuple[str, ...]:
        """Return the accounts of an incident; none where it is not open."""
        episode = self._find(incident)
        return () if episode is None else tuple(episode.accounts)

    def confirm(self, incident: str) -> bool:
        """Note that an incident is an abuse; say whether it is open."""
        episode = self._find(incident)
        if episode is not None:
            episode.abused = True
        return episode is not None

    def close(self, incident: str, closing: Closing, moment: datetime, subjects: Subjects) -> Alert | None:
        """Close an incident and return the alert that says so; None where it is not open."""
        episode = self._find(incident)
        if episode is None:
            return None
        self._open.drop(episode)
        return self._alert(episode, "closed", None, moment, subjects, closing)

    def reopen(self, changed: Mapping[str, dict[str, Any]], moment: datetime, subjects: Subjects) -> list[Alert]:
        """Close the incidents of accounts that have changed for good, each with what tells it, a row of REASON.

        So the next alarm is an incident of its own, and is heard: in one that is open it would go under.
        """
        found = sorted(
            (one.id, one.account) for one in self._open.by_key.values() if one.account and one.account in changed
        )
        closed = [self.close(one, as_changed(reason_of(changed[name])), moment, subjects) for one, name in found]
        return [alert for alert in closed if alert is not None]

    def _find(self, incident: str) -> Episode | None:
        return next((one for one in self._open.by_key.values() if one.id == incident), None)

    def admit(self, signals: pl.DataFrame, subjects: Subjects, watermark: datetime | None) -> list[Alert]:
        """Take signals in and return the alerts they and the passing of time raise, in event order.

        Shapes: SIGNAL, in the order in which they came -> alerts, a handful an episode.
        """
        alerts: list[Alert] = []
        for (moment, _), together in groupby(_in_turn(signals), key=itemgetter(slice(2))):
            alerts += self._close(moment, subjects)
            for key, group in self._by_key(signal for _, _, signal in together):
                alerts += self._take(key, group, moment, subjects)
        if watermark is not None:
            alerts += self._close(watermark, subjects)
            self._waiting.forget(watermark)
        return alerts

    def snapshot(self) -> dict[str, bytes]:
        """Return what must survive a restart, a JSON text a key."""
        state = {f"open {key}": episode.as_json().encode() for key, episode in self._open.by_key.items()}
        for key, signals in self._waiting.by_key.items():
            state[f"waiting {key}"] = "\n".join(map(signal_to_json, signals)).encode()
        return state

    def restore(self, state: dict[str, bytes]) -> None:
        """Take up what `snapshot` returned."""
        episodes, waiting = [], {}
        for name, body in state.items():
            sort, _, key = name.partition(" ")
            if sort == "open":
                episodes.append(Episode.from_json(body.decode()))
            else:
                waiting[key] = [signal_from_json(line) for line in body.decode().split("\n")]
        self._open, self._waiting = Opened(episodes), Waiting(waiting)

    def _by_key(self, signals: Iterable[Signal]) -> list[tuple[str, list[Signal]]]:
        groups: dict[str, list[Signal]] = {}
        for signal in signals:
            if self._allow.allows(signal):
                self.suppressed += 1
            else:
                groups.setdefault(key_of(signal), []).append(signal)
        return sorted(groups.items())

    def _alarming(self, signal: Signal) -> bool:
        return signal["signal.kind"] == "model" or level_of(signal) >= self._least

    def _take(self, key: str, group: list[Signal], moment: datetime, subjects: Subjects) -> list[Alert]:
        alarms = [signal for signal in group if self._alarming(signal)]
        episode = self._open.by_key.get(key)
        if episode is None and not alarms:
            self._waiting.add(key, group)
            return []
        if episode is None:
            lead = max(alarms, key=_weight)
            episode = Episode.opened_by(key, lead, self._waiting.pop(key, moment))
            episode.absorb(group, alarms)
            self._open.add(episode)
            self._open.note(episode)
            return [self._alert(episode, "opened", lead, moment, subjects)]
        fresh = [signal for signal in alarms if episode.is_news(signal, self._least, MAX_JOINS)]
        level = episode.level
        episode.absorb(group, alarms)
        self._open.note(episode)
        if not fresh:
            return []
        episode.joins += episode.level == level
        return [self._alert(episode, "escalated", max(fresh, key=_weight), moment, subjects)]

    def _close(self, moment: datetime, subjects: Subjects) -> list[Alert]:
        alerts = []
        for episode in self._open.quiet(moment - self._quiet):
            closing = QUIET_ABUSE if episode.abused else QUIET
            alerts.append(self._alert(episode, "closed", None, episode.last + self._quiet, subjects, closing))
            self._open.drop(episode)
        return alerts

    def _alert(
        self,
        episode: Episode,
        state: State,
        signal: Signal | None,
        moment: datetime,
        subjects: Subjects,
        closing: Closing = QUIET,
    ) -> Alert:
        seen = subjects(episode.accounts, episode.since, moment) if episode.accounts else 0
        episode.subjects_count = max(episode.subjects_count, seen)
        runbook = () if signal is None else self._runbooks.get(signal["rule.id"], ())
        related = self._related(episode)
        return draft(
            episode, state, signal, moment, related=related, runbook=runbook, closing=closing, words=self._words
        )

    def _related(self, episode: Episode) -> tuple[str, ...]:
        keys = [f"user.name={name}" for name in episode.evidence.users]
        keys += [key_of({"user.name": None, "source.ip": ip}) for ip in episode.evidence.ips]
        found = {self._open.by_key[key].id for key in keys if key in self._open.by_key and key != episode.key}
        return tuple(sorted(found | self._open.naming(episode.account)))


def _in_turn(signals: pl.DataFrame) -> Iterable[tuple[datetime, int, Signal]]:
    """Give each signal its moment and its turn in that: 0, or a turn of its own where it came late.

    Those of one moment are judged together; of the late ones, another batch may bring the next.
    """
    for place, signal in enumerate(signals.iter_rows(named=True)):
        yield seen_at(signal), 0 if signal["signal.came"] is None else place + 1, signal


def _weight(signal: Signal) -> tuple[int, float]:
    return level_of(signal), signal["signal.risk"] or 0.0
