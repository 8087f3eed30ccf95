"""Which sink has had which alert: a file beside the state, written by the sinks' threads and by `detector outbox`.

Every alert up to a sink's `upto` was looked at by it and has arrived, was not wanted, or stands in `held`: to be
tried again, or a dead letter. Only `held` and one number a sink are ever written, in transactions of a few rows.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from detector.errors import StateDamagedError
from detector.rows import unmade

FILE: Final = "delivery.sqlite"

BUSY_S: Final = 30.0
"""How long one writer waits for another; each takes milliseconds."""

MADE: Final = ("held", "sink")
"""The tables of the file."""

_TABLES: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS sink (
    name TEXT PRIMARY KEY, upto INTEGER NOT NULL, wants TEXT NOT NULL DEFAULT '{}',
    delivered INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0, fault TEXT, fault_at TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    sink TEXT NOT NULL, seq INTEGER NOT NULL, dead INTEGER NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL,
    tries INTEGER NOT NULL, due REAL NOT NULL, PRIMARY KEY (sink, seq)
) WITHOUT ROWID;
COMMIT;
"""
# wants: field of an alert's record: values that the sink takes; a field that is not named is not asked.
# due: on the clock that never goes back, of the process that wrote it; 0 for at once.

_VIEWS: Final = """
CREATE TEMP VIEW new AS SELECT s.name AS sink, o.seq, o.id, o.body, o.crc FROM sink AS s JOIN state.outbox AS o
    ON o.seq > s.upto WHERE NOT EXISTS (SELECT 1 FROM json_each(s.wants) AS w
    WHERE CASE WHEN json_valid(o.body)
        THEN json_extract(o.body, '$.' || w.key) NOT IN (SELECT value FROM json_each(w.value)) END);
CREATE TEMP VIEW sent_back AS SELECT h.sink, o.seq, o.id, o.body, o.crc, h.dead, h.reason, h.at, h.tries, h.due
    FROM held AS h JOIN state.outbox AS o USING (seq);
"""
# new: what a sink wants and has not looked at, what is damaged too; sent_back: what it has looked at and not got.


def reserve(path: Path) -> None:
    """Make a file that only its owner may read, where there is none, for SQLite to fill."""
    with suppress(FileExistsError):  # never open one that is there: closing it again would drop SQLite's locks on it
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def open_ledger(path: Path, state: Path) -> sqlite3.Connection:
    """Return a connection to the ledger, made where there is none, with the state's outbox beside it to read.

    Raises: `StateDamagedError` for one that lacks a table.
    """
    reserve(path)
    ledger = sqlite3.connect(path, timeout=BUSY_S, uri=True, check_same_thread=False)
    try:
        ledger.execute("PRAGMA journal_mode = WAL")
        ledger.execute("PRAGMA synchronous = NORMAL")  # a power cut may take the last notes: repeats, no loss
        ledger.execute("ATTACH ? AS state", (f"file:{quote(str(state))}?mode=ro",))
        if found := list(unmade(ledger, MADE)):
            raise StateDamagedError(path, f"damaged: {'; '.join(found)}")
        ledger.executescript(_TABLES + _VIEWS)
    except (sqlite3.Error, StateDamagedError):
        ledger.close()  # it is tried again, and must not leave one file open a try
        raise
    return ledger
