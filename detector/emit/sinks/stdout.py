"""Alerts to standard output."""

import os
import sys
from collections.abc import Sequence

from detector.config import ToStdout
from detector.emit.alert import Alert
from detector.emit.sinks import GoneError, Receipt, all_of
from detector.emit.sinks.lines import as_lines


class StdoutSink:
    """One alert a line on standard output.

    Delivery: written and flushed; what the reader does with them is its own. When it reads no more, as `head` does,
    the run goes on, and what it did not take waits in the state.
    """

    def __init__(self, options: ToStdout) -> None:
        self.options = options

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        """Write and flush. Raises: GoneError when nobody reads any more."""
        try:
            sys.stdout.buffer.write(as_lines(alerts, self.options.format))
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            with open(os.devnull, "wb") as nowhere:  # or Python fails once more when it flushes at its end
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
            raise GoneError("nobody reads standard output any more") from None
        return all_of(alerts)

    def close(self) -> None:
        """Leave standard output as it is."""


open_sink = StdoutSink
