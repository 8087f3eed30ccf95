"""Hold the open episodes so that a flood of them slows nothing: which are quiet, and which name many accounts."""

from collections.abc import Iterable
from datetime import datetime
from heapq import heapify, heappop, heappush

from detector.emit.episode import Episode


class Opened:
    """The open episodes, by what they are about: `by_key`."""

    def __init__(self, episodes: Iterable[Episode] = ()) -> None:
        self.by_key = {one.key: one for one in episodes}
        self._together = {one.key for one in self.by_key.values() if one.together}
        self._heard = [(one.last, one.key) for one in self.by_key.values()]
        """When each was last heard of, or earlier, the earliest first."""
        heapify(self._heard)

    def add(self, episode: Episode) -> None:
        """Take in one that opens."""
        self.by_key[episode.key] = episode
        heappush(self._heard, (episode.last, episode.key))

    def note(self, episode: Episode) -> None:
        """Take note of what an episode absorbed."""
        if episode.together:
            self._together.add(episode.key)

    def drop(self, episode: Episode) -> None:
        """Let go of one that closes."""
        del self.by_key[episode.key]
        self._together.discard(episode.key)

    def quiet(self, since: datetime) -> list[Episode]:
        """Return those not heard of after `since`, the first to fall silent first; the caller drops them."""
        found: dict[str, Episode] = {}
        while self._heard and self._heard[0][0] <= since:
            _, key = heappop(self._heard)
            episode = self.by_key.get(key)
            if episode is not None and episode.last <= since:
                found[key] = episode
            elif episode is not None:
                heappush(self._heard, (episode.last, key))
        return sorted(found.values(), key=lambda one: (one.last, one.key))

    def naming(self, account: str | None) -> set[str]:
        """Return the ids of those of several accounts that name this one."""
        return {self.by_key[key].id for key in self._together if account in self.by_key[key].together}
