"""Decide at which of the rows that match a rule speaks: once, and again when its silence is over."""

from collections.abc import Iterator
from typing import Any

from detector.detect.rules.keys import Index

Key = tuple[str | None, ...]
_FORGET_AT = 10_000


class Firing:
    """Remembers for each group when its rule last fired.

    A rule fires at the first match, then at the first that is `mute_us` or more after it last fired.
    """

    def __init__(self, mute_us: int) -> None:
        self.mute_us = mute_us
        self.last: dict[Key, int] = {}
        self._forget_at = _FORGET_AT

    def forget(self, now_us: int) -> None:
        """Drop groups whose silence is over by `now_us`, when there are many."""
        if len(self.last) > self._forget_at:
            self.last = {key: at for key, at in self.last.items() if at + self.mute_us > now_us}
            self._forget_at = max(_FORGET_AT, 2 * len(self.last))

    def late(self, key: Key, time_us: int) -> bool:
        """Decide for an event that came too late to keep the order: silence reaches both ways from it.

        Groups are forgotten by their number: by time, it would hang on how the input was cut.
        """
        last = self.last.get(key)
        if last is not None and abs(time_us - last) < self.mute_us:
            return False
        self.last.pop(key, None)  # so that those longest unheard of stand first
        self.last[key] = time_us
        if len(self.last) > _FORGET_AT:
            del self.last[next(iter(self.last))]
        return True

    def dump(self, now_us: int | None = None) -> list[list[Any]]:
        """Give the memory as plain lists; without the groups whose silence is over by `now_us`."""
        kept = ((key, at) for key, at in self.last.items() if now_us is None or at + self.mute_us > now_us)
        return [[list(key), at] for key, at in kept]

    def load(self, data: list[list[Any]]) -> None:
        """Take back what `dump` gave."""
        self.last = {tuple(key): int(at) for key, at in data}


def fire(firing: Firing, key: Key, times: Index) -> Iterator[int]:
    """Yield the places in `times` (rising) at which the rule fires for the group `key`."""
    last = firing.last.get(key)
    place = 0 if last is None else int(times.searchsorted(last + firing.mute_us))
    while place < len(times):
        yield place
        at = int(times[place])
        firing.last[key] = at
        place = max(place + 1, int(times.searchsorted(at + firing.mute_us)))
