"""What a run told, for its own summary and report."""

from collections.abc import Sequence
from typing import Final

from detector.emit.alert import Alert

MAX_ALERTS: Final = 20_000


class Digest:
    """Keeps the alerts of a run, in event order; beyond MAX_ALERTS the oldest go."""

    def __init__(self) -> None:
        self._alerts: list[Alert] = []

    def observe(self, alerts: Sequence[Alert]) -> None:
        """Keep `alerts`."""
        self._alerts = [*self._alerts, *alerts][-MAX_ALERTS:]

    def alerts(self) -> list[Alert]:
        """Return the alerts."""
        return list(self._alerts)
