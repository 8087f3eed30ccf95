"""Read one file: plain or compressed, from an offset, now to its end and on when it has grown."""

import io
import os
import sys
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import BinaryIO, Final

import polars as pl

from detector import clock
from detector.collect.source.block import LINES, Mark
from detector.collect.source.compression import MAGIC_BYTES, Unpacked, kind
from detector.collect.source.cut import Cut, Cutter
from detector.collect.source.find import STDIN, look
from detector.config import Input
from detector.schema import empty

FINGERPRINT_BYTES: Final = 1024
HEAD_LINES: Final = 1000
HEAD_BYTES: Final = 256 * 1024
_TAIL_BYTES: Final = 64 * 1024


class LogFile:
    """One open file, `size_bytes` long as stored at the last look.

    It stays the same file when it is renamed; see `replaced` for when it is overwritten. `live`: it may be overwritten
    while it is read.

    Raises: OSError when it cannot be opened.
    """

    def __init__(self, path: str, settings: Input, offset: int = 0, *, live: bool = False) -> None:
        self.path = path
        self._at = os.path.realpath(path) if live else path  # where it stays when a link is set to another file
        self._live = live
        self._settings = settings
        self._raw = _open(path)
        self._regular = self._raw is not sys.stdin.buffer and self._raw.seekable()
        self._compression = kind(_first(self._raw, MAGIC_BYTES))
        self._bytes = Unpacked(self._raw, self._compression)
        size = min(offset, FINGERPRINT_BYTES)
        self._head = self._bytes.peek(size)
        self._bytes.skip(offset - size)
        self._recent = self._bytes.read(size)
        self._before = (offset, self._recent)
        self._cutter = Cutter(path, max_line_bytes=settings.max_line_bytes, offset=offset)
        self.size_bytes = -1
        self._here = os.fstat(self._raw.fileno())
        self._modified_ns, self._grown_s = self._here.st_mtime_ns, 0.0
        self._begun_with = os.pread(self._raw.fileno(), FINGERPRINT_BYTES, 0) if live else b""
        self.look()
        if self.modified is not None:
            self._grown_s -= max(0.0, (clock.now() - self.modified).total_seconds())
        self._fingerprint = (-1, "")
        self._tail_fingerprint = (-1, "")
        self._finished = False

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode: who the file is, whatever its name; see `Found.identity`."""
        return self._here.st_dev, self._here.st_ino

    @property
    def gone(self) -> bool:
        """Whether no name led to the file any more at the last look."""
        return self._here.st_nlink == 0

    @property
    def compressed(self) -> bool:
        """Whether the file is compressed: then it does not grow."""
        return self._compression is not None

    @property
    def is_quiet(self) -> bool:
        """Whether it has not grown for `partial_line_s`: by a clock that does not jump, where it was open meanwhile."""
        return clock.monotonic_s() - self._grown_s >= self._settings.partial_line_s

    @property
    def stored_bytes(self) -> int:
        """How far reading has come in the file as it is stored."""
        return self._raw.tell() if self._regular else self._cutter.read_offset

    @property
    def behind_bytes(self) -> int:
        """Bytes as stored, as of the last look at the file, of which no line was given out yet."""
        if self.compressed:
            return 0 if self._raw.closed else max(0, self.size_bytes - self._raw.tell())
        return max(0, self.size_bytes - self._cutter.offset)

    @property
    def modified(self) -> datetime | None:
        """When it was last written to, as far as was seen; None for a pipe."""
        return datetime.fromtimestamp(self._modified_ns / 1e9, UTC) if self._regular else None

    @property
    def replaced(self) -> bool:
        """Whether the file was cut down and written anew since (`copytruncate`), or is not to be read this way."""
        if self.compressed or not self._regular:
            return False
        here, offset = self._raw.fileno(), self._cutter.read_offset
        try:
            return (
                self._bytes.damage is not None
                or os.fstat(here).st_size < offset
                or os.pread(here, len(self._head), 0) != self._head
                or os.pread(here, len(self._begun_with), 0) != self._begun_with
                or os.pread(here, len(self._recent), offset - len(self._recent)) != self._recent
            )
        except OSError:  # a network's file that was deleted there, or a disk in trouble: it is found again
            return True

    @property
    def has_changed(self) -> bool:
        """Whether the file is not as long as it was at the last look."""
        return os.fstat(self._raw.fileno()).st_size != self.size_bytes

    def head(self) -> pl.DataFrame:
        """Return its first lines without taking them. Shapes: `LINES`, up to HEAD_LINES rows."""
        data = self._bytes.peek(HEAD_BYTES)
        return _first_lines(data, whole=len(data) < HEAD_BYTES, settings=self._settings)

    def look(self) -> None:
        """See how long the file is now, and when it was last written to.

        What was cut down since and written anew is no more of it: a copy made in between would seem older than it.
        """
        if not self._regular:
            return
        with suppress(OSError):  # told by `replaced`
            self._here = os.fstat(self._raw.fileno())
        if self._here.st_size != self.size_bytes:
            self._grown_s = clock.monotonic_s()
        self.size_bytes = self._here.st_size
        if not (self._live and self.replaced):
            self._modified_ns = self._here.st_mtime_ns

    def read(self) -> Cut | None:
        """Return the next lines that are whole; None: at its (present) end."""
        self.look()
        while data := self._bytes.read(self._settings.chunk_bytes):
            if self._live and self.replaced:
                return None  # these bytes may be of another file's middle: it is looked at anew
            if len(self._head) < FINGERPRINT_BYTES:
                self._head += data[: FINGERPRINT_BYTES - len(self._head)]
            cut = self._cutter.feed(data)
            self._remember(data)
            if cut is not None:
                return cut
        return None

    def _remember(self, data: bytes) -> None:
        """Keep the last bytes before the present offset, and before the line that comes next."""
        size = len(data) - (self._cutter.read_offset - self._cutter.offset)
        if size >= 0:
            self._before = (self._cutter.offset, (self._recent + data[max(0, size - FINGERPRINT_BYTES) : size]))
        self._recent = (self._recent + data[-FINGERPRINT_BYTES:])[-FINGERPRINT_BYTES:]

    def partial(self) -> Cut | None:
        """Return a last line that got no line feed for `partial_line_s`: it counts as whole, what comes is another."""
        self.look()
        if self.compressed or not self._cutter.is_partial or not self.is_quiet:
            return None
        cut, self._before = self._cutter.finish(), (self._cutter.offset, self._recent)
        return cut

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
            self._fingerprint = (size, hashed(self._head[:size]))
        if self._tail_fingerprint[0] != self._cutter.offset:
            at, before = self._before
            known = at == self._cutter.offset and len(before) >= size
            self._tail_fingerprint = (self._cutter.offset, hashed(before[len(before) - size :]) if known else "")
        device, inode = self.identity
        return Mark(
            path=self._at,
            inode=inode,
            device=device,
            head_bytes=size,
            fingerprint=self._fingerprint[1],
            offset=self._cutter.offset,
            modified_ns=self._modified_ns,
            tail_fingerprint=self._tail_fingerprint[1],
        )

    def end(self) -> Mark:
        """Return a mark at the end as of the last look, whatever was read so far; of a compressed file `mark`."""
        if self.compressed:
            return self.mark()
        here, size = self._raw.fileno(), min(self.size_bytes, FINGERPRINT_BYTES)
        head, tail = os.pread(here, size, 0), os.pread(here, size, self.size_bytes - size)
        return replace(
            self.mark(),
            head_bytes=size,
            fingerprint=hashed(head),
            offset=self.size_bytes,
            tail_fingerprint=hashed(tail),
        )

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._raw is not sys.stdin.buffer:
            self._raw.close()


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


def hashed(head: bytes) -> str:
    """Return the fingerprint of some bytes."""
    return sha256(head).hexdigest()
