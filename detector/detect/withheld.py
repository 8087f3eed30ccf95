"""Hold back the days of accounts that raised an alert, until somebody says what they were.

What raised an alert teaches nothing by itself. Its days wait here: a verdict `benign` has them learned, in their order;
`confirmed` drops them; silence drops them after `KEPT_DAYS`, since nobody vouched for an incident that merely closed by
quiet, and an attacker can wait.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from detector import rows
from detector.context.acquaintance import Pairs
from detector.detect.models.account import ClosedDay
from detector.detect.models.change import Looks

KEPT_DAYS: Final = 30
"""As long as an acquaintance lasts: what an account did longer ago tells little of its habit."""

MOST_DAYS: Final = 14
"""Days held back of one account; the oldest leave first."""

MOST_PAIRS: Final = 20_000
"""Persons of a day whom the account will know once it is learned: 160 kB. More have programs, and thieves."""

REOPEN_DAYS: Final = 21
"""Days for which the learning of an account that has changed stays open: until its models follow the change."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS withheld (
    account TEXT, day INTEGER, incident TEXT, profession TEXT, numbers TEXT NOT NULL, looks TEXT NOT NULL,
    pairs BLOB NOT NULL, crc INTEGER, PRIMARY KEY (account, day)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS withheld_taught (incident TEXT PRIMARY KEY, days INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS reopened (account TEXT PRIMARY KEY, incident TEXT, until INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A day that was held back of an account; `incident` was open on it, if any was."""

    account: str
    incident: str | None
    profession: str | None
    day: ClosedDay
    looks: Looks
    pairs: Pairs


class Withheld:
    """Days held back by account, in the caller's transaction; and the verdicts of the running day.

    Bounded: by `MOST_DAYS`, `KEPT_DAYS` and `MOST_PAIRS`, for the few accounts with an incident.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self.pardoned: dict[str, list[str]] = {}
        """Incidents that were called benign today, and the accounts where that was still open."""
        self.barred: dict[str, list[str]] = {}
        """Incidents that were called an abuse today, and their accounts; their days go at its end: words may change."""
        for statement in _TABLES.split(";"):
            database.execute(statement)

    def pardon(self, incident: str, accounts: Sequence[str]) -> int:
        """Have the days of an incident learned at the end of the running one, and that one of `accounts`."""
        self.pardoned[incident] = sorted({*accounts, *self.barred.pop(incident, ())})
        (count,) = self._db.execute("SELECT count(*) FROM withheld WHERE incident = ?", (incident,)).fetchone()
        return int(count)

    def bar(self, incident: str, accounts: Sequence[str]) -> int:
        """Drop the days of an incident, the running one included."""
        days = self._db.execute("SELECT account FROM withheld WHERE incident = ?", (incident,)).fetchall()
        reopened = self._db.execute("SELECT account FROM reopened WHERE incident = ?", (incident,)).fetchall()
        known = {name for (name,) in (*days, *reopened)}
        self.barred[incident] = sorted({*accounts, *self.pardoned.pop(incident, ()), *known})
        return len(days)

    def taught(self, incident: str) -> int:
        """Return how many days of an incident were learned, those of a change it led to included."""
        row = self._db.execute("SELECT days FROM withheld_taught WHERE incident = ?", (incident,)).fetchone()
        return int(row[0]) if row else 0

    def keep(self, held: Held) -> None:
        """Hold back a day."""
        whose = (held.account, held.day.ordinal, held.incident, held.profession)
        told = (_told(held.day), json.dumps(held.looks), held.pairs[:MOST_PAIRS].tobytes())
        rows.write(self._db, "withheld", [(*whose, *told)])

    def of(self, account: str) -> list[Held]:
        """Return the days held back of an account, oldest first."""
        return list(self._read("account = ?", account))

    def cleared(self) -> list[Held]:
        """Return the days of incidents that were called benign today."""
        return [one for incident in sorted(self.pardoned) for one in self._read("incident = ?", incident)]

    def drop(self, days: Collection[Held]) -> None:
        """Take out days that are about to be learned."""
        keys = [(one.account, one.day.ordinal) for one in days]
        self._db.executemany("DELETE FROM withheld WHERE account = ? AND day = ?", keys)
        for one in days:
            self.count(one.incident)

    def count(self, incident: str | None) -> None:
        """Count a day of an incident that is learned."""
        counted = "INSERT INTO withheld_taught VALUES (?, 1) ON CONFLICT DO UPDATE SET days = days + 1"
        if incident is not None:
            self._db.execute(counted, (incident,))

    def reopen(self, account: str, incident: str | None, today: int) -> None:
        """Let an account that has changed learn from tomorrow on, in spite of alerts."""
        row = (account, incident, today + REOPEN_DAYS)
        self._db.execute("INSERT OR REPLACE INTO reopened VALUES (?, ?, ?)", row)

    def reopened(self, today: int) -> dict[str, str | None]:
        """Return the accounts whose learning is open after a change, each with the incident that this closed."""
        return dict(self._db.execute("SELECT account, incident FROM reopened WHERE until >= ?", (today,)))

    def begin(self, today: date, accounts: Collection[str]) -> None:
        """Forget what is too old, or too much for one of `accounts`, and the verdicts of the day that closed."""
        self._db.execute("DELETE FROM withheld WHERE day <= ?", (today.toordinal() - KEPT_DAYS,))
        self._db.execute("DELETE FROM reopened WHERE until <= ?", (today.toordinal(),))
        for incident, barred in self.barred.items():
            self._db.execute("DELETE FROM withheld WHERE incident = ?", (incident,))
            self._db.executemany("DELETE FROM reopened WHERE account = ?", [(account,) for account in barred])
        oldest = "SELECT day FROM withheld WHERE account = ?1 ORDER BY day DESC LIMIT 1 OFFSET ?2"
        most = [(account, MOST_DAYS) for account in sorted(accounts)]
        self._db.executemany(f"DELETE FROM withheld WHERE account = ?1 AND day <= ({oldest})", most)  # noqa: S608  our own
        self.pardoned, self.barred = {}, {}

    def _read(self, where: str, value: str) -> Iterator[Held]:
        found = list(rows.read(self._db, "withheld", f"WHERE {where} ORDER BY day", (value,)))
        for account, _, incident, profession, numbers, looks, pairs in found:
            yield Held(
                account=account,
                incident=incident,
                profession=profession,
                day=_day(json.loads(numbers)),
                looks=json.loads(looks),
                pairs=np.frombuffer(pairs, np.uint64),
            )

    def snapshot(self) -> dict[str, bytes]:
        """Return the verdicts of the running day; the days are in the table."""
        return {"withheld": json.dumps({"pardoned": self.pardoned, "barred": self.barred}).encode()}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up what `snapshot` gave."""
        told = json.loads(saved["withheld"])
        self.pardoned, self.barred = told["pardoned"], told["barred"]


def _told(day: ClosedDay) -> str:
    clientele = dict(day.clientele)
    areas, everybody = clientele["areas"], clientele["everybody"]
    clientele["areas"] = {str(area): count for area, count in areas.items()}
    clientele["everybody"] = {str(area): everybody[area] for area in areas if area in everybody}
    return json.dumps({
        "ordinal": day.ordinal, "counts": dict(day.counts), "hours": sorted(day.hours), "clientele": clientele,
        "traits": {trait: sorted(values) for trait, values in day.traits.items()},
    }, separators=(",", ":"))  # fmt: skip


def _day(told: dict[str, Any]) -> ClosedDay:
    clientele = told["clientele"]
    for name in ("areas", "everybody"):
        clientele[name] = {int(area): number for area, number in clientele[name].items()}
    return ClosedDay(
        ordinal=told["ordinal"],
        counts=told["counts"],
        traits={trait: frozenset(values) for trait, values in told["traits"].items()},
        hours=frozenset(told["hours"]),
        clientele=clientele,
    )
