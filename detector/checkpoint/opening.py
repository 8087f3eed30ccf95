"""Open the file of a state to write it, and refuse one that another version of the program made."""

import json
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import quote

from detector.checkpoint.faults import told
from detector.emit.ledger import FILE as LEDGER
from detector.emit.ledger import reserve
from detector.errors import StateDamagedError, StateError, StateWriteError

SCHEMA_VERSION: Final = 4
FILE: Final = "state.sqlite"

_PAGE_BYTES: Final = 16_384
"""Of a page of the file: on SQLite's own 4,096 the models of an account, two thousand bytes, take up a page each."""

TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS checksum (part TEXT PRIMARY KEY, crc INTEGER NOT NULL) WITHOUT ROWID;
"""

NOTED: Final = "tables"
"""Name in `meta` of which tables the state was noted to have, and how each was made."""


def file_in(folder: Path) -> Path:
    """Return the file of the state that lies in `folder`. Raises: `StateError` where none does."""
    path = folder / FILE
    if not path.is_file():
        raise StateError(f"{folder}: no state is there; required a folder that was given to --state")
    return path


def table_names(database: sqlite3.Connection) -> list[str]:
    """Return the names of the tables of a file."""
    asked = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name"
    return [name for (name,) in database.execute(asked)]


def read_only(path: Path) -> sqlite3.Connection:
    """Open a file of a state to read it."""
    # Beside a running detector the log of the database stands next to it; without one nobody writes.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    return sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None)


def opened(path: Path, *, durable: bool) -> sqlite3.Connection:
    """Return the one connection that writes the state, made where there is none.

    Raises: `StateDamagedError`, `StateError` for a file that is foreign or of another version, `StateWriteError`.
    """
    if not path.exists() or not path.stat().st_size:  # SQLite would take an empty file for a new one
        _refuse_lost(path)
    try:
        reserve(path)
    except OSError as fault:
        raise StateWriteError(f"{path}: the state cannot be written: {fault.strerror}") from None
    database = sqlite3.connect(path, check_same_thread=False)
    try:
        database.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a new file; one that is there keeps its own
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        if made(database):
            _check(database, path)
        else:
            _refuse_lost(path)
            _begin(database)
        note_version(database)
        database.commit()
    except sqlite3.DatabaseError as fault:
        database.close()
        raise told(fault, path) from fault
    except UnicodeDecodeError:  # SQLite quotes what is damaged
        database.close()
        raise StateDamagedError(path, "damaged: its tables are not described in text") from None
    except StateError:
        database.close()
        raise
    return database


def _refuse_lost(path: Path) -> None:
    """Refuse to begin anew in silence where a state was: its tables are on the disk before a ledger is made."""
    ledger = path.with_name(LEDGER)
    if ledger.exists():
        raise StateDamagedError(path, f"it is {'empty' if path.exists() else 'missing'}, but {ledger.name} is there")


def _begin(database: sqlite3.Connection) -> None:
    """Make the tables of a new state, all or none, in the file itself: it is never found without them again."""
    database.execute("BEGIN IMMEDIATE")
    for statement in TABLES.split(";"):
        database.execute(statement)
    note_version(database)
    note_made(database)
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _check(database: sqlite3.Connection, path: Path) -> None:
    """Find damage now: met in the middle of a night it would end the run there."""
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StateDamagedError(path, f"damaged: {found}")
    if (version := found_version(database)) != str(SCHEMA_VERSION):
        raise StateError(other_version(path, version))
    if found := list(altered(database)):
        raise StateDamagedError(path, f"damaged: {'; '.join(found[:3])}")


def made(database: sqlite3.Connection) -> dict[str, str]:
    """Return how each table and index of a file was made, by its name."""
    asked = "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND name NOT GLOB 'sqlite_*'"
    return dict(database.execute(asked))


def altered(database: sqlite3.Connection) -> Iterator[str]:
    """Yield the tables and indices that were there and are not as they were made, and what is none of the state's."""
    noted = database.execute("SELECT value FROM meta WHERE name = ?", (NOTED,)).fetchone()
    there = made(database)
    try:
        wanted = json.loads(noted[0]) if noted else {}
    except ValueError:
        yield f"meta {NOTED}: cannot be read"
        return
    for name, sql in wanted.items():
        if name not in there:
            yield f"table or index {name}: it is missing"
        elif there[name] != sql:
            yield f"table or index {name}: it is not as it was made"
    for kind, name in database.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')"):
        yield f"{kind} {name}: it is none of the state's"


def note_made(database: sqlite3.Connection) -> None:
    """Note which tables there are, once all are made: from then on none may be missing."""
    told = json.dumps(made(database))
    database.execute(
        "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2 WHERE value <> ?2", (NOTED, told)
    )


def other_version(path: Path | str, found: str | None) -> str:
    """Return what is said of a state that another version of the program made."""
    if found is None or not found.isdecimal():
        return f"{path}: not a state of this program: it says no version"
    told = f"{path}: state of version {found}, required {SCHEMA_VERSION}"
    if int(found) > SCHEMA_VERSION:
        return f"{told}: made by a newer version of the program; install that one again, or begin a new state directory"
    return f"{told}: made by an older version of the program; `detector state migrate` says what of it can be kept"


def found_version(database: sqlite3.Connection) -> str | None:
    """Return the version of a state; None where it says none."""
    row = database.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
    return row[0] if row else None


def note_version(database: sqlite3.Connection) -> None:
    """Write which version of the state and of the libraries this is, inside the transaction at hand."""
    told = {"schema": str(SCHEMA_VERSION)} | {f"library.{name}": version(name) for name in ("polars", "river")}
    database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", told.items())
