"""Stand between a run and who keeps it: signals ask it between two steps, and the service manager is told."""

from collections.abc import Callable
from typing import Final

from detector import clock
from detector.pipeline.notify import Manager

GRACE_S: Final = 1.5
"""After a stop was asked: how long a batch may still take to its commit; then it is dropped and read again."""

WITHIN_S: Final = 3.0
"""After a stop was asked: when all is to be over."""

SLICE_S: Final = 0.25


class StoppedError(Exception):
    """A step is left off in its midst: what was not committed comes again at the next start."""


class Service:
    """What signals ask of a run. Their work is done here, between two steps, never where a signal strikes."""

    def __init__(self, manager: Manager | None = None) -> None:
        self.manager = manager or Manager({})
        self.last_words: Callable[[], None] = lambda: None
        """Called, in another thread, where the process ends before the run does: what is to be said for it."""
        self.reload_asked = False
        self._stop_s: float | None = None

    def stop(self) -> None:
        """Ask the run to end."""
        self._stop_s = self._stop_s or clock.monotonic_s()

    def reload(self) -> None:
        """Ask the run to take up its configuration anew."""
        self.reload_asked = True

    @property
    def stopping(self) -> bool:
        """Whether the run is to end."""
        return self._stop_s is not None

    @property
    def asked(self) -> bool:
        """Whether anything is asked for which reading is left off."""
        return self.stopping or self.reload_asked

    @property
    def left_s(self) -> float:
        """Seconds until all is to be over; endless where no stop was asked."""
        return float("inf") if self._stop_s is None else max(0.0, self._stop_s + WITHIN_S - clock.monotonic_s())

    def beat(self) -> None:
        """Say that the run goes on: at every step. Raises: StoppedError where a stop was asked and its grace is over.

        A loop that hangs does not come here: the watchdog hears nothing more, and starts the program again.
        """
        self.manager.ping()
        if self.left_s < WITHIN_S - GRACE_S:
            raise StoppedError

    def pause(self, seconds: float) -> None:
        """Wait, and go on at once when anything is asked. Raises: StoppedError as `beat`."""
        self._wait(seconds, lambda: self.asked)

    def rest(self, seconds: float) -> None:
        """Wait where nothing can be done, and go on at once when a stop is asked. Raises: StoppedError as `beat`."""
        self._wait(seconds, lambda: self.stopping)

    def _wait(self, seconds: float, over: Callable[[], bool]) -> None:
        until = clock.monotonic_s() + seconds
        self.beat()
        while not over() and (left := until - clock.monotonic_s()) > 0:
            clock.pause(min(left, SLICE_S))
            self.beat()
