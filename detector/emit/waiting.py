"""Weak signals that open nothing and wait: the next opening of their account shows them as evidence."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from detector.emit.evidence import Signal

KEPT: Final = timedelta(hours=24)
MAX_A_KEY: Final = 16


class Waiting:
    """The last weak signals a key, at most MAX_A_KEY of them and none older than KEPT."""

    def __init__(self) -> None:
        self.by_key: dict[str, list[Signal]] = {}

    def add(self, key: str, signals: Sequence[Signal]) -> None:
        """Keep `signals` for `key`."""
        self.by_key[key] = [*self.by_key.get(key, ()), *signals][-MAX_A_KEY:]

    def pop(self, key: str, moment: datetime) -> list[Signal]:
        """Return and drop those of `key` that still count at `moment`."""
        return _since(self.by_key.pop(key, ()), moment - KEPT)

    def forget(self, watermark: datetime) -> None:
        """Drop what no later signal can ask for any more."""
        fresh = {key: _since(signals, watermark - KEPT) for key, signals in self.by_key.items()}
        self.by_key = {key: signals for key, signals in fresh.items() if signals}


def _since(signals: Sequence[Signal], moment: datetime) -> list[Signal]:
    return [signal for signal in signals if signal["@timestamp"] >= moment]
