"""Take up what people decided of incidents, each verdict at its moment in event time, and say what came of it.

A verdict is an input like a line: it takes effect behind every event up to its moment and before every later one, so
that a restart, which observes the journal again, repeats it exactly.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from detector import rows
from detector.clock import rfc3339
from detector.emit.alert import Alert
from detector.emit.closing import as_benign
from detector.emit.incident import Incidents, Subjects
from detector.emit.verdicts import Verdict, forget, read
from detector.errors import StateError
from detector.telemetry import log

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS ruling (seq INTEGER PRIMARY KEY, moment TEXT NOT NULL, outcome TEXT NOT NULL,"
    " crc INTEGER)"
)


class Memory(Protocol):
    """What was held back of accounts while their incidents were open."""

    def pardon(self, incident: str, accounts: Sequence[str]) -> int:
        """Learn what was held back for an incident, and the running day of `accounts`; return how many days."""
        ...

    def bar(self, incident: str, accounts: Sequence[str]) -> int:
        """Never learn what was held back for an incident, nor the running day of `accounts`; return how many days."""
        ...

    def taught(self, incident: str) -> int:
        """Return how many days that were held back for an incident have been learned."""
        ...


class Docket:
    """The verdicts of one state, in their order. Without a folder there are none."""

    def __init__(self, folder: Path | None, database: sqlite3.Connection) -> None:
        self._folder, self._db = folder, database
        self._upto = 0
        self._fault = ""
        self._due: list[tuple[datetime, Verdict]] = []
        database.execute(_TABLE)

    def take_up(self, moment: datetime) -> bool:
        """Let verdicts that came since the last look take effect at `moment`; say whether there are any.

        A file that cannot be read is named in the log, once, and holds detection up in nothing.
        """
        fresh = self._fresh()
        for verdict in fresh:
            self._upto = verdict.seq
            if verdict.action != "acknowledge":  # that one is between people
                self._due.append((moment, verdict))
        return bool(fresh)

    def _fresh(self) -> Sequence[Verdict]:
        try:
            return () if self._folder is None else read(self._folder, self._upto)
        except StateError as fault:
            if str(fault) != self._fault:
                self._fault = str(fault)
                log.warning("verdicts are not taken up", extra={"fault": self._fault})
            return ()

    @property
    def next(self) -> datetime | None:
        """The moment of the earliest verdict that did not take effect yet."""
        return min((moment for moment, _ in self._due), default=None)

    def rule(self, until: datetime, incidents: Incidents, memory: Memory, subjects: Subjects) -> list[Alert]:
        """Let the verdicts of moments up to `until` take effect, and note what came of each, once."""
        alerts: list[Alert] = []
        ripe = [one for one in self._due if one[0] <= until]
        self._due = [one for one in self._due if one[0] > until]
        for moment, verdict in ripe:
            apply = _as_benign if verdict.action == "benign" else _as_confirmed
            told, outcome = apply(verdict, moment, incidents, memory, subjects)
            alerts += told
            rows.write(self._db, "ruling", [(verdict.seq, rfc3339(moment), outcome)], known="IGNORE")
        return alerts

    def forget(self, before: datetime) -> None:
        """Let go of verdicts from before a moment, and of what came of them, inside the caller's transaction."""
        self._db.execute("DELETE FROM ruling WHERE moment < ?", (rfc3339(before),))
        if self._folder is not None:
            forget(self._folder, before, self._upto)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, for `restore`."""
        due = [{"moment": moment.isoformat(), "verdict": asdict(verdict)} for moment, verdict in self._due]
        return {"docket": json.dumps({"upto": self._upto, "due": due}).encode()}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the state that `snapshot` gave."""
        told = json.loads(saved["docket"])
        self._upto = told["upto"]
        self._due = [(datetime.fromisoformat(one["moment"]), Verdict(**one["verdict"])) for one in told["due"]]


Told = tuple[list[Alert], str]


def _as_benign(verdict: Verdict, moment: datetime, incidents: Incidents, memory: Memory, subjects: Subjects) -> Told:
    accounts = incidents.accounts_of(verdict.incident)
    alert = incidents.close(verdict.incident, as_benign(verdict), moment, subjects)
    days = memory.pardon(verdict.incident, accounts)
    learned = f"{days} earlier days that were held back are learned at the end of the day"
    if alert is None:
        return [], f"no longer open; {learned if days else 'nothing is held back of it'}"
    return [alert], f"closed; {learned}" + (", and the day itself" if accounts else "")


def _as_confirmed(verdict: Verdict, moment: datetime, incidents: Incidents, memory: Memory, subjects: Subjects) -> Told:
    still_open = incidents.confirm(verdict.incident)
    learned = memory.taught(verdict.incident)
    days = memory.bar(verdict.incident, incidents.accounts_of(verdict.incident))
    stands = (
        "stays open, its account frozen until it is quiet" if still_open else "no longer open, and not opened again"
    )
    outcome = f"{stands}; {days} days that were held back are never learned"
    if learned:
        outcome += f"; {learned} days were learned before: that cannot be undone, and fades within some weeks"
    return [], outcome
