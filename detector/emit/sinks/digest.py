"""Alerts for the run's own summary and report."""

from collections.abc import Sequence
from typing import Final

from detector.emit.alert import Alert

MAX_ALERTS: Final = 20_000


class Digest:
    """Keeps what a run told, for the summary at its end.

    Delivery: in memory; beyond MAX_ALERTS the oldest go.
    """

    name = "digest"

    def __init__(self) -> None:
        self._alerts: list[Alert] = []

    def write(self, alerts: Sequence[Alert]) -> None:
        """Keep `alerts`."""
        self._alerts = [*self._alerts, *alerts][-MAX_ALERTS:]

    def alerts(self) -> list[Alert]:
        """Return the alerts, in event order."""
        return list(self._alerts)

    def close(self) -> None:
        """Nothing to let go of."""
