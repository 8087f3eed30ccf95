"""Keep what filters and allow-lists keep from rules: how much, and the latest of it, for people to look over."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from detector.clock import rfc3339
from detector.detect.rules.batch import Batch
from detector.detect.rules.keys import Mask
from detector.detect.rules.spec import Rule

LATEST: Final = 20
"""Events that are kept of each reason."""

SHOWN: Final = ("@timestamp", "user.name", "source.ip", "log.file.path", "log.offset")


class Muted:
    """What was muted, by the reason of the allow-list or the title of the filter.

    - `count`: events kept from rules
    - `latest`: the last of them: for which rule, when, whose, from where, and where the line stands
    """

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.latest: dict[str, deque[dict[str, Any]]] = {}

    def note(self, reason: str, rule: Rule, batch: Batch, rows: Mask) -> None:
        """Note the marked events of a batch."""
        found = np.flatnonzero(rows)
        if not len(found):
            return
        self.count[reason] += len(found)
        kept = self.latest.setdefault(reason, deque(maxlen=LATEST))
        for event in batch.events[found[-LATEST:]].select(SHOWN).rows(named=True):
            kept.append({"rule.name": rule.title, **event, "@timestamp": rfc3339(event["@timestamp"])})

    def dump(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return {"count": dict(self.count), "latest": {reason: list(events) for reason, events in self.latest.items()}}

    def load(self, data: Mapping[str, Any]) -> None:
        """Take back what `dump` gave."""
        self.count = Counter(data.get("count", {}))
        self.latest = {reason: deque(events, maxlen=LATEST) for reason, events in data.get("latest", {}).items()}
