"""Remember on which day each account was seen last, so that one that stays away is forgotten."""

import sqlite3
from collections.abc import Collection
from datetime import date
from typing import Final

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS seen (account TEXT PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_day ON seen (day);
"""


class Seen:
    """The last day of every account that has models, in the caller's transaction; forgotten after `retain_days`."""

    def __init__(self, database: sqlite3.Connection, retain_days: int) -> None:
        self.database, self.retain_days = database, retain_days
        for statement in _TABLES.split(";"):
            database.execute(statement)

    def close_day(self, today: date, accounts: Collection[str]) -> list[str]:
        """Note who was seen, and return whom to forget, in their order: not seen for `retain_days`."""
        if not self.database.execute("SELECT EXISTS (SELECT 1 FROM seen)").fetchone()[0]:
            self._begin(today)
        rows = ((account, today.toordinal()) for account in accounts)
        self.database.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", rows)
        old = (today.toordinal() - self.retain_days,)
        gone = self.database.execute("DELETE FROM seen WHERE day <= ? RETURNING account", old).fetchall()
        return sorted(account for (account,) in gone)

    def _begin(self, today: date) -> None:
        """Count those that a state knew before it noted days as seen today."""
        known = "INSERT INTO seen SELECT key, ? FROM memory WHERE kind = 'account'"
        self.database.execute(known, (today.toordinal(),))
