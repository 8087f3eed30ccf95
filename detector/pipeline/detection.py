"""What a detector remembers, and what it makes of events: context, detect, emit. Reading and keeping are the flow's."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self

import polars as pl

from detector import schema
from detector.checkpoint import TODAY, Checkpoint
from detector.config import Config
from detector.context.activity import Activity
from detector.context.midnight import cut_at_midnight
from detector.context.session import Sessions
from detector.context.traffic import Traffic, Working
from detector.detect.arrival import as_they_came
from detector.detect.behaviour import Behaviour
from detector.detect.heartbeat import MODEL as SILENCE
from detector.detect.heartbeat import Heartbeat
from detector.detect.rules import Rules
from detector.emit.alert import Alert
from detector.emit.docket import Docket
from detector.emit.incident import Incidents
from detector.pipeline.silence import Silences
from detector.telemetry import Telemetry

SEEN: Final = "pipeline.seen"


class Detection:
    """One memory and the stages that use it: events go in, alerts come out.

    What it writes to the state's tables is in the caller's transaction. `learn`: learn and raise nothing.
    """

    def __init__(
        self,
        config: Config,
        rules: Rules,
        working: Working,
        checkpoint: Checkpoint,
        telemetry: Telemetry,
        *,
        learn: bool,
    ) -> None:
        self.config, self.rules, self.learn = config, rules, learn
        self._telemetry, database = telemetry, checkpoint.database
        self.sessions = Sessions(config.state.max_accounts_in_memory, database)
        self.behaviour = Behaviour(config, database, durable=checkpoint.durable)
        self.activity = Activity(database, config.state.max_rows_per_window)
        runbooks = {rule.id: rule.said_in(config.language).runbook for rule in rules.catalogue}
        runbooks[SILENCE] = tuple(self.behaviour.words.names("silence.runbook"))
        self.incidents = Incidents(config, runbooks)
        self.heartbeat = Heartbeat(Traffic(config.zone, working), self.behaviour.words)
        self.silences = Silences(
            self.heartbeat,
            self.incidents,
            self.behaviour.subjects_count,
            config,
            runbooks,
            quiet=learn or not config.health.heartbeat,
        )
        self.docket = Docket(checkpoint.folder, database)
        self.today: date | None = None
        self.seen: datetime | None = None
        """Up to which event time all is observed."""
        self.judged: datetime | None = None
        """Up to which it was judged ahead, as if nothing came any more."""
        self._learned = False
        self._shared = (config, rules.catalogue, *rules.catalogue, working, database, telemetry)
        self._parts = (self.sessions, self.rules, self.behaviour, self.heartbeat, self.incidents, self.docket)

    @property
    def moved(self) -> bool:
        """Whether tables of the state have changed: memory is saved with them, in one transaction; then say `False`."""
        return self._learned or self.sessions.moved

    @moved.setter
    def moved(self, moved: bool) -> None:
        self._learned = self.sessions.moved = moved

    def observe(self, events: pl.DataFrame) -> list[Alert]:
        """Take released events and return the alerts they raise. Shapes: EVENT with LATE, in event time."""
        alerts: list[Alert] = []
        with self._telemetry.stage("context"):
            events = self.sessions.attribute(events)
        latest = events.get_column("@timestamp").max()
        while isinstance(latest, datetime) and (moment := self.docket.next) is not None and moment < latest:
            before = events.get_column("@timestamp").cum_max() <= moment  # what comes late stays where it came
            alerts += self._observe(events.filter(before)) + self.rule(moment)
            events = events.filter(~before)
        alerts += self._observe(events)
        if isinstance(latest, datetime):
            self.seen = max(latest, self.seen or latest)
        return [] if self.learn else alerts

    def _observe(self, events: pl.DataFrame) -> list[Alert]:
        alerts: list[Alert] = []
        for day, part in cut_at_midnight(events, self.today):
            if self.today is not None and day > self.today:
                alerts += self.silences.last(self._midnight(day)) + self._close_day(day)
            self.today = day
            for piece in self.heartbeat.parts(part):
                alerts += self.silences.end(piece) + self._detect(piece, day)
        return alerts

    def _detect(self, part: pl.DataFrame, day: date) -> list[Alert]:
        with self._telemetry.stage("rules"):
            matched = self.rules.observe(part)
        with self._telemetry.stage("models"):
            on_time = part.filter(~pl.col(schema.LATE)) if part.get_column(schema.LATE).any() else part
            scored = self.behaviour.observe(on_time, day)
        signals = as_they_came(pl.concat([matched, scored]))
        until = part.get_column("@timestamp").max()
        with self._telemetry.stage("emit"):
            return self.incidents.admit(
                schema.empty(schema.SIGNAL) if self.learn else signals,
                self.behaviour.subjects_count,
                until if isinstance(until, datetime) else None,
            )

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, self.config.zone).astimezone(UTC)

    def _close_day(self, following: date) -> list[Alert]:
        """End the running day at local midnight: incidents that are quiet close first, then the models learn."""
        midnight = self._midnight(following)
        alerts = self.incidents.admit(schema.empty(schema.SIGNAL), self.behaviour.subjects_count, midnight)
        if self.today is not None:
            with self._telemetry.stage("activity"):
                self.activity.close_day(self.today, self.behaviour.day)
        with self._telemetry.stage("learn"):
            changed = self.behaviour.close_day(self.incidents.frozen_accounts, self.incidents.abused_accounts)
        self.sessions.close_day(midnight)
        self.docket.forget(midnight - timedelta(days=self.config.state.retain_days))
        self._learned = True
        return alerts + self.incidents.reopen(changed, midnight, self.behaviour.subjects_count)

    def take_up(self) -> list[Alert] | None:
        """Let people's new verdicts take effect, and return the alerts they lead to; None where there are none.

        Only right after a commit, when what is held and the positions are of one moment. What was judged ahead, as
        if nothing came any more, is judged again before a verdict on it.
        """
        if self.seen is None or not self.docket.take_up(max(self.seen, self.judged or self.seen)):
            return None
        return self.rule(self.seen)

    def rule(self, until: datetime | None) -> list[Alert]:
        """Return the alerts that people's verdicts lead to up to an event time."""
        subjects = self.behaviour.subjects_count
        return [] if until is None else self.docket.rule(until, self.incidents, self.behaviour.withheld, subjects)

    def fork(self) -> Self:
        """Return a copy that goes its own way: columns are shared, and so are the state's tables."""
        return deepcopy(self, {id(one): one for one in self._shared})

    def told(self) -> dict[str, bytes]:
        """Return up to which event times all is observed and judged, for `restore`: part of every commit."""
        moments = [one and one.isoformat() for one in (self.seen, self.judged)]
        return {SEEN: json.dumps(moments).encode()}

    def parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield all memory that is not in the state's tables already, part by part, for `restore`."""
        yield TODAY, (self.today.isoformat() if self.today else "").encode()
        for part in self._parts:
            told = part.parts() if isinstance(part, Rules) else part.snapshot().items()
            yield from ((f"{type(part).__name__}/{name}", body) for name, body in told)

    def restore(self, saved: Mapping[str, bytes]) -> None:
        """Take up what `parts` gave, into a memory that is empty."""
        today = saved[TODAY].decode()
        self.today = date.fromisoformat(today) if today else None
        moments = json.loads(saved.get(SEEN, b"[null, null]"))
        self.seen, self.judged = (one and datetime.fromisoformat(one) for one in moments)
        for part in self._parts:
            prefix = f"{type(part).__name__}/"
            mine = {name for name in saved if name.startswith(prefix)}
            part.restore({name.removeprefix(prefix): saved[name] for name in mine})

    @property
    def evicted(self) -> Counter[str]:
        """How much of each kind of memory was let go for want of room."""
        return Counter(
            {
                "accounts": self.behaviour.accounts.evicted_count,
                "activity": self.activity.evicted_count,
                "day_rows": self.behaviour.evicted_count,
                "acquaintances": self.behaviour.known.evicted_count,
                "newcomers": self.behaviour.campaigns.evicted_count,
                "tenants": self.behaviour.tenants.evicted_count,
                "sessions": self.sessions.evicted_count,
                "new_names": self.behaviour.refused_count,
                "window_rows": sum(self.rules.evicted.values()),
            }
        )
