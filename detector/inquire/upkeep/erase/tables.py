"""Erase from the tables of a state, inside one transaction; what was found is counted by table."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from detector import rows
from detector.checkpoint import sums, table_names
from detector.context.acquaintance import pair
from detector.inquire.upkeep.erase.numbers import account_numbers, runs_of
from detector.inquire.upkeep.erase.parts import json_text, packed, part
from detector.inquire.upkeep.erase.whom import Whom
from detector.inquire.upkeep.verify import FRAMES

OWN: Final = {
    "memory": "kind = 'account' AND key",
    "reopened": "account",
    "seen": "account",
    "session": "name",
    "withheld": "account",
}
"""Tables with rows of one account, and the column that says whose."""

PAIRS: Final = {"acquaintance": "day", "withheld": "account || ' ' || day"}
"""Tables with numbers of who was shown whom, and their key."""

SEARCHED: Final = frozenset({*OWN, *PAIRS, *FRAMES, "snapshot", "journal", "outbox", "ruling", "settled"})
NAMELESS: Final = frozenset({"meta", "checksum", "outbox_size", "withheld_taught"})
"""All tables that a state may have: each is searched, or names nobody."""


class Erasure:
    """One erasure in the tables of one state."""

    def __init__(self, database: sqlite3.Connection, whom: Whom) -> None:
        self.database, self.whom = database, whom
        self.found = Counter[str]()

    def run(self) -> None:
        """Go through all tables, inside the transaction at hand."""
        there = set(table_names(self.database))
        if self.whom.kind == "account":
            self.whom = replace(self.whom, runs=runs_of(self.database, self.whom.word))
        else:
            self._pairs(PAIRS.keys() & there)
        self._snapshot()
        self._journal()
        for table in FRAMES.keys() & there:
            self._frames(table, FRAMES[table])
        self._outbox()
        if self.whom.kind == "account":
            for table in OWN.keys() & there:
                self._rows(table)
            self._settled()
        self._texts("ruling", "seq", "outcome")
        if self.found:
            rows.seal(self.database)

    def _count(self, table: str, rows: int) -> None:
        if rows:
            self.found[table] += rows

    def _rows(self, table: str) -> None:
        gone = self.database.execute(f"DELETE FROM {table} WHERE {OWN[table]} = ?", (self.whom.word,))  # noqa: S608
        self._count(table, gone.rowcount)

    def _snapshot(self) -> None:
        for name, body in self.database.execute("SELECT name, body FROM snapshot ORDER BY name").fetchall():
            after = b"" if self.whom.named_in(name) else part(self.whom, body)
            if after == body:
                continue
            self._count("snapshot", 1)
            if after:
                self.database.execute("UPDATE snapshot SET body = ? WHERE name = ?", (after, name))
                sums.note(self.database, [(f"snapshot {name}", after)])
            else:
                self.database.execute("DELETE FROM snapshot WHERE name = ?", (name,))
                sums.drop(self.database, f"snapshot {name}")

    def _journal(self) -> None:
        for seq, body in self.database.execute("SELECT seq, body FROM journal ORDER BY seq").fetchall():
            if (after := packed(self.whom, body)) != body:
                self._count("journal", 1)
                self.database.execute("UPDATE journal SET body = ? WHERE seq = ?", (after, seq))
                sums.note(self.database, [(f"journal {seq}", after)])

    def _frames(self, table: str, columns: tuple[str, ...]) -> None:
        for column in columns:
            self._each(table, "day", column, lambda body: packed(self.whom, body))

    def _texts(self, table: str, key: str, column: str) -> None:
        self._each(table, key, column, self.whom.text)

    def _each(self, table: str, key: str, column: str, change: Callable[[Any], Any]) -> None:
        rows = self.database.execute(f"SELECT {key}, {column} FROM {table}").fetchall()  # noqa: S608  our own names
        changed = [(after, at) for at, before in rows if (after := change(before)) != before]
        self.database.executemany(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", changed)  # noqa: S608
        self._count(table, len(changed))

    def _outbox(self) -> None:
        gone = self.database.execute("DELETE FROM outbox WHERE json_extract(body, '$.account') = ?", (self.whom.word,))
        self._count("outbox", gone.rowcount)
        self._each("outbox", "seq", "body", lambda body: json_text(self.whom, body))
        self.database.execute("UPDATE outbox_size SET bytes = (SELECT coalesce(sum(length(body)), 0) FROM outbox)")

    def _settled(self) -> None:
        for day, keys, accounts in self._numbers("SELECT day, keys, accounts FROM settled"):
            others = accounts != self.whom.number
            if not others.all():
                self._count("settled", int((~others).sum()))
                row = (keys[others].tobytes(), accounts[others].tobytes(), day)
                self.database.execute("UPDATE settled SET keys = ?, accounts = ? WHERE day = ?", row)

    def _pairs(self, tables: Iterable[str]) -> None:
        """Take a person out of who was shown whom, whatever account it was; before names leave other tables."""
        theirs = pair(accounts := account_numbers(self.database), np.full(len(accounts), self.whom.number, np.uint64))
        for table in tables:
            for at, pairs in self._numbers(f"SELECT {PAIRS[table]}, pairs FROM {table}"):  # noqa: S608  our own names
                others = ~np.isin(pairs, theirs)
                if not others.all():
                    self._count(table, int((~others).sum()))
                    row = (pairs[others].tobytes(), at)
                    self.database.execute(f"UPDATE {table} SET pairs = ? WHERE {PAIRS[table]} = ?", row)  # noqa: S608

    def _numbers(self, asked: str) -> Iterator[tuple[Any, ...]]:
        for at, *bodies in self.database.execute(asked).fetchall():
            yield at, *(np.frombuffer(body, np.uint64) for body in bodies)
