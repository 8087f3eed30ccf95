"""Open the file of a state to write it, and refuse one that another version of the program made."""

import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import Final

from detector.checkpoint.faults import MENDING, told
from detector.emit.ledger import FILE as LEDGER
from detector.emit.ledger import reserve
from detector.errors import StateError, StateWriteError

SCHEMA_VERSION: Final = 3
FILE: Final = "state.sqlite"

_PAGE_BYTES: Final = 16_384
"""Of a page of the file: on SQLite's own 4,096 the models of an account, two thousand bytes, take up a page each."""

TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS checksum (part TEXT PRIMARY KEY, crc INTEGER NOT NULL) WITHOUT ROWID;
"""


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


def opened(path: Path, *, durable: bool) -> sqlite3.Connection:
    """Return the one connection that writes the state, made where there is none.

    Raises: `StateError` for a file that is damaged, foreign or of another version, `StateWriteError`.
    """
    _check_not_lost(path)
    try:
        reserve(path)
    except OSError as fault:
        raise StateWriteError(f"{path}: the state cannot be written: {fault.strerror}") from None
    database = sqlite3.connect(path, check_same_thread=False)
    try:
        database.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a new file; one that is there keeps its own
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        for statement in TABLES.split(";"):
            database.execute(statement)
        _check_whole(database, path)
        _check_version(database, path)
    except sqlite3.DatabaseError as fault:
        database.close()
        raise told(fault, path) from fault
    except UnicodeDecodeError:  # SQLite quotes what is damaged
        database.close()
        raise StateError(f"{path}: damaged: its tables are not described in text; {MENDING}") from None
    except StateError:
        database.close()
        raise
    return database


def _check_not_lost(path: Path) -> None:
    """Refuse to begin anew in silence where a state was, and all that it had learned."""
    ledger = path.with_name(LEDGER)
    if ledger.exists() and not path.exists():
        raise StateError(f"{path}: it is missing, but {ledger.name} is there; {MENDING}")


def _check_whole(database: sqlite3.Connection, path: Path) -> None:
    """Find a damaged page now: met in the middle of a night it would end the run there."""
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StateError(f"{path}: damaged: {found}; {MENDING}")


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


def _check_version(database: sqlite3.Connection, path: Path) -> None:
    found = found_version(database)
    begun = database.execute("SELECT EXISTS (SELECT 1 FROM snapshot)").fetchone()[0]
    if found != str(SCHEMA_VERSION) and (found is not None or begun):
        raise StateError(other_version(path, found))
    note_version(database)


def note_version(database: sqlite3.Connection) -> None:
    """Write which version of the state and of the libraries this is, and commit."""
    told = {"schema": str(SCHEMA_VERSION)} | {f"library.{name}": version(name) for name in ("polars", "river")}
    database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", told.items())
    database.commit()
