"""Run the flow: what is read goes to detection, and is committed with what came of it; then alerts are delivered."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import BinaryIO

import polars as pl

from detector import clock
from detector.checkpoint import KEY_ID, POSITIONS, TODAY, Checkpoint
from detector.checkpoint.faults import named
from detector.collect.enrich import Enricher
from detector.collect.enrich.secret import cautions, configured_secret
from detector.collect.order import Sequencer
from detector.collect.reader import Collected
from detector.collect.source.block import Position
from detector.config import Config
from detector.context.intake import Intake
from detector.detect.rules import Rules
from detector.emit.alert import Alert
from detector.emit.delivery import Delivery
from detector.emit.digest import Digest
from detector.emit.ledger import FILE as LEDGER
from detector.emit.sinks import Sink
from detector.errors import together
from detector.pipeline.detection import Detection
from detector.pipeline.slack import give_back
from detector.telemetry import Telemetry, log

Progress = Callable[[Telemetry], None]
Attend = Callable[["Pipeline", bool], None]
"""Looks at a pipeline between two batches; and (True) at its end, before it lets go of its state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a run may be set up with anew while it goes on: a configuration, and what was opened as it says."""

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
        self._attend = attend
        self._span, self._rules_folders = (since, until), rules_folders
        rules = Rules.load(config, rules_folders)
        self.checkpoint = Checkpoint(state)
        at, durable = self.checkpoint.path, self.checkpoint.durable
        self.committed: datetime | None = None
        self._evicted = Counter[str]()
        with named(at.with_name(LEDGER)):  # the state itself was looked through when it was opened
            self.delivery = Delivery(
                self.checkpoint.database, at, config.outbox, sinks, self.telemetry, durable=durable
            )
        with named(at):
            self._begin(config, rules, self._enricher(config))

    def _enricher(self, config: Config) -> Enricher:
        key = configured_secret(config.portal.key) or self.checkpoint.subject_key()
        enricher = Enricher(config, key and key.under(self.checkpoint.key_id()))
        for code, caution in cautions(key, enricher.secret).items():
            self.telemetry.warn(code, caution)
        return enricher

    def _begin(self, config: Config, rules: Rules, enricher: Enricher) -> None:
        """Put all that holds memory in place, and take up what was committed last."""
        self.config, self.enricher = config, enricher
        self.sequencer = Sequencer(
            config.input.max_lateness_s, max_future_s=config.input.max_future_s, max_idle_s=config.input.max_idle_s
        )
        self.intake = Intake()
        self.positions: dict[str, Position] = {}
        self.detection = Detection(config, rules, enricher.working, self.checkpoint, self.telemetry, learn=self.learn)
        self._restore()

    def _restore(self) -> None:
        """Take up the state of the checkpoint: its snapshot, then the journal observed again.

        Where configuration and rules are those of before, the alerts of that are in the outbox already. Where not,
        as after a crash and a change, nothing else will ever raise them.
        """
        saved = self.checkpoint.load()
        if TODAY in saved.snapshot:
            self.detection.restore(saved.snapshot)
        self._evicted.subtract(self.detection.evicted)
        alerts = [alert for events in saved.journal for alert in self.detection.observe(events)]
        if POSITIONS in saved.snapshot:
            self.sequencer.restore(saved.snapshot)
            self.intake.restore(saved.snapshot)
            told = json.loads(saved.snapshot[POSITIONS])
            self.positions = {name: Position.from_dict(plain) for name, plain in told.items()}
        if alerts:
            self.save(alerts)

    def reload(self, setup: Setup) -> None:
        """Go on under another configuration, as a stop and a start with it would. Only right after a commit.

        Raises: DetectorError for a configuration, rules or a key that cannot be used: then nothing has changed.
        """
        rules, enricher = together(
            lambda: Rules.load(setup.config, self._rules_folders), lambda: self._enricher(setup.config)
        )
        self.save()
        self._evicted = self.evicted
        self.delivery.exchange(setup.config.outbox, setup.sinks)
        self.telemetry.close()
        self.telemetry.rejects_to = setup.rejects_to
        self.telemetry.mark()
        self._attend, self._span = setup.attend, (setup.since, setup.until)
        self._begin(setup.config, rules, enricher)

    def fall_back(self) -> None:
        """Go on from the last commit, as a restart would: what came after it is dropped, and read again."""
        self.checkpoint.database.rollback()
        self.telemetry.fall_back()
        self._evicted = self.evicted
        # The rules that are in force, not their files: those may hold others by now, or faults.
        self._begin(self.config, Rules(self.detection.rules.catalogue, self.config), self.enricher)

    def take(self, got: Collected, on_progress: Progress | None) -> list[Alert]:
        """Count what was read and observe what was released."""
        self.telemetry.observe_read(got)
        self.intake.observe(got.events, got.rejects.height)
        alerts = self.detection.observe(self._within(got.events))
        if on_progress is not None:
            on_progress(self.telemetry)
        return alerts

    def _within(self, events: pl.DataFrame) -> pl.DataFrame:
        since, until = self._span
        if since is not None:
            events = events.filter(pl.col("@timestamp") >= since)
        return events if until is None else events.filter(pl.col("@timestamp") < until)

    def take_up(self) -> None:
        """Let people's new verdicts take effect, and commit that by itself: a restart finds it done, or not begun."""
        alerts = self.detection.take_up()
        if alerts is not None:
            self.save(alerts)

    def ahead(self, held: pl.DataFrame) -> list[Alert]:
        """Return the alerts of events that are held, as if nothing came after them. Only right after a commit.

        A copy of the memory judges them, and is dropped with what it wrote: lines may still come that belong between
        those held. They are judged again then, and raise the same alerts with the same ids.

        Shapes: EVENT with LATE, in order.
        """
        fork = self.detection.fork()
        alerts = fork.observe(self._within(held)) + fork.rule(fork.seen)
        self.checkpoint.database.rollback()
        self.detection.judged = fork.seen
        return alerts

    def commit(self, alerts: Sequence[Alert], observed: pl.DataFrame) -> None:
        """Keep what was observed, its alerts and the positions together; then deliver."""
        if self.checkpoint.journal_bytes > self.config.state.snapshot_every_bytes or self.detection.moved:
            self.save(alerts)
            return
        if self.checkpoint.durable:
            with self.telemetry.stage("commit"):
                self.checkpoint.write_journal(self._within(observed), self._small())
        self.put(alerts)

    def save(self, alerts: Sequence[Alert] = ()) -> None:
        """Keep all memory at once, with the alerts: the next start observes nothing again."""
        with self.telemetry.stage("commit"):
            if self.checkpoint.durable:
                self.checkpoint.write_snapshot(self.parts())
            self._forget()
        self.detection.moved = False
        self.put(alerts)
        give_back()

    def _forget(self) -> None:
        """Let go of alerts that are older than they may be kept; of all else, detection does as a day closes."""
        if self.detection.today is not None:
            midnight = datetime.combine(self.detection.today, time.min, self.config.zone).astimezone(UTC)
            self.delivery.outbox.forget(midnight - timedelta(days=self.config.state.retain_days))

    def put(self, alerts: Sequence[Alert]) -> None:
        """Put alerts into the outbox, end the transaction, and count those that were not there yet."""
        fresh = self.delivery.put(alerts)
        self.checkpoint.commit()
        self.committed = clock.now()
        self.telemetry.mark()
        self.delivery.look()
        log.debug("committed", extra={"events": self.telemetry.events, "alerts": len(fresh)})
        self.telemetry.observe_alerts(fresh)
        self.digest.observe(fresh)

    def _small(self) -> dict[str, bytes]:
        """Return what changes with every batch: positions, how far time has come, and what the sequencer holds."""
        positions = {name: position.to_dict() for name, position in self.positions.items()}
        noted = {POSITIONS: json.dumps(positions).encode(), KEY_ID: self.enricher.secret.id.encode()}
        return {**self.sequencer.snapshot(), **self.intake.snapshot(), **self.detection.told(), **noted}

    def parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield all memory that is not in the state's tables already, part by part."""
        yield from self.detection.parts()
        yield from self._small().items()

    @property
    def evicted(self) -> Counter[str]:
        """How much of each kind of memory was let go for want of room in this run."""
        evicted = self._evicted.copy()
        evicted.update(self.detection.evicted)
        return evicted

    def attend(self, *, ended: bool) -> None:
        """Let who looks at it have a look, if anybody does."""
        if self._attend is not None:
            self._attend(self, ended)

    def close(self) -> None:
        """Count and warn of what only the end of a run shows; a batch that was interrupted is dropped."""
        self.checkpoint.database.rollback()
        for warning in self.enricher.describe()["warnings"]:
            self.telemetry.warn("tables", warning)
        self.telemetry.counts.update({f"{what}_evicted": count for what, count in self.evicted.items()})
        self.telemetry.observe_muted(self.detection.rules.muted, self.detection.rules.muted_latest)
        self.attend(ended=True)
