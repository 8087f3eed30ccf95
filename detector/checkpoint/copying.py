"""Copy a state while a detector writes it: each file as it was at one moment, and in an order that loses nothing."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from detector.checkpoint.faults import named
from detector.checkpoint.opening import FILE, file_in, read_only
from detector.checkpoint.saved import KEY_FILE
from detector.collect.folder import sync_folder
from detector.emit.ledger import FILE as LEDGER
from detector.emit.ledger import reserve
from detector.emit.verdicts import FILE as VERDICTS
from detector.errors import DetectorError

ORDER: Final = (LEDGER, FILE, VERDICTS)
"""The ledger first: one older than its state repeats alerts, one ahead of it would pass over some. Verdicts last: a
state that has taken up a verdict must find it there."""


def copy(state: Path, to: Path, *, with_key: bool = False) -> list[Path]:
    """Copy the state into the new folder `to`, for its owner's eyes, and return the files once they are on the disk.

    Raises: `StateError` where no state is, `DetectorError` where something is in the way, `StateWriteError`.
    """
    file_in(state)
    names = [name for name in ORDER if (state / name).is_file()]
    try:
        to.mkdir(parents=True, mode=0o700)
    except OSError as fault:
        raise DetectorError(f"{to}: a new folder is required for the copy: {fault.strerror}") from None
    try:
        made = [_copied(state / name, to / name) for name in names]
        if with_key and (state / KEY_FILE).is_file():
            made.append(_key(state / KEY_FILE, to / KEY_FILE))
        sync_folder(to)
    except BaseException:
        shutil.rmtree(to)  # half a copy must not be taken for one
        raise
    return made


def _copied(path: Path, to: Path) -> Path:
    reserve(to)
    with (
        named(path),
        closing(_source(path)) as source,
        named(to),
        closing(sqlite3.connect(to)) as copied,
    ):
        source.backup(copied)  # in one step, of one moment: the detector writes on meanwhile
        copied.execute("PRAGMA journal_mode = DELETE")  # one file, that a copy of it is whole
    return to


def _source(path: Path) -> sqlite3.Connection:
    if not os.access(path, os.W_OK):  # a disk that has turned read-only: then a copy is wanted most
        return read_only(path)
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30.0)


def _key(path: Path, to: Path) -> Path:
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(path.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    return to
