"""Keep alerts until every sink has them: in the state's own transaction, so that neither is without the other.

Which sink has had which stands in the ledger, a file of its own, as a sink notes what arrived while detection is in
the middle of a long transaction. A crash between the two repeats alerts, with the same ids, and loses none.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Final

from detector import rows
from detector.config import Destination
from detector.emit.alert import Alert
from detector.emit.ledger import BUSY_S
from detector.schema import LEVELS

KEPT: Final = 100_000
"""Delivered alerts that stay for later questions; older ones go."""

CROWDED_SHARE: Final = 0.8
"""Of the limit; from there on what every sink has had goes, and a run warns of what is left."""

FREED_SHARE: Final = 0.05
"""Of the limit, made free at once where it is reached, so that it is not reached again at the next alert."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL, crc INTEGER
);
CREATE TABLE IF NOT EXISTS outbox_size (bytes INTEGER NOT NULL);
INSERT INTO outbox_size SELECT (SELECT coalesce(sum(length(body)), 0) FROM outbox)
    WHERE NOT EXISTS (SELECT 1 FROM outbox_size);
"""

_VIEWS: Final = """
CREATE TEMP VIEW had_by_all AS SELECT seq, length(body) AS bytes FROM outbox
    WHERE seq <= (SELECT min(upto) FROM ledger.sink) AND seq < (SELECT max(seq) FROM outbox)
    AND seq NOT IN (SELECT seq FROM ledger.held);
CREATE TEMP VIEW awaited AS SELECT s.name AS sink, seq, length(body) AS bytes FROM outbox, ledger.sink AS s
    WHERE seq > s.upto OR seq IN (SELECT seq FROM ledger.held AS h WHERE h.sink = s.name);
"""
# The last row stays whatever happens: a number that was given must not be given again.


class Outbox:
    """The alerts of one state, in the order they were raised.

    `ledger` is the path of a ledger that exists; without one no sink is known, and all is kept.
    """

    def __init__(self, connection: sqlite3.Connection, ledger: Path, max_bytes: int) -> None:
        self._db, self.max_bytes = connection, max_bytes
        with connection:
            for statement in _TABLES.split(";"):
                connection.execute(statement)
        connection.execute("ATTACH ? AS ledger", (str(ledger),))
        connection.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000:.0f}")
        for statement in _VIEWS.split(";"):
            connection.execute(statement)

    def put(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Keep `alerts`, inside the caller's transaction, and return the new ones: a known id changes nothing."""
        fresh: list[Alert] = []
        for one in alerts:
            body = one.as_json()
            (seq,) = self._db.execute("SELECT coalesce(max(seq), 0) + 1 FROM outbox").fetchone()
            if rows.write(self._db, "outbox", [(seq, one.id, body)], known="IGNORE"):
                self._grow(len(body))
                fresh.append(one)
        return fresh

    def begin(self, sinks: Sequence[Destination]) -> list[str]:
        """Make `sinks` known, between transactions, and return those left out that alerts still wait for.

        A new sink gets what none has looked at yet and all that comes after: a new file is not filled with the past.
        One that is left out and has had everything is forgotten.
        """
        names = json.dumps([one.label for one in sinks])
        (last,) = self._db.execute("SELECT coalesce(max(seq), 0) FROM outbox").fetchone()
        with self._db:
            # A state put back from a copy may be older than the ledger beside it.
            self._db.execute("UPDATE ledger.sink SET upto = min(upto, ?)", (last,))
            self._db.execute("DELETE FROM ledger.held WHERE seq NOT IN (SELECT seq FROM outbox)")
            (looked_at,) = self._db.execute("SELECT coalesce(max(upto), 0) FROM ledger.sink").fetchone()
            self._db.execute(
                "DELETE FROM ledger.sink AS s WHERE name NOT IN (SELECT value FROM json_each(?)) AND upto = ?"
                " AND NOT EXISTS (SELECT 1 FROM ledger.held AS h WHERE h.sink = s.name)",
                (names, last),
            )
            for one in sinks:
                self._db.execute(
                    "INSERT INTO ledger.sink (name, upto, wants) VALUES (?, ?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET wants = excluded.wants",
                    (one.label, looked_at, json.dumps(wants(one))),
                )
            self._db.execute("UPDATE ledger.held SET due = 0")
        left = self._db.execute(
            "SELECT name FROM ledger.sink WHERE name NOT IN (SELECT value FROM json_each(?)) ORDER BY name", (names,)
        )
        return [name for (name,) in left]

    @property
    def bytes(self) -> int:
        """What is kept, in bytes of alerts."""
        (size,) = self._db.execute("SELECT bytes FROM outbox_size").fetchone()
        return int(size)

    @property
    def full(self) -> bool:
        """Whether what is kept has reached the limit."""
        return self.bytes >= self.max_bytes

    def prune(self, kept: int = KEPT) -> None:
        """Drop alerts that every sink has had, inside the caller's transaction.

        The last `kept` of them stay, unless the outbox is crowded: then the oldest go, until it is not.
        """
        first, last = self._db.execute("SELECT min(seq), max(seq) FROM outbox").fetchone()
        if first is None:
            return
        had = self._db.execute("SELECT seq, bytes FROM had_by_all ORDER BY seq")
        before = max(last - kept, self._freeing(had, self.max_bytes * CROWDED_SHARE))
        if before >= first:
            self._drop(before)

    def _drop(self, upto: int) -> None:
        """Drop what every sink has had, up to a number."""
        old = "DELETE FROM outbox WHERE seq IN (SELECT seq FROM had_by_all WHERE seq <= ?) RETURNING length(body)"
        self._grow(-sum(size for (size,) in self._db.execute(old, (upto,)).fetchall()))

    def forget(self, before: datetime) -> None:
        """Drop alerts of moments before `before` that every sink has had, inside the caller's transaction."""
        with closing(rows.read(self._db, "outbox", "ORDER BY seq")) as kept:
            old = [seq for seq, *_ in takewhile(lambda row: self._raised(*row) < before, kept)]
        if old:
            self._drop(old[-1])

    def _raised(self, seq: int, _id: str, body: str) -> datetime:
        with rows.legible(self._db, "outbox", seq):
            return datetime.fromisoformat(json.loads(body)["timestamp"])

    def drop_oldest(self, sinks: Sequence[str]) -> dict[str, int]:
        """Take the oldest alerts that only some of `sinks` wait for from them until the limit is kept.

        Returns how many each lost. Call it between transactions, then `prune`.
        """
        names = json.dumps(sinks)
        awaited = self._db.execute(
            "SELECT seq, max(bytes) FROM awaited GROUP BY seq"
            " HAVING sum(sink NOT IN (SELECT value FROM json_each(?))) = 0 ORDER BY seq",
            (names,),
        )
        before = self._freeing(awaited, self.max_bytes)
        return {name: self._pass(name, before) for name in sinks if before}

    def _pass(self, sink: str, before: int) -> int:
        with self._db:
            counted = "SELECT count(*) FROM awaited WHERE sink = ? AND seq <= ?"
            (count,) = self._db.execute(counted, (sink, before)).fetchone()
            self._db.execute("DELETE FROM ledger.held WHERE sink = ? AND seq <= ?", (sink, before))
            passed = "UPDATE ledger.sink SET upto = max(upto, ?), dropped = dropped + ? WHERE name = ?"
            self._db.execute(passed, (before, count, sink))
        return int(count)

    def _freeing(self, rows: sqlite3.Cursor, most: float) -> int:
        """Return up to which number `rows` (number, bytes) must go so that `most` is kept; 0 where it is.

        The cursor is closed: half read it would hold the ledger as it was, and a write after that is refused.
        """
        seq, excess = 0, self.bytes - most
        wanted = excess + self.max_bytes * FREED_SHARE
        for number, size in rows if excess >= 0 else ():
            seq, wanted = number, wanted - size
            if wanted <= 0:
                break
        rows.close()
        return seq

    def _grow(self, by: int) -> None:
        self._db.execute("UPDATE outbox_size SET bytes = bytes + ?", (by,))


def wants(options: Destination) -> dict[str, list[str]]:
    """Return the filter of a sink: field of the alert's record, and the values it takes."""
    asked = {
        "level": LEVELS[LEVELS.index(options.min_level) :] if options.min_level != LEVELS[0] else (),
        "rule_category": options.categories,
        "rule_id": options.rules,
        "state": options.states,
    }
    return {name: list(values) for name, values in asked.items() if values}
