"""Files that commands write besides alerts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from detector.errors import DetectorError


@contextmanager
def written(path: Path, *, append: bool = False) -> Iterator[BinaryIO]:
    """Open `path` to write, for its owner's eyes: rejects, figures and reports say who works when.

    Raises: DetectorError when it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    try:
        file = os.fdopen(os.open(path, flags, 0o600), "wb")
    except OSError as fault:
        raise DetectorError(f"{path}: cannot be written: {fault.strerror}") from None
    with file:
        yield file


def replaced(path: Path, content: bytes) -> None:
    """Put a whole file in the place of `path` at once: who reads it sees the old or the new one. Raises: DetectorError.

    A new file is for its owner's eyes; one that is there keeps its mode.
    """
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(content)
        beside.chmod(mode)
        beside.replace(path)
    except OSError as fault:
        beside.unlink(missing_ok=True)
        raise DetectorError(f"{path}: cannot be written: {fault.strerror}") from None
