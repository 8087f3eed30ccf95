"""Files that commands write besides alerts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR
from pathlib import Path
from typing import BinaryIO

from detector.errors import DetectorError


def opened(path: Path, *, append: bool = False) -> BinaryIO:
    """Open `path` to write, for its owner's eyes: rejects, figures and reports say who works when.

    Raises: DetectorError when it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    try:
        return os.fdopen(os.open(path, flags, 0o600), "wb")
    except OSError as fault:
        raise DetectorError(f"{path}: cannot be written: {fault.strerror}") from None


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """Open `path` to write anew, as `opened`, and close it again. Raises: DetectorError when it cannot be written."""
    file = opened(path)
    try:
        yield file
    finally:
        with _refused(path):
            file.close()


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` at once when all is written; what is there stays if anything fails.

    A new file is for its owner's eyes; one that is there keeps its mode. Raises: DetectorError.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with _refused(path):
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        file = os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb")
    try:
        with file:
            yield file
        with _refused(path):
            beside.chmod(mode)
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def replaced(path: Path, content: bytes) -> None:
    """Put a whole file in the place of `path` at once: who reads it sees the old or the new. Raises: DetectorError."""
    with _refused(path), replacing(path) as file:
        file.write(content)


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise DetectorError(f"{path}: cannot be written: {fault.strerror}") from None
