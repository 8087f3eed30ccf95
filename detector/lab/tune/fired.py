"""Know one alert of a rule again, whether a file tells of it or a rule has just fired it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from detector.clock import rfc3339
from detector.detect.rules import Rules
from detector.emit.alert.who import address
from detector.emit.episode import digest
from detector.lab.truth import Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """One time that a rule fired: of which rule, when, and for whom, which `key` tells; on evidence since `start`."""

    rule: str
    at: datetime
    key: str
    start: datetime = field(compare=False)
    users: tuple[str, ...] = field(compare=False)
    source: str | None = field(compare=False)

    @property
    def id(self) -> str:
        """The id that `detector rules backtest --alerts` gives it."""
        return digest(self.rule, rfc3339(self.at), self.key)[:32]

    def is_told_by(self, alert: Alert) -> bool:
        """Whether an alert of a file is about this: by its id, else by rule, time to the millisecond, and whom."""
        if alert.id == self.id:
            return True
        return (
            alert.rule == self.rule
            and rfc3339(alert.at) == rfc3339(self.at)
            and (alert.account is None or alert.account in self.users)
            and (alert.source is None or alert.source == self.source)
        )

    def __str__(self) -> str:
        return f"{rfc3339(self.at)} {self.key}".strip()


def firing(rules: Rules, frames: Iterable[pl.DataFrame]) -> Iterator[Fired]:
    """Yield each time that a rule fires over frames of events, in event time."""
    for events in frames:
        yield from map(_fired, rules.observe(events).iter_rows(named=True))


def _fired(signal: dict[str, Any]) -> Fired:
    return Fired(
        rule=signal["rule.id"],
        at=signal["@timestamp"],
        key=signal["signal.key"],
        start=signal["signal.start"] or signal["@timestamp"],
        users=tuple(sorted({signal["user.name"], *signal["related.user"]} - {None})),
        source=address(signal["source.ip"]),
    )


def told(alerts: Sequence[Alert], fired: Sequence[Fired]) -> tuple[set[Fired], list[Alert]]:
    """Find what alerts are about, and the alerts that are about nothing that fired."""
    at: dict[str, list[Fired]] = {}
    for one in fired:
        at.setdefault(rfc3339(one.at), []).append(one)
    found: set[Fired] = set()
    missing: list[Alert] = []
    for alert in alerts:
        mine = [one for one in at.get(rfc3339(alert.at), []) if one.is_told_by(alert)]
        found.update(mine)
        if not mine:
            missing.append(alert)
    return found, missing
