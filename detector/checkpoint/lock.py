"""Hold a state directory: one detector a state, and nobody who changes one beside it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EIO, ENOSPC, EROFS
from pathlib import Path
from typing import Final

from detector import clock
from detector.errors import DetectorError, StateError, StateLockedError, StateWriteError

LOCK: Final = "lock"

_TIMES: Final = 3
_MOMENT_S: Final = 0.05

_FOR_NOW: Final = frozenset({EDQUOT, EIO, ENOSPC, EROFS})


def lock(folder: Path) -> int:
    """Return the descriptor that holds `folder`, made where there is none, until it is closed.

    Raises: `StateLockedError` with the process that holds it; `StateError` if nothing can be written there, or
    `StateWriteError`, where the disk takes nothing for now.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        raise _refused(folder, fault) from None
    if not _taken(descriptor):
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise StateLockedError(f"{folder}: held by another detector, process {holder}") from None
    try:
        _name(descriptor)
    except OSError as fault:
        os.close(descriptor)
        raise _refused(folder, fault) from None
    return descriptor


def holder(folder: Path) -> int | None:
    """Return the process that holds `folder`; None where none does."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return None
    with open(descriptor) as file:
        try:  # let go at once: a detector that starts waits for no reader
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(file.read(32).strip() or 0)
    return None


def _taken(descriptor: int) -> bool:
    """Take the lock; `holder` has it for a moment only, to see whether anybody does."""
    for again in range(_TIMES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if again + 1 < _TIMES:
                clock.pause(_MOMENT_S)
        else:
            return True
    return False


def _name(descriptor: int) -> None:
    """Write who holds it, for the message that others get."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _refused(folder: Path, fault: OSError) -> DetectorError:
    told = f"{folder}: a folder that can be written is required for the state: {fault.strerror}"
    return StateWriteError(told) if fault.errno in _FOR_NOW else StateError(told)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` as long as it is changed. Raises: as `lock`."""
    descriptor = lock(folder)
    try:
        yield
    finally:
        os.close(descriptor)
