"""Gather alerts into the incidents they tell of, and find the one that somebody asks about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from detector.emit.alert import Alert, Reason
from detector.emit.alert.record import State
from detector.emit.summary import worst
from detector.errors import InputError
from detector.schema import LEVELS

LATEST: Final = 5
"""Incidents offered where one is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident as its alerts tell it. `alert` is the gravest, `alerts` all of them in event order.

    `reasons` are the strongest of each feature, most surprising first; `countries` those that the alerts came from.
    """

    id: str
    account: str | None
    alert: Alert
    alerts: tuple[Alert, ...]
    state: State
    start: datetime
    last: datetime
    users: tuple[str, ...]
    addresses: tuple[str, ...]
    countries: tuple[str, ...]
    networks: tuple[str, ...]
    clients: tuple[str, ...]
    reasons: tuple[Reason, ...]
    related: tuple[str, ...]
    subjects_count: int

    @property
    def who(self) -> str:
        """The account it is about, else the address, else what it is called by."""
        return self.account or self.alert.source_ip or self.alert.rule_name

    @property
    def level(self) -> str:
        """Its level when it was gravest."""
        return self.alert.level

    @property
    def open(self) -> bool:
        """Whether nothing has closed it yet."""
        return self.state != "closed"


def incidents(alerts: Sequence[Alert]) -> list[Incident]:
    """Return the incidents of `alerts`, gravest first."""
    turns: dict[str, list[Alert]] = {}
    for alert in alerts:
        turns.setdefault(alert.incident_id, []).append(alert)
    return [_of_turns(gravest, turns[gravest.incident_id]) for gravest in worst(alerts, len(turns))]


def _of_turns(gravest: Alert, turns: list[Alert]) -> Incident:
    ordered = tuple(sorted(turns, key=lambda one: (one.timestamp, LEVELS.index(one.level), one.state == "closed")))
    return Incident(
        id=gravest.incident_id,
        account=gravest.account,
        alert=gravest,
        alerts=ordered,
        state=ordered[-1].state,
        start=min(one.start for one in ordered),
        last=max(one.end for one in ordered),
        users=_each(name for one in ordered for name in one.users),
        addresses=_each(ip for one in ordered for ip in (one.source_ip, *one.ips)),
        countries=_each(one.country for one in ordered),
        networks=_each(one.network for one in ordered),
        clients=_each(one.client for one in ordered),
        reasons=_strongest(ordered),
        related=_each(related for one in ordered for related in one.related_incidents),
        subjects_count=max(one.subjects_count for one in ordered),
    )


def _each(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def _strongest(alerts: Iterable[Alert]) -> tuple[Reason, ...]:
    found: dict[str, Reason] = {}
    for reason in (reason for alert in alerts for reason in alert.reasons):
        known = found.get(reason.feature)
        if known is None or (reason.surprise or 0.0) >= (known.surprise or 0.0):
            found[reason.feature] = reason
    return tuple(sorted(found.values(), key=lambda one: (-(one.surprise or 0.0), one.feature)))


def find(every: Sequence[Incident], asked: str) -> Incident:
    """Return the incident with this id, with an alert of this id, or the only one whose id begins so.

    Raises: InputError with what is near.
    """
    ids = {one.id: one for one in every} | {alert.id: one for one in every for alert in one.alerts}
    if asked in ids:
        return ids[asked]
    found = {one.id: one for key, one in ids.items() if asked and key.startswith(asked)}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise InputError(f"{asked!r} begins the ids of {len(found)}: {_named(list(found.values()))}; give more of it")
    if not every:
        raise InputError(f"no alert or incident {asked!r}: the state keeps none yet")
    latest = sorted(every, key=lambda one: one.last, reverse=True)
    raise InputError(f"no alert or incident {asked!r}; the latest of {len(every)}: {_named(latest)}")


def _named(some: Sequence[Incident]) -> str:
    return ", ".join(f"{one.id} ({one.who}, {one.level})" for one in some[:LATEST])
