"""Signals to admit: a SIGNAL frame out of a few words a row."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from detector.config import Config
from detector.config import Incidents as Settings
from detector.detect.arrival import as_they_came
from detector.emit.alert import Alert
from detector.emit.incident import Incidents
from detector.schema import RISK, SIGNAL

CONFIG = Config(incidents=Settings(quiet_h=12.0))

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def signal(minutes: float, user: str | None = "u1", level: str = "high", **more: Any) -> Mapping[str, Any]:
    row = dict.fromkeys(SIGNAL) | {
        "@timestamp": at(minutes),
        "signal.start": at(minutes),
        "signal.kind": "rule",
        "rule.id": "r1",
        "rule.name": "Rule one",
        "rule.version": "1",
        "rule.level": level,
        "signal.key": f"user.name={user}",
        "signal.risk": RISK[level],
        "user.name": user,
        "source.ip": "192.0.2.7",
        "related.user": [],
        "related.ip": [],
        "threat.technique.id": ["T1078"],
        "threat.tactic.id": ["TA0001"],
        "signal.count": 40,
        "signal.text": f"account {user} displayed 40 records in 5 min, usually 6",
        "portal.reasons": [],
    }
    return row | {name.replace("__", "."): value for name, value in more.items()}


def frame(*rows: Mapping[str, Any]) -> pl.DataFrame:
    return as_they_came(pl.DataFrame(list(rows), schema=SIGNAL))


def some(count: int, first: int = 0) -> list[Alert]:
    """Return alerts of as many accounts, one incident opened each: u0, u1, ..."""
    rows = [signal(n, f"u{n}") for n in range(first, first + count)]
    return Incidents(CONFIG).admit(frame(*rows), lambda *_: 0, None)
