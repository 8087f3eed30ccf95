"""Follow live logs through the flow, and commit after every batch."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from os import PathLike, fspath
from typing import Final

from detector import clock
from detector.collect.reader import Collected, Reader
from detector.collect.source.follow import Follower
from detector.collect.source.receive import Received, receiving
from detector.config import Metrics
from detector.errors import InputError, StateWriteError
from detector.pipeline.flow import Pipeline, Progress
from detector.pipeline.foresight import Foresight
from detector.pipeline.patience import Patience
from detector.pipeline.reload import Renew, reload
from detector.pipeline.service import Service, StoppedError
from detector.pipeline.watching.figures import sentence
from detector.pipeline.watching.watch import EVERY_S, Watch
from detector.telemetry import log

POLL_S: Final = 0.25
"""How long a quiet log rests between two looks, at least: half of it is added to an alert's way, on average."""

MOST_CORES: Final = 0.4
MOST_REST_S: Final = 1.0
"""What looks may take of a processor, and the longest rest that keeps it: every look costs the same whatever it finds,
so that fewer and larger ones leave the machine to others. Who waits for others takes nothing, and rests no longer."""

ROOM_S: Final = 1.0
"""How often a full outbox is looked at."""


def tail(
    pipeline: Pipeline,
    paths: Sequence[str | PathLike[str]],
    *,
    from_start: bool = False,
    once: bool = False,
    idle_exit_s: float | None = None,
    on_progress: Progress | None = None,
    service: Service | None = None,
    renew: Renew | None = None,
) -> None:
    """Follow files and commit after every batch; end when `once` nothing is left, after a quiet time, or when asked.

    Some of `paths` may be addresses to receive at; where standard input is all, the run ends with it. `renew` is what a
    reload takes its configuration from.

    Raises: `InputError` for a path that cannot be followed, or that `once` finds nothing at; `StoppedError` where a
    stop was asked and could not wait for the end of a batch, which is read again at the next start.
    """
    with receiving(
        [fspath(path) for path in paths], pipeline.checkpoint.path.parent, pipeline.config.input
    ) as received:
        idle_exit_s = 0.0 if once and not received.ends else idle_exit_s
        live = Live(pipeline, received, service or Service(), idle_exit_s, on_progress, renew, from_start=from_start)
        answering = _answering(live.watch, pipeline.config.metrics)
        with closing(live), closing(pipeline.checkpoint), closing(pipeline), live.watch, pipeline.delivery, answering:
            if once and not pipeline.positions:
                _require([fspath(path) for path in paths], live.source)
            live.run()


def _require(paths: Sequence[str], source: Follower) -> None:
    """Refuse a first run over what is not there: once is not long enough to wait for it."""
    missing = [path for path in source.awaited if path in paths]
    if missing:
        raise InputError("\n".join(f"{path}: nothing is there to read" for path in missing))


def _answering(watch: Watch, settings: Metrics) -> AbstractContextManager[object]:
    """Answer over HTTP how the detector is, where that is asked for."""
    if settings.address is None:
        return nullcontext()
    from detector.pipeline.watching.exporter import Exporter  # loads Prometheus's library

    return Exporter(settings.address, watch)


class Live:
    """The loop of `tail`: refresh -> read -> take -> commit -> take_up -> attend, step by step."""

    def __init__(
        self,
        pipeline: Pipeline,
        received: Received,
        service: Service,
        idle_exit_s: float | None,
        on_progress: Progress | None,
        renew: Renew | None,
        *,
        from_start: bool,
    ) -> None:
        self.pipeline, self.received, self.service = pipeline, received, service
        self._idle_exit_s, self._on_progress, self._renew = idle_exit_s, on_progress, renew
        settings, positions = pipeline.config.input, received.known(pipeline.positions)
        self.source = Follower(
            received.paths, settings, positions, from_start=from_start, begin_at_start=received.begin_at_start
        )
        self.reader = Reader(self.source, pipeline.enricher.enrich, pipeline.sequencer, settings, positions)
        self.watch = Watch(pipeline, self.source, self.reader)
        self._last_s = clock.monotonic_s()
        self.foresight = Foresight(pipeline)
        self.patience = Patience(pipeline)
        self._note = ""
        pipeline.delivery.deadline = service
        pipeline.telemetry.beat = self._beat
        service.last_words = self.watch.farewell
        for path in self.source.awaited:
            log.warning("nothing is there yet; it is waited for", extra={"path": path})

    def run(self) -> None:
        """Go on until the end, or until a stop is asked: then what was read is saved, and nothing is judged ahead."""
        self.source.refresh()
        self.service.manager.ready()
        while not self.service.stopping:
            try:
                with self.patience.patient():
                    if self._turn():
                        break
            except StateWriteError as fault:
                self._wait(fault)
        else:
            self.service.manager.stopping()
            with self.patience.patient():
                self.pipeline.save()
        self._tell_lost()

    def _turn(self) -> bool:
        """Read what there is, and rest; say whether the end is reached."""
        over, began_s, used_s = self.received.over, clock.monotonic_s(), clock.cpu_s()
        self._read()
        self.watch.looked = True
        if self._over(over):
            self._settle()
            return True
        if self.service.reload_asked:
            self._reload()
        self._foresee()
        took_s, used_s = clock.monotonic_s() - began_s, clock.cpu_s() - used_s
        self.service.pause(min(max(POLL_S, used_s / MOST_CORES - took_s), MOST_REST_S))
        return False

    def _wait(self, fault: StateWriteError) -> None:
        """Rest until the state can be written, and read on from the last commit.

        Raises: `fault` where a run ends; `StoppedError` where it is asked to meanwhile: memory is ahead of what is
        saved, and must not be saved without the alerts that were dropped.
        """
        if self._idle_exit_s is not None:
            raise fault
        self._rest(self.patience.rest(fault))
        while not self.service.stopping:
            if self.patience.resume():
                self._resume()
                return
            self._rest(self.patience.rest(fault))
        raise StoppedError

    def _rest(self, seconds: float) -> None:
        """Wait where nothing can be done, and say so to whoever asks."""
        until = clock.monotonic_s() + seconds
        while not self.service.stopping and (left := until - clock.monotonic_s()) > 0:
            self.watch.turn()
            self._tell()
            self.service.rest(min(left, EVERY_S))

    def _beat(self) -> None:
        """Say between two stages that the run goes on: a large batch takes longer than figures may be old."""
        self.service.beat()
        self.watch.turn()

    def _read(self) -> None:
        """Take all there is, batch by batch; leave off between two of them where anything is asked."""
        self.pipeline.take_up()
        with closing(self.reader.batches()) as batches:
            while self._has_room() and (got := next(batches, None)) is not None:
                self._take(got)
                self.pipeline.take_up()
                self._attend()
        self._attend()

    def _foresee(self) -> None:
        """Tell by the clock what is due, once all that was written is read; at an end, `_settle` does."""
        if self._idle_exit_s is None and not self.service.asked:
            self.foresight.look(behind=self.source.behind_bytes > 0)

    def _has_room(self) -> bool:
        """Wait until the outbox can take more; False where anything is asked."""
        delivery = self.pipeline.delivery
        if self._idle_exit_s is not None:
            delivery.make_room()
        while not self.service.asked and not delivery.has_room():
            self.service.pause(ROOM_S)
            self.watch.turn()
            self._tell()
            self.pipeline.telemetry.counts["outbox_full_s"] += round(ROOM_S)
        return not self.service.asked

    def _take(self, got: Collected) -> None:
        """Observe a batch, and commit what came of it with where reading is."""
        alerts = self.pipeline.take(got, self._on_progress)
        self.pipeline.positions = dict(got.positions)
        self.received.sync()
        self.pipeline.commit(alerts, got.events)
        self.received.forget(got.positions)
        self.foresight.note(got.lines)
        self._last_s = clock.monotonic_s() if got.lines else self._last_s

    def _attend(self) -> None:
        self.pipeline.attend(ended=False)
        self.pipeline.telemetry.counts |= self.received.counts
        self.watch.turn()
        self._tell()

    def _reload(self) -> None:
        """Take up the configuration anew, and read on from where the last commit was: as a restart would."""
        self.service.reload_asked = False
        if self._renew is None:
            return
        self.service.manager.reloading()
        self._note = reload(self.pipeline, self._renew)
        self._tell_lost()
        self._resume()
        self.service.manager.ready()
        self._tell()

    def _resume(self) -> None:
        """Read on from where the last commit was."""
        pipeline, settings = self.pipeline, self.pipeline.config.input
        positions = self.received.known(pipeline.positions)
        self.reader.close()
        self.source = self.source.resumed(settings, positions)
        self.reader = Reader(self.source, pipeline.enricher.enrich, pipeline.sequencer, settings, positions)
        self.watch.source, self.watch.reader = self.source, self.reader
        self.foresight = Foresight(pipeline)

    def _tell(self) -> None:
        """Tell the service manager how it goes; what there was to say of the last reload comes first."""
        told = sentence(self.watch.figures)
        self.service.manager.status(f"{self._note}; {told}" if self._note else told)

    def _over(self, over: bool) -> bool:
        """Whether there is nothing more to wait for: input was over before it was read, or was quiet for so long."""
        quiet_s = clock.monotonic_s() - self._last_s
        quiet = self._idle_exit_s is not None and quiet_s >= self._idle_exit_s
        return not self.service.asked and (over or quiet)

    def _settle(self) -> None:
        """Judge what is held, as if nothing came after it, and deliver; but save the state from before.

        Lines may still come that belong between those held. The next run finds them held again, orders them with
        what came, and repeats the same alerts with the same ids.
        """
        pipeline = self.pipeline
        saved = pipeline.sequencer.snapshot()
        held = self.reader.settle()
        pipeline.sequencer.restore(saved)
        pipeline.telemetry.observe_read(replace(held, rejects=held.rejects.clear()))  # told once they are decided
        pipeline.save(pipeline.ahead(held.events))
        pipeline.delivery.drain()

    def _tell_lost(self) -> None:
        for path, why in (self.source.lost | self.source.refused).items():
            self.pipeline.telemetry.fault("source", f"{path}: not read to its end: {why}")

    def close(self) -> None:
        """Let go of the files."""
        self.reader.close()
