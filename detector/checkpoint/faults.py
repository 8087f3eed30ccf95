"""Say what a fault of SQLite means for a state: a disk that takes nothing now, or a file that is damaged."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from detector.errors import DetectorError, StateDamagedError, StateError, StateWriteError

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


def told(fault: sqlite3.Error, path: Path) -> DetectorError:
    """Return the error that says what `fault` of the file `path` is, and what to do."""
    if _of_the_disk(fault):
        return StateWriteError(
            f"{path}: the state cannot be written: {fault}; what was committed is kept, and what came after it is read"
            " again: make room, or let it be written"
        )
    return unread(fault, path)


def unread(fault: sqlite3.Error, path: Path) -> StateError:
    """Return the error that says what `fault` of the file `path`, which is only read, is."""
    if _of_the_disk(fault):
        return StateError(f"{path}: cannot be read: {fault}")
    return StateDamagedError(path, f"not a readable state file: {fault}")


def _of_the_disk(fault: sqlite3.Error) -> bool:
    return getattr(fault, "sqlite_errorcode", 0) & 0xFF in _UNWRITTEN  # absent where Python itself raised it


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
