"""Bring the outbox's alerts to all sinks at once, each at its own pace."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from detector import clock
from detector.emit.backlog import Backlog
from detector.emit.courier import Courier
from detector.emit.sinks import Sink
from detector.telemetry import SinkFigures, log

STOP_S: Final = 5.0
"""How long the end of a run waits for a sink that is in the middle of something."""

LOOK_S: Final = 0.02


class Dispatch:
    """The couriers of one run. The outbox knows the sinks. `figures` of a sink that was there before go on."""

    def __init__(self, sinks: Sequence[Sink], ledger: Path, state: Path, figures: Sequence[SinkFigures] = ()) -> None:
        self._ledger, self._state = ledger, state
        before = {one.name: one for one in figures}
        self._couriers = [Courier(one, ledger, state, before.get(one.options.label)) for one in sinks]
        for one in self._couriers:
            one.start()

    @property
    def figures(self) -> list[SinkFigures]:
        """The figures of each sink, as they grow."""
        return [one.figures for one in self._couriers]

    def look(self) -> None:
        """Say that alerts were committed."""
        for one in self._couriers:
            one.look()

    def drain(self, still_s: float, pause: Callable[[float], None] = clock.pause) -> None:
        """Wait until every sink has had everything; one that stands still for `still_s` is waited for no longer."""
        began = clock.monotonic_s()
        for one in self._couriers:
            one.hurry()
        while any(_worth_waiting_for(one, began, still_s) for one in self._couriers):
            pause(LOOK_S)

    def close(self, within_s: float = STOP_S) -> None:
        """End all threads, when what can be delivered at once is delivered, and count what still waits."""
        for one in self._couriers:
            one.end(min(within_s, STOP_S))
        for one in self._couriers:
            if not one.join():
                log.warning("sink did not end in time: its batch comes again", extra={"sink": one.options.label})
        self.count()

    def count(self) -> None:
        """Bring `pending` of the figures up to date."""
        for one in self._couriers:
            backlog = Backlog(one.options, self._ledger, self._state)
            one.figures.pending = backlog.waiting()
            backlog.close()


def _worth_waiting_for(one: Courier, began: float, still_s: float) -> bool:
    return not one.idle and not one.gone and clock.monotonic_s() - max(began, one.moved_s) < still_s
