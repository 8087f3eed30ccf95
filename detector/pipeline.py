"""Run the flow: collect, context, detect, emit; commit what was seen with what it led to."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from detector import clock, schema
from detector.checkpoint import Checkpoint
from detector.collect.order import Sequencer
from detector.config import Config
from detector.context.session import Sessions
from detector.detect.behaviour import Behaviour
from detector.detect.rules import Rules
from detector.emit.alert import Alert
from detector.emit.incident import Incidents
from detector.emit.outbox import Outbox
from detector.emit.sinks import Sink
from detector.telemetry import Telemetry

ORDER: Final = ["@timestamp", "rule.id", "signal.key"]


class Pipeline:
    """One detector over one state: events in event time go in, alerts come out.

    `learn` learns and raises nothing: for a history known to be clean.
    """

    def __init__(
        self,
        config: Config,
        checkpoint: Checkpoint,
        sinks: Sequence[Sink],
        telemetry: Telemetry,
        *,
        rules: Rules,
        learn: bool = False,
    ) -> None:
        self.config = config
        self.checkpoint = checkpoint
        self.sinks = sinks
        self.telemetry = telemetry
        self.learn = learn
        self.sequencer = Sequencer(config.input.max_lateness_s)
        self.sessions = Sessions(config.state.max_accounts_in_memory)
        self.rules = rules
        self.behaviour = Behaviour(config, checkpoint.database)
        self.incidents = Incidents(config)
        self.outbox = Outbox(checkpoint.database)
        self.today: date | None = None
        self.learned = False
        self._parts = (self.sessions, self.rules, self.behaviour, self.incidents)

    def observe(self, events: pl.DataFrame) -> list[Alert]:
        """Take released events and return the alerts they raise. Shapes: EVENT with LATE, in event time."""
        alerts: list[Alert] = []
        with self.telemetry.stage("context"):
            events = self.sessions.attribute(events)
        for day, part in _days(events, self.today):
            if self.today is not None and day > self.today:
                alerts += self._close_day(day)
            self.today = day
            alerts += self._detect(part, day)
        return [] if self.learn else alerts

    def _detect(self, part: pl.DataFrame, day: date) -> list[Alert]:
        with self.telemetry.stage("rules"):
            matched = self.rules.observe(part)
        with self.telemetry.stage("models"):
            scored = self.behaviour.observe(part.filter(~pl.col(schema.LATE)), day)
        signals = pl.concat([matched, scored]).sort(ORDER)
        until = part.get_column("@timestamp").max()
        with self.telemetry.stage("emit"):
            return self.incidents.admit(
                schema.empty(schema.SIGNAL) if self.learn else signals,
                self.behaviour.subjects_count,
                until if isinstance(until, datetime) else None,
            )

    def _close_day(self, following: date) -> list[Alert]:
        """End the running day at local midnight: incidents that are quiet close first, then the models learn."""
        midnight = datetime.combine(following, time.min, self.config.zone).astimezone(UTC)
        alerts = self.incidents.admit(schema.empty(schema.SIGNAL), self.behaviour.subjects_count, midnight)
        with self.telemetry.stage("learn"):
            self.behaviour.close_day(self.incidents.frozen_accounts)
        self.learned = True
        return alerts

    def commit(self, observed: pl.DataFrame, alerts: Sequence[Alert], small: dict[str, bytes]) -> None:
        """Keep what was observed, its alerts and the positions together; then deliver.

        `small`: positions and what the sequencer holds, replaced at every commit.
        """
        with self.telemetry.stage("commit"):
            if self.checkpoint.durable:
                full = self.learned or self.checkpoint.journal_bytes > self.config.state.snapshot_every_bytes
                if full:
                    self.checkpoint.write_snapshot({**self.snapshot(), **small})
                else:
                    self.checkpoint.write_journal(observed, small)
                self.learned = False
            self.outbox.put(alerts)
            self.checkpoint.commit()
        self.telemetry.observe_alerts(alerts)
        self.deliver()

    def deliver(self) -> None:
        """Hand the sinks what they have not had."""
        with self.telemetry.stage("deliver"):
            for fault in self.outbox.deliver(self.sinks):
                self.telemetry.fault(fault.sink, fault.message)

    def snapshot(self) -> dict[str, bytes]:
        """Return all memory but the sequencer's, for `restore`."""
        saved = {"pipeline.today": (self.today.isoformat() if self.today else "").encode()}
        for part in self._parts:
            saved |= {f"{type(part).__name__}/{name}": body for name, body in part.snapshot().items()}
        return saved

    def restore(self) -> dict[str, bytes]:
        """Take up the state of the checkpoint: its snapshot, then the journal observed again.

        Returns: the small parts (positions, what the sequencer held) as they were committed.
        """
        saved = self.checkpoint.load()
        if not saved.snapshot:
            return {}
        if "pipeline.today" in saved.snapshot:
            today = saved.snapshot["pipeline.today"].decode()
            self.today = date.fromisoformat(today) if today else None
            for part in self._parts:
                prefix = f"{type(part).__name__}/"
                part.restore({name[len(prefix) :]: body for name, body in saved.snapshot.items() if name.startswith(prefix)})
        for events in saved.journal:
            self.observe(events)  # its alerts are in the outbox already
        return {name: body for name, body in saved.snapshot.items() if "/" not in name and name != "pipeline.today"}


def _days(events: pl.DataFrame, today: date | None) -> Iterator[tuple[date, pl.DataFrame]]:
    """Cut events at local midnight. A late event belongs to the day that runs when it comes.

    Loops once a day.
    """
    if events.is_empty():
        return
    floor = pl.lit(today, pl.Date)
    on_time = pl.when(~pl.col(schema.LATE)).then(pl.col("portal.local_date"))
    dated = events.with_columns(
        pl.max_horizontal(on_time.cum_max(), floor).forward_fill().backward_fill().alias("day")
    )
    first = dated.get_column("day").item(0)
    if first is None:
        dated = dated.with_columns(pl.col("day").fill_null(pl.col("portal.local_date").max()))
    for (day,), part in dated.group_by("day", maintain_order=True):
        if isinstance(day, date):
            yield day, part.drop("day")


__all__ = ["Callable", "Path", "Pipeline", "clock", "timedelta"]
