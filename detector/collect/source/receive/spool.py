"""Write what is received to a log of files beside the state, from where it is followed like any log."""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from threading import Lock
from typing import Final

from detector import clock
from detector.collect.folder import sync_folder
from detector.collect.source.block import Mark
from detector.collect.source.find import stream_of
from detector.telemetry import log

_NAME: Final = re.compile(r"received-(\d{4}-\d\d-\d\d)\.(\d{4})")
_LAST_NUMBER: Final = 9999
_FILES: Final = 64
"""Of how many files a full spool consists."""
_RETRY_S: Final = 1.0
_RENEW_S: Final = 60.0
"""How old a file gets that lines are written to: what was read of it is removed with it, and lines name people."""
_EMPTY_BYTES: Final = 1


class Spool:
    """One log of what came by one way. Files get a new name, the younger the later, and are never renamed.

    Every file begins with an empty line, so that none can begin like a compressed one. `write` and `renew` are called
    by the thread that receives, the others by any. `retired`: nothing is written to it any more, and it goes when it is
    read.

    Delivery: what was written survives the process; what was synced, the machine. A line is written whole or, where
    the disk is full, kept in memory until it can be; the caller receives nothing more until `has_room`.
    Raises: OSError at the beginning, when nothing can be written there.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self.retired = False
        self.stream = stream_of(str(folder / _following(None)))
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._pending = b""
        self._fault: OSError | None = None
        self._full = self._dirty = False
        self._retry_s = 0.0
        self._begun_s = clock.monotonic_s()
        self._reached: Mapping[str, int] = {}
        folder.mkdir(mode=0o700, exist_ok=True)
        names = sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name))
        self._sizes = {name: (folder / name).stat().st_size for name in names}
        self._fd = -1
        if names:
            self._fd = os.open(folder / names[-1], os.O_RDWR | os.O_APPEND)
            self._sizes[names[-1]] = _mend(self._fd)
        else:
            self._begin()
            self._append()

    @property
    def size_bytes(self) -> int:
        """Bytes that lie in its files, read or not."""
        return sum(list(self._sizes.values()))

    @property
    def settled(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._pending

    def has_room(self) -> bool:
        """Whether more may be received now; tries again what could not be written."""
        if self._fault is not None and clock.monotonic_s() >= self._retry_s:
            self.write(b"")
        full = self.size_bytes >= self._most_bytes
        if full is not self._full:
            self._full = full
            said = "the spool is full: senders are held, datagrams are dropped" if full else "the spool has room again"
            log.warning(said, extra={"path": str(self.folder), "bytes": self.size_bytes})
        return not full and self._fault is None

    def write(self, lines: bytes) -> None:
        """Append whole lines."""
        with self._lock:
            self._pending += lines
            if not self._pending:
                return
            try:
                if self._sizes[self._newest] >= self._most_bytes // _FILES:
                    self._begin()
                self._append()
            except OSError as fault:
                self._tell(fault)
            else:
                self._tell(None)

    def sync(self) -> None:
        """Bring what was written to the disk. Raises: OSError."""
        with self._lock:
            if self._dirty:
                os.fdatasync(self._fd)
                self._dirty = False

    def renew(self) -> None:
        """Go on in a new file where lines lie in one for so long: then the one can be removed when it is read."""
        if not self.retired and clock.monotonic_s() - self._begun_s >= _RENEW_S:
            with self._lock, suppress(OSError):  # what the next line meets too, and tells
                self._leave()

    def known(self, marks: Iterable[Mark]) -> tuple[Mark, ...]:
        """Return those of `marks` whose files are there: files that are not were read to their end, and removed."""
        return tuple(mark for mark in marks if os.path.basename(mark.path) in self._sizes)

    def forget(self, marks: Iterable[Mark]) -> None:
        """Remove the files that were read to their end, as saved, but for the one that is written to."""
        folder = os.path.realpath(self.folder)
        ours = (mark for mark in marks if os.path.realpath(os.path.dirname(mark.path)) == folder)
        with self._lock:
            self._reached = {os.path.basename(mark.path): mark.offset for mark in ours}
            self._remove_read()

    @property
    def unread_bytes(self) -> int:
        """Bytes that were not read yet, by what was given to `forget` last."""
        return sum(size - self._reached.get(name, _EMPTY_BYTES) for name, size in self._sizes.items())

    def close(self) -> None:
        """Sync and close the file; one that was read to its end is removed. Raises: OSError."""
        try:
            self.sync()
            with self._lock, suppress(OSError):  # a full disk: it stays until the next start
                if not self.retired and self._is_read(self._newest):
                    self._leave()
                    self._remove_read()
        finally:
            os.close(self._fd)

    def _leave(self) -> None:
        """Begin a new file, unless this one is as good as new."""
        if self._sizes[self._newest] > _EMPTY_BYTES:
            self._begin()
            self._append()

    def _is_read(self, name: str) -> bool:
        return name < min(self._reached, default="") or self._reached.get(name, -1) >= self._sizes[name]

    def _remove_read(self) -> None:
        written = None if self.retired else self._newest
        for name in [name for name in self._sizes if name != written and self._is_read(name)]:
            (self.folder / name).unlink(missing_ok=True)
            del self._sizes[name]
        if not self._sizes and self.folder.is_dir():
            self.folder.rmdir()

    @property
    def _newest(self) -> str:
        return next(reversed(self._sizes), "")

    def _begin(self) -> None:
        """Go on in a new file."""
        if self._fd >= 0:
            os.fdatasync(self._fd)
        name = _following(next(reversed(self._sizes), None))
        fd = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._sizes[name], self._begun_s = fd, 0, clock.monotonic_s()
        self._pending = b"\n" + self._pending
        sync_folder(self.folder)

    def _append(self) -> None:
        """Write what is pending; where that fails, as many whole lines as there is room for."""
        written, self._dirty = 0, True
        try:
            while written < len(self._pending):
                written += os.write(self._fd, memoryview(self._pending)[written:])
        except OSError:
            written = self._pending.rfind(b"\n", 0, written) + 1
            os.ftruncate(self._fd, self._sizes[self._newest] + written)
            raise
        finally:
            self._pending = self._pending[written:]
            self._sizes[self._newest] += written

    def _tell(self, fault: OSError | None) -> None:
        """Say once that the disk takes nothing, and once that it does again."""
        self._retry_s = clock.monotonic_s() + _RETRY_S
        if (fault is None) is not (self._fault is None):
            why = fault.strerror if fault else ""
            said = f"what is received cannot be written: {why}; nothing is received until it can"
            log.error(said if fault else "what is received is written again", extra={"path": str(self.folder)})
        self._fault = fault


def _name(day: date, number: int) -> str:
    return f"received-{day.isoformat()}.{number:04d}"


def _following(name: str | None) -> str:
    """Return the name of the file after `name`: the day is today's, unless the clock went back."""
    today = clock.now().date()
    match = _NAME.fullmatch(name or "")
    if match is None:
        return _name(today, 1)
    day, number = date.fromisoformat(match[1]), int(match[2])
    if today > day:
        return _name(today, 1)
    return _name(day, number + 1) if number < _LAST_NUMBER else _name(day + timedelta(days=1), 1)


def _mend(fd: int) -> int:
    """Cut off a line that a crash left half written; return the file's size."""
    end = size = os.fstat(fd).st_size
    while end > 0:
        start = max(0, end - (1 << 16))
        at = os.pread(fd, end - start, start).rfind(b"\n")
        if at >= 0:
            end = start + at + 1
            break
        end = start
    if end < size:
        os.ftruncate(fd, end)
    return end
