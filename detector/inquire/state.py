"""Read a state without touching it, also while a detector runs on it: open incidents, and who used which address."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Self

import polars as pl

from detector import rows
from detector.checkpoint import SCHEMA_VERSION, TODAY, file_in, found_version, other_version, sums
from detector.checkpoint.faults import unread
from detector.checkpoint.opening import altered, read_only
from detector.context import frames
from detector.context.tenants import PAIRS, used
from detector.emit.alert import Alert
from detector.emit.episode import Episode
from detector.errors import StateDamagedError, StateError
from detector.schema import LEVELS

_OPEN: Final = "Incidents/open "
TENANTS: Final = pl.Schema({"day": pl.Int64(), **PAIRS})
"""A row a day, address and account; `day` as `date.toordinal` counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident:
    """What the state tells of an incident that is not closed. `raised_by` are the addresses its alerts came from."""

    id: str
    level: str
    account: str | None
    rule_name: str
    start: datetime
    last: datetime
    users: tuple[str, ...]
    addresses: tuple[str, ...]
    raised_by: tuple[str, ...]

    @classmethod
    def of_alert(cls, alert: Alert) -> Self:
        """Begin with an alert of the incident."""
        source = () if alert.source_ip is None else (alert.source_ip,)
        return cls(
            id=alert.incident_id,
            level=alert.level,
            account=alert.account,
            rule_name=alert.rule_name,
            start=alert.start,
            last=alert.end,
            users=alert.users,
            addresses=(*alert.ips, *source),
            raised_by=source,
        )

    @classmethod
    def of_episode(cls, episode: Episode) -> Self:
        """Begin with the incident as the last snapshot has it."""
        lead = episode.lead["source.ip"]
        return cls(
            id=episode.id,
            level=LEVELS[episode.level],
            account=episode.account,
            rule_name=episode.lead["rule.name"] or episode.lead["rule.id"] or "",
            start=episode.evidence.start,
            last=episode.evidence.end,
            users=tuple(episode.evidence.users),
            addresses=tuple(episode.evidence.ips),
            raised_by=() if lead is None else (lead,),
        )

    def joined(self, later: "OpenIncident") -> "OpenIncident":
        """Return this incident with what is known of it `later`."""
        return replace(
            later,
            level=max(self.level, later.level, key=LEVELS.index),
            start=min(self.start, later.start),
            last=max(self.last, later.last),
            users=_union(self.users, later.users),
            addresses=_union(self.addresses, later.addresses),
            raised_by=_union(self.raised_by, later.raised_by),
        )


def _union(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *more)))


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the state in `folder` to read it, all from one moment. Raises: StateError."""
    path = file_in(folder)
    try:
        with closing(read_only(path)) as database:
            database.execute("BEGIN")
            if (found := found_version(database)) != str(SCHEMA_VERSION):
                raise StateError(other_version(path, found))
            if lost := list(altered(database)):
                raise StateDamagedError(path, f"damaged: {'; '.join(lost[:3])}")
            yield database
    except sqlite3.DatabaseError as fault:
        raise unread(fault, path) from None


def open_incidents(database: sqlite3.Connection) -> list[OpenIncident]:
    """Return the incidents that are not closed, oldest first.

    From the snapshot, which may be as old as the day, and from the alerts kept since, which say what was closed.
    """
    found: dict[str, OpenIncident] = {}
    closed = set()
    for name, body in sums.read(database, "snapshot", "WHERE name GLOB ?", (f"{_OPEN}*",)):
        with rows.legible(database, "snapshot", name):
            incident = OpenIncident.of_episode(Episode.from_json(body.decode()))
        found[incident.id] = incident
    for alert in _alerts(database, "ORDER BY seq"):
        if alert.state == "closed":
            closed.add(alert.incident_id)
            continue
        told = OpenIncident.of_alert(alert)
        found[told.id] = found[told.id].joined(told) if told.id in found else told
    return sorted((one for key, one in found.items() if key not in closed), key=lambda one: (one.start, one.id))


def alerts(database: sqlite3.Connection, *, incident: str | None = None, alert_id: str | None = None) -> list[Alert]:
    """Return the alerts that the outbox keeps, in the order they were raised, or those of one incident or id."""
    asked = {"json_extract(body, '$.incident_id') = ?": incident, "id = ?": alert_id}
    where = " AND ".join(clause for clause, value in asked.items() if value is not None) or "true"
    values = [value for value in asked.values() if value is not None]
    return list(_alerts(database, f"WHERE {where} ORDER BY seq", values))


def _alerts(database: sqlite3.Connection, which: str, values: Sequence[str] = ()) -> Iterator[Alert]:
    for seq, _, body in rows.read(database, "outbox", which, values):
        with rows.legible(database, "outbox", seq):
            alert = Alert.from_json(body)
        yield alert


def tenants(database: sqlite3.Connection) -> pl.DataFrame:
    """Return which account used which address on which day, the running day and what came since included.

    Shapes: -> TENANTS.
    """
    saved = dict(sums.read(database, "snapshot", "WHERE name IN (?, ?)", (_RUNNING, TODAY)))
    today = saved.get(TODAY, b"").decode()
    number = date.fromisoformat(today).toordinal() if today else 0
    days = [_dated(day, frames.unpack(body)) for day, body in _closed_days(database)]
    if _RUNNING in saved:
        days.append(_dated(number, frames.unpack(saved[_RUNNING])))
    for _, body in sums.read(database, "journal", "ORDER BY seq"):
        days.append(_dated(number, used(frames.unpack(body))))
    return pl.concat([pl.DataFrame(schema=TENANTS), *days]).unique(maintain_order=True)


_RUNNING: Final = "Behaviour/tenants.today"


def _closed_days(database: sqlite3.Connection) -> list[tuple[Any, ...]]:
    kept = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'tenants'").fetchone()
    return list(rows.read(database, "tenants", "ORDER BY day")) if kept else []


def _dated(day: int, pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.select(pl.lit(day, pl.Int64).alias("day"), *PAIRS.names())
