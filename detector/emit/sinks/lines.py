"""Alerts as lines: the bytes that the sinks here have in common."""

from collections.abc import Sequence

from detector import clock
from detector.emit.alert import Alert, render


def as_lines(alerts: Sequence[Alert], form: str) -> bytes:
    """Return one line an alert in the format `form`."""
    now = clock.now()
    return b"".join(render(form, one, now) + b"\n" for one in alerts)
