"""What people decided of incidents: an append-only file beside the state, written also while a detector holds that."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, get_args

from detector import rows
from detector.clock import rfc3339
from detector.emit.ledger import reserve
from detector.errors import StateDamagedError, StateError
from detector.telemetry import log

FILE: Final = "verdicts.sqlite"

BUSY_S: Final = 30.0
"""How long one writer waits for another; each takes milliseconds."""

Action = Literal["acknowledge", "benign", "confirmed"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

_TRIGGERS: Final = """
CREATE TRIGGER IF NOT EXISTS verdict_stays BEFORE UPDATE ON verdict BEGIN SELECT raise(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS verdict_is_kept BEFORE DELETE ON verdict BEGIN SELECT raise(ABORT, 'append only'); END;
"""

_TABLE: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS verdict (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, incident TEXT NOT NULL,
    action TEXT NOT NULL, note TEXT NOT NULL, crc INTEGER
);
{_TRIGGERS}
COMMIT;
"""
"""In one transaction: a file that has some of it is damaged."""

MADE: Final = ("verdict", "verdict_is_kept", "verdict_stays")
"""What the file has: the table, and what keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One word on an incident. `at` is the wall clock, RFC 3339; `note` is for people, and goes into no alert."""

    seq: int
    at: str
    who: str
    incident: str
    action: Action
    note: str


def record(folder: Path, *, at: datetime, who: str, incident: str, action: Action, note: str) -> Verdict:
    """Add a verdict to those in `folder`, and return it once it is on disk. Raises: StateError."""
    path = folder / FILE
    reserve(path)
    told = (rfc3339(at), who, incident, action, note)
    with _opened(path, "rw") as database, database:
        database.executescript(_TABLE)
        database.execute("BEGIN IMMEDIATE")
        if not rows.sealed(database):  # of before
            database.execute("ALTER TABLE verdict ADD COLUMN crc INTEGER")
        (seq,) = database.execute("SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence").fetchone()
        rows.write(database, "verdict", [(seq, *told)])
    return Verdict(seq=seq, at=told[0], who=who, incident=incident, action=action, note=note)


def read(folder: Path, after: int = 0) -> list[Verdict]:
    """Return the verdicts in `folder` behind number `after`, oldest first. Raises: StateError."""
    path = folder / FILE
    if not path.is_file() or not path.stat().st_size:
        return []
    with _opened(path, "rw" if os.access(path, os.W_OK) else "ro") as database:  # a writer that died leaves a journal
        found = list(rows.read(database, "verdict", "WHERE seq > ? ORDER BY seq", (after,)))
    return [Verdict(**dict(zip(Verdict.__slots__, row, strict=True))) for row in found]


def forget(folder: Path, before: datetime, upto: int) -> None:
    """Drop the verdicts from before a moment of the wall clock, as far as they were taken up.

    That they cannot be dropped now, a right of another user's perhaps, holds detection up in nothing.
    """
    old = ("DELETE FROM verdict WHERE at < ? AND seq <= ?", (rfc3339(before), upto))
    try:
        if any(one.seq <= upto and one.at < rfc3339(before) for one in read(folder)):
            change(folder, *old)
    except StateError as fault:  # it is tried again as the next day ends
        log.warning("verdicts older than they may be kept are not dropped", extra={"fault": str(fault)})


def change(folder: Path, statement: str, values: Sequence[object]) -> None:
    """Change what is else only added to: to forget what is old, or whom it names. Raises: StateError."""
    with _opened(folder / FILE, "rw") as database, database:
        database.execute("BEGIN IMMEDIATE")
        for trigger in ("verdict_stays", "verdict_is_kept"):
            database.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        database.execute(statement, values)
        rows.seal(database)
        for trigger in _TRIGGERS.strip().splitlines():
            database.execute(trigger)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", timeout=BUSY_S, uri=True)) as database:
            if found := list(rows.unmade(database, MADE)):
                raise StateDamagedError(path, f"damaged: {'; '.join(found)}")
            yield database
    except sqlite3.OperationalError as fault:
        raise StateError(f"{path}: verdicts cannot be read or kept there: {fault}") from None
    except sqlite3.DatabaseError as fault:
        raise StateDamagedError(path, f"verdicts cannot be read or kept there: {fault}") from None
