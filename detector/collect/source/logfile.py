"""Read one file: plain or compressed, from an offset, now to its end and on when it has grown."""

import io
import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from typing import BinaryIO, Final

import polars as pl

from detector.collect.source.block import LINES, Mark
from detector.collect.source.compression import MAGIC_BYTES, Unpacked, kind
from detector.collect.source.cut import Cut, Cutter
from detector.collect.source.find import STDIN, Found, look
from detector.config import Input
from detector.schema import empty

FINGERPRINT_BYTES: Final = 1024
HEAD_LINES: Final = 1000
HEAD_BYTES: Final = 256 * 1024
_TAIL_BYTES: Final = 64 * 1024


class LogFile:
    """One open file. It stays the same file when it is renamed; see `replaced` for when it is overwritten.

    `live`: it may be overwritten while it is read.

    Raises: OSError when it cannot be opened.
    """

    def __init__(self, path: str, settings: Input, offset: int = 0, *, live: bool = False) -> None:
        self.path = path
        self._live = live
        self._settings = settings
        self._raw = _open(path)
        self._regular = self._raw is not sys.stdin.buffer and self._raw.seekable()
        self._compression = kind(_first(self._raw, MAGIC_BYTES))
        self._bytes = Unpacked(self._raw, self._compression)
        self._head = self._bytes.peek(min(offset, FINGERPRINT_BYTES)) if offset else b""
        if offset:
            self._bytes.skip(offset)
        self._cutter = Cutter(path, max_line_bytes=settings.max_line_bytes, offset=offset)
        self._modified_ns, self._size_bytes = 0, 0
        self.look()
        self._fingerprint = (-1, "")
        self._finished = False

    @property
    def identity(self) -> tuple[int, int]:
        """Inode and device: who the file is, whatever its name."""
        found = os.fstat(self._raw.fileno())
        return found.st_ino, found.st_dev

    @property
    def gone(self) -> bool:
        """Whether no name leads to the file any more."""
        return os.fstat(self._raw.fileno()).st_nlink == 0

    @property
    def compressed(self) -> bool:
        """Whether the file is compressed: then it does not grow."""
        return self._compression is not None

    @property
    def stored_bytes(self) -> int:
        """How far reading has come in the file as it is stored."""
        return self._raw.tell() if self._regular else self._cutter.read_offset

    @property
    def behind_bytes(self) -> int:
        """Bytes as stored, as of the last look at the file, of which no line was given out yet."""
        if self.compressed:
            return max(0, self._size_bytes - self._raw.tell())
        return max(0, self._size_bytes - self._cutter.offset)

    @property
    def modified(self) -> datetime | None:
        """When it was last written to, as far as was seen; None for a pipe."""
        return datetime.fromtimestamp(self._modified_ns / 1e9, UTC) if self._regular else None

    @property
    def replaced(self) -> bool:
        """Whether the file was cut down and written anew since (`copytruncate`)."""
        if self.compressed or not self._regular:
            return False
        if os.fstat(self._raw.fileno()).st_size < self._cutter.read_offset:
            return True
        return os.pread(self._raw.fileno(), len(self._head), 0) != self._head

    def head(self) -> pl.DataFrame:
        """Return its first lines without taking them. Shapes: `LINES`, up to HEAD_LINES rows."""
        data = self._bytes.peek(HEAD_BYTES)
        return _first_lines(data, whole=len(data) < HEAD_BYTES, settings=self._settings)

    def look(self) -> None:
        """See how long the file is now, and when it was last written to."""
        if self._regular:
            found = os.fstat(self._raw.fileno())
            self._modified_ns, self._size_bytes = found.st_mtime_ns, found.st_size

    def read(self) -> Cut | None:
        """Return the next lines that are whole; None: at its (present) end."""
        self.look()
        while data := self._bytes.read(self._settings.chunk_bytes):
            if self._live and self.replaced:
                return None  # these bytes may be of another file's middle: it is looked at anew
            if len(self._head) < FINGERPRINT_BYTES:
                self._head += data[: FINGERPRINT_BYTES - len(self._head)]
            cut = self._cutter.feed(data)
            if cut is not None:
                return cut
        return None

    def finish(self) -> Cut | None:
        """Return what is left at the end: a line without line feed, or a reject for what is damaged."""
        if self._finished:
            return None
        self._finished = True
        return self._cutter.finish(self._bytes.damage)

    def mark(self) -> Mark:
        """Return how far lines were given out."""
        size = min(self._cutter.offset, FINGERPRINT_BYTES)
        if self._fingerprint[0] != size:
            self._fingerprint = (size, _hash(self._head[:size]))
        inode, device = self.identity
        return Mark(
            path=self.path,
            inode=inode,
            device=device,
            head_bytes=size,
            fingerprint=self._fingerprint[1],
            offset=self._cutter.offset,
            modified_ns=self._modified_ns,
        )

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._raw is not sys.stdin.buffer:
            self._raw.close()


def holds(found: Found, mark: Mark) -> bool:
    """Whether the file `found` is, or is a copy of, the file that `mark` was made in."""
    if not found.regular:
        return False
    try:
        with open(found.path, "rb") as raw:
            compression = kind(_first(raw, MAGIC_BYTES))
            if compression is None and found.size_bytes < mark.offset:
                return False
            head = Unpacked(raw, compression).read(mark.head_bytes)
    except OSError:
        return False
    return len(head) == mark.head_bytes and _hash(head) == mark.fingerprint


def locate(mark: Mark, members: list[Found]) -> int | None:
    """Return the index of the file that `mark` was made in, among the files of its log: renamed, else copied.

    None: it is not there, or nothing was read of it, so that no content tells it from another.
    """
    if mark.head_bytes == 0:
        return None  # nothing was read: an inode alone may be another file's by now
    for index, member in enumerate(members):
        if (member.inode, member.device) == (mark.inode, mark.device) and holds(member, mark):
            return index
    return next((index for index, member in enumerate(members) if holds(member, mark)), None)


def end_offset(path: str, settings: Input) -> int:
    """Return where the last whole line of a file ends."""
    with closing(LogFile(path, settings)) as file:
        if not file.compressed:
            return _after_last_line(path)
        while file.read() is not None:
            pass
        return file.mark().offset


def first_lines(path: str, settings: Input) -> pl.DataFrame:
    """Return the first lines of the file at `path`; none where it cannot be read. Shapes: `LINES`."""
    try:
        with closing(LogFile(path, settings)) as file:
            return file.head()
    except OSError:
        return empty(LINES)


def last_lines(path: str, settings: Input) -> pl.DataFrame:
    """Return the last lines of a plain file, those of a compressed one's first lines. Shapes: `LINES`."""
    with open(path, "rb") as raw:
        if kind(_first(raw, MAGIC_BYTES)) is not None:
            return first_lines(path, settings)
        size = raw.seek(0, os.SEEK_END)
        raw.seek(max(0, size - _TAIL_BYTES))
        data = raw.read()
    if size > _TAIL_BYTES:
        data = data[data.find(b"\n") + 1 :]
    return _first_lines(data, whole=True, settings=settings, most=None)


def _first_lines(data: bytes, *, whole: bool, settings: Input, most: int | None = HEAD_LINES) -> pl.DataFrame:
    cutter = Cutter("", max_line_bytes=settings.max_line_bytes)
    cuts = [cutter.feed(data), cutter.finish() if whole else None]
    lines = pl.concat([empty(LINES), *(cut.lines for cut in cuts if cut is not None)])
    return lines if most is None else lines.head(most)


def _after_last_line(path: str) -> int:
    with open(path, "rb") as raw:
        end = raw.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _TAIL_BYTES)
            raw.seek(start)
            at = raw.read(end - start).rfind(b"\n")
            if at >= 0:
                return start + at + 1
            end = start
    return 0


def _open(path: str) -> BinaryIO:
    if path == STDIN:
        return sys.stdin.buffer
    found = look(path)
    if found is not None and not found.regular:
        return open(path, "rb")  # a pipe: buffered, so that a read waits until it is full
    return open(path, "rb", buffering=0)


def _first(raw: BinaryIO, size: int) -> bytes:
    if isinstance(raw, io.BufferedReader) and not raw.seekable():
        return raw.peek(size)[:size]
    return os.pread(raw.fileno(), size, 0)


def _hash(head: bytes) -> str:
    return sha256(head).hexdigest()
