"""Keep alerts until every sink has them: in the state's own transaction, so that neither is without the other."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from detector.emit.alert import Alert
from detector.emit.sinks import Sink

KEPT: Final = 100_000
"""Delivered alerts that stay for later questions; older ones go."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox_sink (name TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox_delivery
    (sink TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (sink, seq)) WITHOUT ROWID;
"""

_PENDING: Final = """
SELECT body FROM outbox AS o WHERE seq > (SELECT since FROM outbox_sink WHERE name = :sink)
    AND NOT EXISTS (SELECT 1 FROM outbox_delivery AS d WHERE d.sink = :sink AND d.seq = o.seq) ORDER BY seq LIMIT :most
"""

_FIRST_UNHEARD: Final = """
SELECT coalesce(min(seq), (SELECT coalesce(max(seq), 0) + 1 FROM outbox)) - 1
    FROM outbox WHERE seq NOT IN (SELECT seq FROM outbox_delivery)
"""

_PRUNE: Final = """
DELETE FROM outbox WHERE seq <= (SELECT max(seq) FROM outbox) - ?
    AND (SELECT count(*) FROM outbox_delivery AS d WHERE d.seq = outbox.seq AND d.sink IN ({names})) = ?
"""

BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class SinkFault:
    """A sink that could not take its alerts; they stay for the next time."""

    sink: str
    message: str


class Outbox:
    """The alerts of one state, and which sink has had which.

    A sink seen for the first time gets what nobody has heard of yet and all that comes after: a new
    file is not filled with the past.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        for statement in _TABLES.split(";"):
            self._db.execute(statement)

    def put(self, alerts: Iterable[Alert]) -> None:
        """Keep `alerts`, inside the caller's transaction. An id that is known already changes nothing."""
        rows = [(one.id, one.as_json()) for one in alerts]
        self._db.executemany("INSERT OR IGNORE INTO outbox (id, body) VALUES (?, ?)", rows)

    def pending(self, sink: str, most: int = BATCH) -> list[Alert]:
        """Return the oldest alerts `sink` has not had, in the order they were put."""
        self._know(sink)
        found = self._db.execute(_PENDING, {"sink": sink, "most": most})
        return [Alert.from_json(body) for (body,) in found]

    def delivered(self, sink: str, ids: Sequence[str]) -> None:
        """Note and commit that `sink` has had the alerts `ids`. Call it between transactions."""
        with self._db:
            self._db.executemany(
                "INSERT OR IGNORE INTO outbox_delivery SELECT ?, seq FROM outbox WHERE id = ?",
                [(sink, one) for one in ids],
            )

    def deliver(self, sinks: Sequence[Sink]) -> list[SinkFault]:
        """Hand every sink what it has not had, after the commit. A sink that fails keeps no other waiting."""
        for sink in sinks:
            self._know(sink.name)  # all before the first delivery: new sinks of one run hear the same
        faults = []
        for sink in sinks:
            try:
                while alerts := self.pending(sink.name):
                    sink.write(alerts)
                    self.delivered(sink.name, [one.id for one in alerts])
            except OSError as fault:
                faults.append(SinkFault(sink.name, str(fault)))
        return faults

    def prune(self, sinks: Sequence[str], kept: int = KEPT) -> None:
        """Drop alerts that all of `sinks` have had, but for the last `kept`; inside the caller's transaction."""
        (count,) = self._db.execute("SELECT coalesce(max(seq) - min(seq) + 1, 0) FROM outbox").fetchone()
        if not sinks or count <= kept:
            return
        statement = _PRUNE.format(names=", ".join("?" * len(sinks)))
        self._db.execute(statement, (kept, *sinks, len(sinks)))
        self._db.execute("DELETE FROM outbox_delivery WHERE seq < (SELECT coalesce(min(seq), 0) FROM outbox)")

    def _know(self, sink: str) -> None:
        known = self._db.execute("SELECT 1 FROM outbox_sink WHERE name = ?", (sink,)).fetchone()
        if known is None:
            with self._db:
                (since,) = self._db.execute(_FIRST_UNHEARD).fetchone()
                self._db.execute("INSERT INTO outbox_sink VALUES (?, ?)", (sink, since))
