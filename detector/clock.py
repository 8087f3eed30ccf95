"""Read the wall clock: the one place that does. Detection itself lives in event time only."""

import time
from datetime import UTC, datetime
from threading import Event


def now() -> datetime:
    """Return the present moment in UTC, for `event.created` and for the age of tables."""
    return datetime.now(UTC)


def monotonic_s() -> float:
    """Return seconds on a clock that never goes back, for durations."""
    return time.monotonic()


def cpu_s() -> float:
    """Return the seconds of processor time that all threads have used."""
    return time.process_time()


def pause(seconds: float) -> None:
    """Wait: how `tail` lets a quiet file rest between two looks."""
    time.sleep(seconds)


def wait(event: Event, seconds: float) -> bool:
    """Wait until `event` is set, no longer than `seconds`; return whether it is."""
    return event.wait(seconds)


def rfc3339(moment: datetime) -> str:
    """Write a moment in RFC 3339, UTC, milliseconds: `2026-03-02T09:15:00.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
