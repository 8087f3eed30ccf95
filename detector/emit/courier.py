"""Bring alerts to one sink, in a thread of its own: what is slow there holds up nothing else."""

import secrets
import sqlite3
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Final

from detector import clock
from detector.emit.backlog import AlertDamagedError, Backlog, Batch, Taken
from detector.emit.sinks import GoneError, Receipt, Sink, joined
from detector.errors import DetectorError
from detector.telemetry import SinkFigures, log

LOOK_S: Final = 1.0
"""How often an idle sink looks for what nobody woke it for: alerts that are due again, dead letters resent."""

MOST_OBEYED_S: Final = 3600.0
"""A receiver that asks for a longer pause is asked again after an hour."""


_chance: Final = secrets.SystemRandom()


class Courier:
    """The thread of one sink.

    Delivery: a batch counts as delivered when the sink has said so and the ledger has it in writing. After a fault
    the sink rests, ever longer; the alerts stay where they are.
    """

    def __init__(self, sink: Sink, ledger: Path, state: Path, figures: SinkFigures | None = None) -> None:
        self.sink, self.options = sink, sink.options
        self.figures = figures or SinkFigures(sink.options.label)
        self.gone = False
        self.moved_s = clock.monotonic_s()
        self._ledger, self._state = ledger, state
        self._backlog: Backlog | None = None
        self._wake, self._asked, self._answered = Event(), 0, -1
        self._hurried = False
        self._faults, self._rest_until_s, self._asked_until_s, self._end_s = 0, 0.0, 0.0, float("inf")
        self._thread = Thread(target=self._run, name=self.options.label, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def look(self) -> None:
        """Say that there may be something new. A sink that rests after a fault rests on."""
        self._asked += 1
        self._wake.set()

    def hurry(self) -> None:
        """Try at once, whatever rest was meant, unless the receiver asked for it."""
        self._hurried, self._rest_until_s = True, self._asked_until_s
        self.look()

    @property
    def idle(self) -> bool:
        """Whether the sink has had everything there was when `look` or `hurry` was called last."""
        return self._answered == self._asked

    def end(self, within_s: float) -> None:
        """Ask the thread to end: when all is delivered, at a fault, or when the time is up."""
        self._end_s = clock.monotonic_s() + within_s
        self.look()

    def join(self) -> bool:
        """Wait for the end that was asked for, and return whether it came in time."""
        self._thread.join(max(0.0, self._end_s - clock.monotonic_s()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                self._wake.clear()
                pause_s = self._step()
                if self._over():
                    break
                clock.wait(self._wake, pause_s)
        finally:
            if self._backlog:
                self._backlog.close()
            self.sink.close()

    def _over(self) -> bool:
        now = clock.monotonic_s()
        return self._end_s < float("inf") and (self.idle or self.gone or now < self._rest_until_s or now > self._end_s)

    def _step(self) -> float:
        """Bring one batch, and return how long to wait before the next look."""
        now, asked = clock.monotonic_s(), self._asked
        if self.gone or now < self._rest_until_s:
            return LOOK_S if self.gone else self._rest_until_s - now
        try:
            backlog = self._backlog = self._backlog or Backlog(self.options, self._ledger, self._state)
            if self._hurried:
                self._hurried = False
                backlog.hurry()
            batch = backlog.take(now)
            if batch.taken:
                return self._bring(backlog, batch)
            backlog.skip(batch)
            self._answered = self._answered if backlog.holds else asked
        except Exception as fault:  # whatever it is: a fault of one sink is named, and ends nothing
            self.gone = isinstance(fault, GoneError)
            return self._rest(_reason(fault))
        return LOOK_S

    def _bring(self, backlog: Backlog, batch: Batch) -> float:
        began = clock.monotonic_s()
        receipt = self._write(batch.taken)
        self.figures.seconds += clock.monotonic_s() - began
        ids = {one.id for one in batch.taken}
        arrived, refused = ids.intersection(receipt.arrived), ids.intersection(receipt.refused)
        if arrived or refused:
            backlog.settle(batch, receipt, lambda tries: clock.monotonic_s() + self._delay(tries))
            self.figures.delivered += len(arrived)
            self.figures.dead_letters += len(refused)
            self.moved_s = clock.monotonic_s()
            self._faults = min(self._faults, 1)
        sent_back = len(ids) - len(arrived) - len(refused)
        self.figures.retries += sent_back
        if sent_back:
            return self._rest(receipt.fault, receipt.retry_after_s)
        self._recover()
        return 0.0

    def _write(self, taken: Sequence[Taken]) -> Receipt:
        """Write what was taken. An alert that breaks the sink is found and refused: it must hold up none behind it."""
        try:
            return self.sink.write([one.alert for one in taken])
        except (OSError, DetectorError):
            raise
        except Exception as fault:
            if len(taken) == 1:
                log.error("alert not written", extra={"sink": self.options.label, "reason": _reason(fault)})
                return Receipt(refused={taken[0].id: _reason(fault)})
        return joined([self._write([one]) for one in taken])

    def _recover(self) -> None:
        if self._faults:
            log.warning("sink is back", extra={"sink": self.options.label, "faults": self._faults})
        self._faults = 0

    def _rest(self, reason: str, asked_s: float | None = None) -> float:
        now, delay, asked = clock.monotonic_s(), self._delay(self._faults), min(asked_s or 0.0, MOST_OBEYED_S)
        delay = max(delay, asked)
        if not self._faults or reason != self.figures.last_fault:
            log.warning(
                "sink fails", extra={"sink": self.options.label, "reason": reason, "next_try_s": f"{delay:.1f}"}
            )
        self._faults += 1
        self.figures.faults += 1
        self.figures.last_fault = reason
        self._rest_until_s, self._asked_until_s = now + delay, now + asked
        with suppress(sqlite3.Error):  # the fault may be the ledger's own; it is in the log and in the figures
            if self._backlog:
                self._backlog.note_fault(reason)
        return delay

    def _delay(self, times: int) -> float:
        """Return how long to rest after so many faults: twice as long each time, up to half of it left to chance."""
        full = min(self.options.retry.max_s, self.options.retry.first_s * 2.0 ** min(times, 60))
        return full * _chance.uniform(0.5, 1.0)


def _reason(fault: Exception) -> str:
    """Return what a fault is, in words that hold neither a secret nor a value of an alert."""
    if isinstance(fault, OSError | DetectorError | AlertDamagedError | sqlite3.Error):
        return str(fault) or type(fault).__name__
    last = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{type(fault).__name__} in {Path(last.filename).name}:{last.lineno}"
