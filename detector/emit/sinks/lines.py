"""Alerts as JSON lines: the bytes that the sinks here have in common."""

import json
from collections.abc import Sequence

from detector import clock
from detector.emit.alert import WRITERS, Alert


def json_lines(alerts: Sequence[Alert], form: str) -> bytes:
    """Return one line an alert in the format `form` (`ecs`, `ocsf`), pure ASCII so that no terminal obeys it."""
    write, now = WRITERS[form], clock.now()
    return b"".join(json.dumps(write(one, now), separators=(",", ":")).encode() + b"\n" for one in alerts)
