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
