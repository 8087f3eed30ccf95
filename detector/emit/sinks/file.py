"""Alerts to a file."""

import errno
import fcntl
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from detector import clock
from detector.config import ToFile
from detector.emit.alert import Alert
from detector.emit.sinks import Receipt, all_of
from detector.emit.sinks.lines import as_lines
from detector.errors import DetectorError

LONGEST_BYTES: Final = 65_536
"""What ends a file without a line feed and is as long as this is no half alert, in any format."""


class FileSink:
    """One alert a line in a file that only its owner can read.

    Delivery: on the disk (fsync) before it counts as delivered; a line half written by a crash is cut off first, as
    its alert comes again, so that every line is whole. A file that was renamed or removed is begun again under its
    name; one that is due is renamed to `NAME.1`, and those before it move on, so that a shipper that knows files by
    their inode reads each to its end. What a crash left is looked at when the first alerts are written: at a reload
    the former sink may be in the midst of a line until then. Raises: OSError when the file cannot be opened.
    """

    def __init__(self, options: ToFile) -> None:
        self.options = options
        self._fd, self._mended = _opened(options.path), False

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        """Append, then wait for the disk. Raises: OSError."""
        lines = as_lines(alerts, self.options.format)
        try:
            self._follow_name(len(lines))
            _write(self._fd, lines)
            _sync(self._fd)
        except OSError:
            self.close()  # what was written may end in half a line: it is looked at when opened again
            raise
        return all_of(alerts)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _follow_name(self, coming_bytes: int) -> None:
        """See that the open file is the one of that name, and that it is not due for rotation."""
        if self._fd >= 0 and not _is(self.options.path, self._fd):
            self.close()
        if self._fd < 0:
            self._fd, self._mended = _opened(self.options.path), False
        if not self._mended:
            _begin(self._fd, self.options.path)
            self._mended = True
        if self._due(os.fstat(self._fd), coming_bytes):
            self.close()
            _rotate(self.options.path, self.options.rotate.keep)
            self._fd = _opened(self.options.path)
            _begin(self._fd, self.options.path)

    def _due(self, now: os.stat_result, coming_bytes: int) -> bool:
        rotate = self.options.rotate
        if not stat.S_ISREG(now.st_mode) or not now.st_size:
            return False
        if rotate.max_bytes is not None and now.st_size + coming_bytes > rotate.max_bytes:
            return True
        return rotate.daily and int(now.st_mtime // 86_400) < int(clock.now().timestamp() // 86_400)


def open_sink(options: ToFile) -> FileSink:
    """Open the file. Raises: DetectorError."""
    try:
        return FileSink(options)
    except OSError as fault:
        raise DetectorError(f"{options.path}: cannot be written: {fault.strerror}") from None


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)


def _begin(fd: int, path: Path) -> None:
    """See that what is written begins a line."""
    if not stat.S_ISREG(os.fstat(fd).st_mode):  # a pipe or a device has no end to look at
        return
    _mend(fd, alone=_locked(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    _locked(fd, fcntl.LOCK_SH)  # held while it is open: who writes to it too sees that it is not alone
    _sync_folder(path)


def _locked(fd: int, how: int) -> bool:
    with suppress(OSError):  # some file systems know no locks
        fcntl.flock(fd, how)
        return True
    return False


def _mend(fd: int, *, alone: bool) -> None:
    """Cut off a half line; end it where another process may be writing it, or where it is none of ours."""
    size = os.fstat(fd).st_size
    tail = os.pread(fd, LONGEST_BYTES, max(0, size - LONGEST_BYTES))
    half = len(tail) - 1 - tail.rfind(b"\n")
    if half and alone and half < LONGEST_BYTES:
        os.ftruncate(fd, size - half)
    elif half:
        os.write(fd, b"\n")


def _is(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _rotate(path: Path, keep: int) -> None:
    """Rename `path` to `path.1`, after those before it have moved on; the oldest goes."""
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, keep + 1))]
    for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
        if newer.exists():
            newer.replace(older)
    _sync_folder(path)


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _sync(fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError as fault:
        if fault.errno not in (errno.EINVAL, errno.ENOTSUP):  # a pipe or a device has nothing to sync
            raise


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        _sync(folder)
    finally:
        os.close(folder)
