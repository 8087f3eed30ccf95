"""Say what a fault of SQLite means for a state: a disk that takes nothing now, or a file that is damaged."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from detector.errors import DetectorError, StateError, StateWriteError

_UNWRITTEN: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
"""Primary result codes of a disk that is full, read-only or failing: the file itself is as it was."""

ROOM_BYTES: Final = 1 << 20
"""What a batch may well take: a disk with less is full."""

MENDING: Final = "`detector state verify` lists what is damaged; put a backup in its place, or move it away"


def told(fault: sqlite3.Error, path: Path) -> DetectorError:
    """Return the error that says what `fault` of the file `path` is, and what to do."""
    code = getattr(fault, "sqlite_errorcode", 0) & 0xFF  # absent where Python itself raised it
    if code in _UNWRITTEN:
        return StateWriteError(
            f"{path}: the state cannot be written: {fault}; what was committed is kept, and what came after it is read"
            " again: make room, or let it be written"
        )
    return StateError(f"{path}: not a readable state file: {fault}; {MENDING}")


def probe(path: Path) -> None:
    """Write a file of ROOM_BYTES and take it away again. Raises: `StateWriteError` where the disk takes no more."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, ROOM_BYTES)
        finally:
            os.close(descriptor)
            path.unlink()
    except OSError as fault:
        raise StateWriteError(f"{path.parent}: the state cannot be written: {fault.strerror}") from None


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let no fault of SQLite pass without its meaning. Raises: `StateWriteError`, `StateError`."""
    try:
        yield
    except sqlite3.Error as fault:
        raise told(fault, path) from fault
