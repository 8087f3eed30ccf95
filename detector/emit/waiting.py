"""Weak signals that open nothing and wait: the next opening of their account shows them as evidence."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from detector.emit.evidence import Signal, seen_at

KEPT: Final = timedelta(hours=24)
MAX_A_KEY: Final = 8
MAX_KEYS: Final = 50_000


class Waiting:
    """The last weak signals a key: at most MAX_A_KEY, none older than KEPT, of the MAX_KEYS keys last heard of."""

    def __init__(self, by_key: Mapping[str, list[Signal]] | None = None) -> None:
        heard = sorted((by_key or {}).items(), key=lambda item: (seen_at(item[1][-1]), item[0]))
        self.by_key: dict[str, list[Signal]] = dict(heard)

    def add(self, key: str, signals: Sequence[Signal]) -> None:
        """Keep `signals` for `key`."""
        self.by_key[key] = [*self.by_key.pop(key, ()), *signals][-MAX_A_KEY:]  # popped: the last heard of stand last
        if len(self.by_key) > MAX_KEYS:
            del self.by_key[next(iter(self.by_key))]

    def pop(self, key: str, moment: datetime) -> list[Signal]:
        """Return and drop those of `key` that still count at `moment`."""
        return _since(self.by_key.pop(key, ()), moment - KEPT)

    def forget(self, watermark: datetime) -> None:
        """Drop what no later signal can ask for any more."""
        fresh = {key: _since(signals, watermark - KEPT) for key, signals in self.by_key.items()}
        self.by_key = {key: signals for key, signals in fresh.items() if signals}


def _since(signals: Sequence[Signal], moment: datetime) -> list[Signal]:
    return [signal for signal in signals if signal["@timestamp"] >= moment]
