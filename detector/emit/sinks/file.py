"""Alerts to a file."""

import os
from collections.abc import Sequence
from pathlib import Path

from detector.emit.alert import Alert
from detector.emit.sinks.lines import json_lines


class FileSink:
    """JSON lines in a file that only its owner can read.

    Delivery: on the disk (fsync) before it counts as delivered; a line half written by a crash is
    ended first, so that the repeat stands on its own line.
    """

    def __init__(self, path: Path, form: str = "ecs", *, append: bool = True) -> None:
        self._path, self._form = path, form
        self.name = f"file:{path.resolve()}"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | (0 if append else os.O_TRUNC)
        self._fd = os.open(path, flags, 0o600)
        self._end_line()

    def write(self, alerts: Sequence[Alert]) -> None:
        """Append, then wait for the disk. Raises: OSError."""
        rest = memoryview(json_lines(alerts, self._form))
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        self._sync()

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _end_line(self) -> None:
        try:
            size = os.lseek(self._fd, 0, os.SEEK_END)
        except OSError:  # a pipe has no end to look at
            return
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")

    def _sync(self) -> None:
        try:
            os.fsync(self._fd)
        except OSError as fault:
            if fault.errno not in (22, 95):  # EINVAL, ENOTSUP: a pipe or a device has nothing to sync
                raise
