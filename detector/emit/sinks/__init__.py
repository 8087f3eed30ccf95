"""Where alerts go. A sink writes what it is given and says so only when it is safe; the outbox repeats the rest.

Delivery of all: at least once, in event order, after the state that raised the alert is committed.
"""

from collections.abc import Sequence
from typing import Protocol

from detector.emit.alert import Alert


class Sink(Protocol):
    """One destination."""

    @property
    def name(self) -> str:
        """What the outbox and the metrics call it; the same in every run."""

    def write(self, alerts: Sequence[Alert]) -> None:
        """Hand `alerts` over. Raises: OSError when any may not have arrived."""

    def close(self) -> None:
        """Let go of what is held."""
