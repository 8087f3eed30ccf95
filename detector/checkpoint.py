"""Keep position, memory and outbox together: one SQLite file, one transaction a batch.

Between two snapshots the journal holds the events that detection has seen, redacted as they leave
`collect`. A restart restores the last snapshot and observes the journal again, which by invariant 1 gives
the very same memory: no stage needs to write its running windows at every batch.
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp
from typing import Final
from weakref import finalize

import polars as pl

from detector.collect.enrich.keyfile import new_key
from detector.collect.enrich.secret import Secret, read_secret
from detector.context import frames
from detector.emit.ledger import reserve
from detector.errors import StateError, StateLockedError

SCHEMA_VERSION: Final = 3
FILE: Final = "state.sqlite"
KEY_FILE: Final = "subject.key"
KEY_ID: Final = "enrich.key"
"""Name in the snapshot of the id of the key that the state's tokens are of."""

_PAGE_BYTES: Final = 16_384
"""Of a page of the file: on SQLite's own 4,096 the models of an account, two thousand bytes, take up a page each."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a state directory held: the snapshot by name, and the events observed since."""

    snapshot: Mapping[str, bytes]
    journal: tuple[pl.DataFrame, ...]


class Checkpoint:
    """The state of one detector. Without a folder it lives in a private temporary one for the run.

    Raises: `StateLockedError` when another process holds the folder, `StateError` when the file is
    corrupted, foreign, or of a version that this program cannot read.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.journal_bytes = 0
        if folder is None:
            folder = Path(mkdtemp(prefix="portal-detector-"))
            self._let_go: Callable[[], object] = finalize(self, shutil.rmtree, folder, ignore_errors=True)
        else:
            self._let_go = finalize(self, os.close, _lock(folder))
        self.path = folder / FILE
        self.database = _open(self.path, durable=self.durable)

    @property
    def durable(self) -> bool:
        """Whether anything outlives the run."""
        return self.folder is not None

    def load(self) -> Saved:
        """Return what was committed last; empty for a new state."""
        snapshot = dict(self.database.execute("SELECT name, body FROM snapshot"))
        journal = self.database.execute("SELECT body FROM journal ORDER BY seq").fetchall()
        self.journal_bytes = sum(len(body) for (body,) in journal)
        return Saved(snapshot=snapshot, journal=tuple(frames.unpack(body) for (body,) in journal))

    def write_snapshot(self, snapshot: Mapping[str, bytes]) -> None:
        """Replace the snapshot and empty the journal, inside the transaction at hand."""
        self.database.execute("DELETE FROM snapshot")
        self.database.execute("DELETE FROM journal")
        self._put(snapshot.items())
        self.journal_bytes = 0

    def write_journal(self, events: pl.DataFrame, small: Mapping[str, bytes]) -> None:
        """Add observed events to the journal and replace the `small` parts, inside the transaction at hand."""
        if not events.is_empty():
            body = frames.pack(events)
            self.database.execute("INSERT INTO journal (body) VALUES (?)", (body,))
            self.journal_bytes += len(body)
        self._put(small.items())

    def _put(self, items: Iterable[tuple[str, bytes]]) -> None:
        self.database.executemany("INSERT OR REPLACE INTO snapshot VALUES (?, ?)", items)

    def commit(self) -> None:
        """End the transaction: all that was written since the last commit is kept, or none."""
        self.database.commit()

    def subject_key(self) -> Secret | None:
        """Return the key of the tokens kept beside the state, made on first use; None without a folder."""
        if self.folder is None:
            return None
        path = self.folder / KEY_FILE
        if not path.exists():
            new_key(path)
        return read_secret(path, "state")

    def key_id(self) -> str | None:
        """Return which key the tokens in the state are of; None for a new state."""
        return noted_key(self.database)

    def close(self) -> None:
        """Let go of the file and the folder; what was not committed is dropped."""
        self.database.close()
        self._let_go()


def noted_key(database: sqlite3.Connection) -> str | None:
    """Return the id of the key that a state's tokens are of; None where none was noted."""
    row = database.execute("SELECT body FROM snapshot WHERE name = ?", (KEY_ID,)).fetchone()
    return row[0].decode() if row else None


def _lock(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        raise StateError(f"{folder}: a folder that can be written is required for the state: {fault}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise StateLockedError(f"{folder}: held by another detector, process {holder}") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _open(path: Path, *, durable: bool) -> sqlite3.Connection:
    reserve(path)
    database = sqlite3.connect(path, check_same_thread=False)
    try:
        database.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a new file; one that is there keeps its own
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        for statement in _TABLES.split(";"):
            database.execute(statement)
        _check_version(database, str(path))
    except sqlite3.DatabaseError as fault:
        database.close()
        raise StateError(f"{path}: not a readable state file: {fault}; move it away or restore a backup") from None
    return database


def other_version(path: Path | str, found: str | None) -> str:
    """Return what is said of a state that another version of the program made."""
    return (
        f"{path}: state of version {found}, required {SCHEMA_VERSION}: made by another version of the program;"
        " begin a new state directory, and teach it with `detector batch --learn` over the last weeks"
    )


def _check_version(database: sqlite3.Connection, path: str) -> None:
    found = dict(database.execute("SELECT name, value FROM meta"))
    if int(found.get("schema", SCHEMA_VERSION)) != SCHEMA_VERSION:
        raise StateError(other_version(path, found["schema"]))
    told = {"schema": str(SCHEMA_VERSION)} | {f"library.{name}": version(name) for name in ("polars", "river")}
    database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", told.items())
    database.commit()
