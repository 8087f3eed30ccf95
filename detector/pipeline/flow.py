"""Run the flow: collect, context, detect, emit; commit what was seen with what it led to."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from detector import clock, schema
from detector.checkpoint import KEY_ID, Checkpoint
from detector.checkpoint.faults import named
from detector.collect.enrich import Enricher
from detector.collect.enrich.secret import cautions, configured_secret
from detector.collect.order import Sequencer
from detector.collect.reader import Collected
from detector.collect.source.block import Position
from detector.config import Config
from detector.context.activity import Activity
from detector.context.intake import Intake
from detector.context.midnight import cut_at_midnight
from detector.context.session import Sessions
from detector.context.traffic import Traffic
from detector.detect.arrival import as_they_came
from detector.detect.behaviour import Behaviour
from detector.detect.heartbeat import MODEL as SILENCE
from detector.detect.heartbeat import Heartbeat
from detector.detect.rules import Rules
from detector.emit.alert import Alert
from detector.emit.delivery import Delivery
from detector.emit.digest import Digest
from detector.emit.docket import Docket
from detector.emit.incident import Incidents
from detector.emit.sinks import Sink
from detector.pipeline.moments import moments, told
from detector.pipeline.silence import Silences
from detector.telemetry import Telemetry, log

TODAY: Final = "pipeline.today"
SEEN: Final = "pipeline.seen"
POSITIONS: Final = "reader.positions"

Progress = Callable[[Telemetry], None]


Attend = Callable[["Pipeline", bool], None]
"""Looks at a pipeline between two batches; and (True) at its end, before it lets go of its state."""


def _attend_to_nothing(pipeline: "Pipeline", ended: bool) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a run is set up with, and may be set up with anew: a configuration, and what was opened as it says."""

    config: Config
    since: datetime | None = None
    until: datetime | None = None
    sinks: Sequence[Sink] = ()
    attend: Attend | None = None
    rejects_to: BinaryIO | None = None

    def close(self) -> None:
        """Let go of what was opened: it is not used."""
        for one in self.sinks:
            one.close()
        if self.rejects_to is not None:
            self.rejects_to.close()


class Pipeline:
    """One detector over one state: lines go in, alerts come out.

    `learn`: learn and raise nothing, from a history known to be clean. `since`, `until`: leave out events before,
    and from then on. Raises: `DetectorError` for a configuration, rules or a state that cannot be used.
    """

    def __init__(
        self,
        config: Config,
        *,
        state: Path | None = None,
        rules_folders: Sequence[Path] = (),
        learn: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
        telemetry: Telemetry | None = None,
        sinks: Sequence[Sink] = (),
        attend: Attend | None = None,
    ) -> None:
        self.telemetry = telemetry or Telemetry()
        self.digest = Digest()
        self.learn = learn
        self.attend = attend or _attend_to_nothing
        self._span, self._rules_folders = (since, until), rules_folders
        rules = Rules.load(config, rules_folders)
        self.checkpoint = Checkpoint(state)
        at, durable = self.checkpoint.path, self.checkpoint.durable
        self.committed: datetime | None = None
        with named(at):
            self.delivery = Delivery(
                self.checkpoint.database, at, config.outbox, sinks, self.telemetry, durable=durable
            )
            self._begin(config, rules, self._enricher(config))
            self._restore()

    def _enricher(self, config: Config) -> Enricher:
        key = configured_secret(config.portal.key) or self.checkpoint.subject_key()
        enricher = Enricher(config, key and key.under(self.checkpoint.key_id()))
        for code, caution in cautions(key, enricher.secret).items():
            self.telemetry.warn(code, caution)
        return enricher

    def _begin(self, config: Config, rules: Rules, enricher: Enricher) -> None:
        """Put all parts in place that hold memory, without any."""
        self.config, self.rules, self.enricher = config, rules, enricher
        self.sequencer = Sequencer(
            config.input.max_lateness_s, max_future_s=config.input.max_future_s, max_idle_s=config.input.max_idle_s
        )
        self.sessions = Sessions(config.state.max_accounts_in_memory, self.checkpoint.database)
        self.behaviour = Behaviour(config, self.checkpoint.database, durable=self.checkpoint.durable)
        self.activity = Activity(self.checkpoint.database, config.state.max_rows_per_window)
        self.intake = Intake()
        runbooks = {rule.id: rule.said_in(config.language).runbook for rule in self.rules.catalogue}
        runbooks[SILENCE] = tuple(self.behaviour.words.names("silence.runbook"))
        self.incidents = Incidents(config, runbooks)
        self.heartbeat = Heartbeat(Traffic(config.zone, self.enricher.working), self.behaviour.words)
        self.silences = Silences(
            self.heartbeat,
            self.incidents,
            self.behaviour.subjects_count,
            config,
            runbooks,
            quiet=self.learn or not config.health.heartbeat,
        )
        self.docket = Docket(self.checkpoint.folder, self.checkpoint.database)
        self.today: date | None = None
        self.seen: datetime | None = None
        self.judged: datetime | None = None
        self.learned = False
        self.positions: dict[str, Position] = {}
        self._parts = (self.sessions, self.rules, self.behaviour, self.heartbeat, self.incidents, self.docket)

    def reload(self, setup: Setup) -> None:
        """Go on under another configuration, as a stop and a start with it would. Only right after a commit.

        Raises: DetectorError for a configuration, rules or a key that cannot be used: then nothing has changed.
        """
        rules, enricher = Rules.load(setup.config, self._rules_folders), self._enricher(setup.config)
        self.save()
        self._count_evicted()
        self.delivery.exchange(setup.config.outbox, setup.sinks)
        self.telemetry.close()
        self.telemetry.rejects_to = setup.rejects_to
        self.attend, self._span = setup.attend or _attend_to_nothing, (setup.since, setup.until)
        self._begin(setup.config, rules, enricher)
        self._restore()

    def fall_back(self) -> None:
        """Go on from the last commit, as a restart would: what came after it is dropped, and read again."""
        self.checkpoint.database.rollback()
        self._begin(self.config, Rules.load(self.config, self._rules_folders), self.enricher)
        self._restore()

    def take(self, got: Collected, on_progress: Progress | None) -> list[Alert]:
        """Count what was read and observe what was released."""
        self.telemetry.observe_read(got)
        self.intake.observe(got.events, got.rejects.height)
        alerts = self.observe(self._within(got.events))
        if on_progress is not None:
            on_progress(self.telemetry)
        return alerts

    def _within(self, events: pl.DataFrame) -> pl.DataFrame:
        since, until = self._span
        if since is not None:
            events = events.filter(pl.col("@timestamp") >= since)
        return events if until is None else events.filter(pl.col("@timestamp") < until)

    def take_up(self) -> None:
        """Let people's new verdicts take effect, and commit that by itself: a restart finds it done, or not begun.

        Only right after a commit, when what is held and the positions are of one moment. What was judged ahead, as
        if nothing came any more, is judged again before a verdict on it.
        """
        if self.seen is not None and self.docket.take_up(max(self.seen, self.judged or self.seen)):
            alerts = self.rule(self.seen)
            self.learned = True
            self.commit(alerts, schema.empty(schema.EVENT))

    def rule(self, until: datetime | None) -> list[Alert]:
        """Return the alerts that people's verdicts lead to up to an event time."""
        subjects = self.behaviour.subjects_count
        return [] if until is None else self.docket.rule(until, self.incidents, self.behaviour.withheld, subjects)

    def observe(self, events: pl.DataFrame) -> list[Alert]:
        """Take released events and return the alerts they raise. Shapes: EVENT with LATE, in event time."""
        alerts: list[Alert] = []
        with self.telemetry.stage("context"):
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
        with self.telemetry.stage("rules"):
            matched = self.rules.observe(part)
        with self.telemetry.stage("models"):
            on_time = part.filter(~pl.col(schema.LATE)) if part.get_column(schema.LATE).any() else part
            scored = self.behaviour.observe(on_time, day)
        signals = as_they_came(pl.concat([matched, scored]))
        until = part.get_column("@timestamp").max()
        with self.telemetry.stage("emit"):
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
            with self.telemetry.stage("activity"):
                self.activity.close_day(self.today, self.behaviour.day)
        with self.telemetry.stage("learn"):
            changed = self.behaviour.close_day(self.incidents.frozen_accounts, self.incidents.abused_accounts)
        self.sessions.close_day(midnight)
        self._forget(midnight - timedelta(days=self.config.state.retain_days))
        self.learned = True
        return alerts + self.incidents.reopen(changed, midnight, self.behaviour.subjects_count)

    def _forget(self, before: datetime) -> None:
        """Let go of what is older than it may be kept; accounts are forgotten as the day is learned."""
        self.delivery.outbox.forget(before)
        self.docket.forget(before)

    def commit(self, alerts: Sequence[Alert], observed: pl.DataFrame) -> None:
        """Keep what was observed, its alerts and the positions together; then deliver."""
        if self.checkpoint.durable:
            with self.telemetry.stage("commit"):
                due = self.checkpoint.journal_bytes > self.config.state.snapshot_every_bytes
                if due or self.learned or self.sessions.moved:
                    self.checkpoint.write_snapshot(self.snapshot())
                else:
                    self.checkpoint.write_journal(self._within(observed), self._small())
        self.learned = self.sessions.moved = False
        self.put(alerts)

    def save(self, alerts: Sequence[Alert] = ()) -> None:
        """Keep all memory at once: the next start observes nothing again. Only right after a commit."""
        self.learned = True
        self.commit(alerts, schema.empty(schema.EVENT))

    def put(self, alerts: Sequence[Alert]) -> None:
        """Put alerts into the outbox, end the transaction, and count them."""
        self.delivery.put(alerts)
        self.checkpoint.commit()
        self.committed = clock.now()
        self.delivery.look()
        log.debug("committed", extra={"events": self.telemetry.events, "alerts": len(alerts)})
        self.telemetry.observe_alerts(alerts)
        self.digest.observe(alerts)

    def _small(self) -> dict[str, bytes]:
        """Return what changes with every batch: positions, and what the sequencer holds."""
        positions = {name: position.to_dict() for name, position in self.positions.items()}
        noted = {POSITIONS: json.dumps(positions).encode(), KEY_ID: self.enricher.secret.id.encode()}
        return {**self.sequencer.snapshot(), **self.intake.snapshot(), **noted}

    def snapshot(self) -> dict[str, bytes]:
        """Return all memory that is not in the state's tables already."""
        today = (self.today.isoformat() if self.today else "").encode()
        saved = {TODAY: today, SEEN: told(self.seen, self.judged), **self._small()}
        for part in self._parts:
            saved |= {f"{type(part).__name__}/{name}": body for name, body in part.snapshot().items()}
        return saved

    def _restore(self) -> None:
        """Take up the state of the checkpoint: its snapshot, then the journal observed again."""
        saved = self.checkpoint.load()
        if TODAY in saved.snapshot:
            today = saved.snapshot[TODAY].decode()
            self.today = date.fromisoformat(today) if today else None
            self.seen, self.judged = moments(saved.snapshot.get(SEEN, b"[null, null]"))
            for part in self._parts:
                prefix = f"{type(part).__name__}/"
                mine = {name for name in saved.snapshot if name.startswith(prefix)}
                part.restore({name.removeprefix(prefix): saved.snapshot[name] for name in mine})
        for events in saved.journal:
            self.observe(events)  # its alerts are in the outbox already
        if POSITIONS in saved.snapshot:
            self.sequencer.restore(saved.snapshot)
            self.intake.restore(saved.snapshot)
            told = json.loads(saved.snapshot[POSITIONS])
            self.positions = {name: Position.from_dict(plain) for name, plain in told.items()}

    @property
    def evicted(self) -> dict[str, int]:
        """How much of each kind of memory was let go for want of room in this run."""
        return {
            "accounts": self.behaviour.accounts.evicted_count,
            "activity": self.activity.evicted_count,
            "displays": self.behaviour.day.evicted_count,
            "acquaintances": self.behaviour.known.evicted_count,
            "newcomers": self.behaviour.campaigns.evicted_count,
            "tenants": self.behaviour.tenants.evicted_count,
            "sessions": self.sessions.evicted_count,
            "new_names": self.behaviour.refused_count,
            "window_rows": sum(self.rules.evicted.values()),
        }

    def close(self) -> None:
        """Count and warn of what only the end of a run shows; a batch that was interrupted is dropped."""
        self.checkpoint.database.rollback()
        for warning in self.enricher.describe()["warnings"]:
            self.telemetry.warn("tables", warning)
        self._count_evicted()
        self.telemetry.observe_muted(self.rules.muted, self.rules.muted_latest)
        self.attend(self, True)

    def _count_evicted(self) -> None:
        self.telemetry.counts.update({f"{what}_evicted": count for what, count in self.evicted.items()})
