"""Read the truth of a simulated log and the alerts that are held against it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from detector.errors import Fault, FaultsError, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What an evaluation needs of an alert."""

    at: datetime
    accounts: frozenset[str]
    account: str | None
    source: str | None
    risk: float
    incident: str | None
    state: str
    id: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack of the labels; `shown` holds account and moment of each person first shown, in order."""

    name: str
    shape: str
    network: str
    hours: str
    accounts: frozenset[str]
    tried: frozenset[str]
    sources: frozenset[str]
    start: datetime
    end: datetime
    shown: tuple[tuple[str, datetime], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The labels of one log; `active` says on how many days each account worked.

    `lines`: how long the log is; `population`: accounts it was made with, where that is known, else those active.
    """

    attacks: tuple[Attack, ...]
    active: dict[str, int]
    zone: ZoneInfo
    log: Path
    lines: int
    population: int


def _objects(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path}: cannot be read: {fault}") from None
    found, faults = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as fault:
            faults.append(Fault(str(path), number, f"not JSON: {fault}"))
            continue
        if isinstance(value, dict):
            found.append(value)
        else:
            faults.append(Fault(str(path), number, f"required a JSON object, came {type(value).__name__}"))
    if faults:
        raise FaultsError(faults)
    return found


def read_alerts(path: Path) -> list[Alert]:
    """Read alerts in the form of INTERFACE.md, in order of time."""
    alerts = []
    for record in _objects(path):
        try:
            alerts.append(_alert(record))
        except (KeyError, ValueError, AttributeError) as fault:
            raise InputError(f"{path}: not an alert of this program: {fault!r} in {str(record)[:120]}") from None
    return sorted(alerts, key=lambda alert: alert.at)


def _alert(record: dict[str, Any]) -> Alert:
    account = record.get("user", {}).get("name")
    account = None if account == "-" else account  # an alert about a source and no single account
    incident = record.get("portal", {}).get("incident", {})
    named = {account, *record.get("related", {}).get("user", [])} - {None}
    return Alert(
        at=_moment(record["@timestamp"]),
        accounts=frozenset(named),
        account=account,
        source=record.get("source", {}).get("ip"),
        risk=float(record.get("event", {}).get("risk_score", 0)),
        incident=incident.get("id"),
        state=incident.get("state", "opened"),
        id=record.get("event", {}).get("id", ""),
        rule=record.get("rule", {}).get("id", ""),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_truth(labels: Path) -> Truth:
    """Read the labels of a log and the two files that they name."""
    records = _objects(labels)
    head = next((one for one in records if one.get("type") == "log"), None)
    if head is None:
        raise InputError(f"{labels}: required a first line of type `log`, as `detector simulate` writes it")
    try:
        shown = pl.read_parquet(labels.parent / head["truth"])
        activity = pl.read_parquet(labels.parent / head["activity"])
    except (OSError, pl.exceptions.PolarsError) as fault:
        raise InputError(f"{labels}: a file it names cannot be read: {fault}") from None
    first = shown.sort("@timestamp").unique(["attack", "subject"], keep="first", maintain_order=True)
    parts = {key[0]: part for key, part in first.partition_by("attack", as_dict=True).items()}
    active = dict(activity.group_by("user.name").len().iter_rows())
    return Truth(
        attacks=tuple(_attack(one, parts.get(one["attack"])) for one in records if one.get("type") == "attack"),
        active=active,
        zone=ZoneInfo(head["timezone"]),
        log=labels.parent / head["log"],
        lines=head["lines"],
        population=head.get("population", len(active)),
    )


def _attack(record: dict[str, Any], shown: pl.DataFrame | None) -> Attack:
    return Attack(
        name=record["attack"],
        shape=record["shape"],
        network=record["network"],
        hours=record["hours"],
        accounts=frozenset(record["accounts"]),
        tried=frozenset(record["tried"]),
        sources=frozenset(record["sources"]),
        start=_moment(record["start"]),
        end=_moment(record["end"]),
        shown=() if shown is None else tuple(shown.select("user.name", "@timestamp").iter_rows()),
    )
