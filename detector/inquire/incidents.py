"""What a person on duty asks of incidents: which stand open, what was said of them, and what came of it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from detector import rows
from detector.emit.alert import Alert
from detector.emit.verdicts import Verdict, read
from detector.errors import DetectorError
from detector.inquire.state import OpenIncident, alerts, open_incidents, reading
from detector.schema import LEVELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A verdict, and what came of it: None while no detector has taken it up."""

    verdict: Verdict
    moment: str | None
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an incident stands. `since` is its first evidence, `last` its last alert (event time).

    - `status`: open, acknowledged, closed
    - `about`: the account, else the address or what else it is about
    """

    id: str
    status: str
    level: str
    account: str | None
    about: str
    since: datetime
    last: datetime
    subjects_count: int
    message: str
    alerts: tuple[Alert, ...]
    words: tuple[Word, ...]

    @property
    def verdict(self) -> Verdict | None:
        """The last word on whether it was an abuse."""
        return next((one.verdict for one in reversed(self.words) if one.verdict.action != "acknowledge"), None)


def incidents(folder: Path) -> list[Standing]:
    """Return the incidents that a state tells of: those that want somebody first, the gravest of them at the top.

    Raises: StateError.
    """
    with reading(folder) as database:
        still_open = {one.id: one for one in open_incidents(database)}
        told = alerts(database)
        outcomes = _outcomes(database)
    by_id: dict[str, list[Alert]] = {name: [] for name in still_open}
    for alert in told:
        by_id.setdefault(alert.incident_id, []).append(alert)
    words: dict[str, list[Word]] = {}
    for verdict in read(folder):
        moment, outcome = outcomes.get(verdict.seq, (None, None))
        words.setdefault(verdict.incident, []).append(Word(verdict=verdict, moment=moment, outcome=outcome))
    found = [_standing(name, still_open.get(name), mine, words.get(name, [])) for name, mine in by_id.items()]
    return sorted(found, key=_rank)


def _standing(name: str, still_open: OpenIncident | None, told: Sequence[Alert], words: Sequence[Word]) -> Standing:
    status = "closed" if still_open is None else "acknowledged" if words else "open"
    levels = [alert.level for alert in told] + ([still_open.level] if still_open else [])
    account = still_open.account if still_open else told[0].account
    address = still_open.raised_by[:1] if still_open else (told[0].source_ip or "",)
    lively = [alert for alert in told if alert.state != "closed"] or told
    return Standing(
        id=name,
        status=status,
        level=max(levels, key=LEVELS.index),
        account=account,
        about=account or next(iter(address), "") or "-",
        since=min([alert.start for alert in told] + ([still_open.start] if still_open else [])),
        last=max(alert.timestamp for alert in told) if told else still_open.last if still_open else datetime.min,
        subjects_count=max((alert.subjects_count for alert in told), default=0),
        message=lively[-1].message if lively else still_open.rule_name if still_open else "",
        alerts=tuple(told),
        words=tuple(words),
    )


def _rank(one: Standing) -> tuple[int, int, float, str]:
    order = ("open", "acknowledged", "closed")
    return order.index(one.status), -LEVELS.index(one.level), -one.last.timestamp(), one.id


def named(told: Sequence[Standing], name: str) -> Standing:
    """Return the incident whose id begins with `name`. Raises: DetectorError where none does, or several."""
    found = [one for one in told if one.id == name] or [one for one in told if name and one.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    some = [one for one in (found or told) if found or one.status != "closed"]
    what = f"incident {name!r} may be one of several" if found else f"no incident {name!r} in this state"
    listed = "".join(f"\n  {one.id}  {one.level}  {one.about}" for one in some)
    raise DetectorError(f"{what}; {'these begin so' if found else 'open are'}:{listed or ' none'}")


def _outcomes(database: sqlite3.Connection) -> dict[int, tuple[str, str]]:
    kept = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'ruling'").fetchone()
    return {seq: (moment, outcome) for seq, moment, outcome in (rows.read(database, "ruling") if kept else ())}
