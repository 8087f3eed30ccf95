"""Alerts to standard output."""

import sys
from collections.abc import Sequence

from detector.emit.alert import Alert
from detector.emit.sinks.lines import json_lines


class StdoutSink:
    """JSON lines on standard output.

    Delivery: written and flushed; what the reader does with them is its own.
    """

    name = "stdout"

    def __init__(self, form: str = "ecs") -> None:
        self._form = form

    def write(self, alerts: Sequence[Alert]) -> None:
        """Write and flush. Raises: BrokenPipeError when nobody reads any more."""
        sys.stdout.buffer.write(json_lines(alerts, self._form))
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Leave standard output as it is."""
