"""Say how far a follower is behind the writers of its logs: bytes, lines, event time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from detector import clock
from detector.telemetry import Telemetry, log

LINE_BYTES: Final = 240
"""What a line is taken for before any was read: that of a combined log with a session."""

WARN_AFTER_S: Final = 60.0
"""Behind for so long, it is said: a burst is caught up within seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """How far behind: bytes as stored, lines by their mean length, and how old in event time what is read now is.

    `seconds` is 0 where nothing waits: a portal that sleeps is not behind.
    """

    bytes: int = 0
    lines: int = 0
    seconds: float = 0.0

    @classmethod
    def measured(cls, waiting_bytes: int, telemetry: Telemetry) -> "Behind":
        """Measure by the bytes that wait and by what was read so far."""
        if not waiting_bytes:
            return cls()
        mean = telemetry.read_bytes / telemetry.lines if telemetry.lines else LINE_BYTES
        return cls(bytes=waiting_bytes, lines=round(waiting_bytes / mean), seconds=_age_s(telemetry.last_event))


def _age_s(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (clock.now() - moment).total_seconds())


class Lag:
    """Warns once when reading stays behind, and says when it has caught up.

    Behind is who cannot read in one step, of `step_bytes`, all that waits.
    """

    def __init__(self, step_bytes: int) -> None:
        self._step_bytes = step_bytes
        self._since_s: float | None = None
        self._warned = False

    def observe(self, behind: Behind) -> None:
        """Take a measurement in."""
        now = clock.monotonic_s()
        if behind.bytes <= self._step_bytes:
            if self._warned:
                log.warning("caught up", extra={"behind_for_s": round(now - (self._since_s or now))})
            self._since_s, self._warned = None, False
            return
        self._since_s = now if self._since_s is None else self._since_s
        if not self._warned and now - self._since_s >= WARN_AFTER_S:
            self._warned = True
            log.warning(
                "lines come faster than they are handled",
                extra={
                    "behind_lines": behind.lines,
                    "behind_bytes": behind.bytes,
                    "behind_s": round(behind.seconds),
                },
            )
