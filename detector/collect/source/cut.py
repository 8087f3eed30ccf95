"""Cut bytes into lines: exact offsets, any chunk size, never a whole overlong line in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl

from detector.collect.source.block import LINES
from detector.schema import REJECT, empty

_BOM: Final = b"\xef\xbb\xbf"
_Numbers = Sequence[int] | pl.Series | np.ndarray[Any, Any]
_SEPARATORS: Final = tuple(bytes([code]) for code in (*range(1, 9), *range(14, 32), 127, 11, 12))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Lines and rejects cut from `size_bytes` bytes."""

    lines: pl.DataFrame
    rejects: pl.DataFrame
    size_bytes: int


def texts(data: bytes) -> pl.Series:
    """Return the lines of `data`, which ends with a line feed, as text.

    One carriage return before a line feed goes with it; invalid UTF-8 becomes U+FFFD. Polars' CSV reader
    does this with both cores, but cuts a line that holds its separator and swallows a byte order mark:
    so the separator is a byte that `data` does not hold.
    """
    for separator in _SEPARATORS:
        if separator not in data:
            break
    else:
        text = data.decode("utf-8", "replace").removesuffix("\n")
        return pl.Series("line", [text]).str.split("\n").explode().str.strip_suffix("\r")
    shield = b"\n" if data.startswith(_BOM) else b""
    frame = pl.read_csv(
        shield + data,
        separator=separator.decode(),
        quote_char=None,
        encoding="utf8-lossy",
        has_header=False,
        schema={"line": pl.String},
        empty_string_is_null=False,
    )
    return frame["line"].slice(len(shield))


class Cutter:
    """Turn the bytes of one file, fed in any portions, into its lines.

    `offset` is where the first line starts that was not given out yet.
    """

    def __init__(self, path: str, *, max_line_bytes: int, offset: int = 0) -> None:
        self.offset = offset
        self._path = path
        self._max = max_line_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._dropping = False

    @property
    def read_offset(self) -> int:
        """Where the next byte to be fed stands in the file."""
        return self.offset + self._held_bytes

    def feed(self, data: bytes) -> Cut | None:
        """Take the next bytes; return the lines they complete, None where they complete none."""
        end = data.rfind(b"\n") + 1
        if end == 0:
            self._hold(data)
            return None
        began, start, rejects = self.offset, 0, empty(REJECT)
        if self._dropping:
            start = data.index(b"\n") + 1
            rejects = self._too_long([self.offset], [self._held_bytes + start - 1])
            self.offset += self._held_bytes + start
            self._held_bytes, self._dropping = 0, False
        cut = self._lines(b"".join((*self._held, memoryview(data)[start:end])))
        self._held, self._held_bytes = [], 0
        self._hold(data[end:])
        return Cut(lines=cut.lines, rejects=pl.concat([rejects, cut.rejects]), size_bytes=self.offset - began)

    def finish(self, damage: str | None = None) -> Cut | None:
        """Return what is left at the end of the file: a last line without line feed.

        `damage` says why the file ends here against its will: then what is left of a line is no line,
        and one reject stands for it and for everything behind it.
        """
        size = self._held_bytes
        if damage is not None:
            cut = Cut(lines=empty(LINES), rejects=_reject(self._path, [self.offset], [size], damage), size_bytes=size)
        elif self._dropping:
            cut = Cut(lines=empty(LINES), rejects=self._too_long([self.offset], [size]), size_bytes=size)
        elif size:
            cut = replace(self._lines(b"".join((*self._held, b"\n"))), size_bytes=size)
            self.offset -= size + 1  # counted below; the line feed is ours, not the file's
        else:
            return None
        self.offset += size
        self._held, self._held_bytes, self._dropping = [], 0, False
        return cut

    def _hold(self, data: bytes) -> None:
        self._held_bytes += len(data)
        if self._dropping or self._held_bytes > self._max:
            self._held, self._dropping = [], True
        elif data:
            self._held.append(data)

    def _lines(self, data: bytes) -> Cut:
        if not data:
            return Cut(lines=empty(LINES), rejects=empty(REJECT), size_bytes=0)
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
        starts = np.concatenate(([0], ends[:-1] + 1))
        text = texts(data.removeprefix(_BOM) if self.offset == 0 else data)
        lines = pl.DataFrame([text, pl.Series("log.offset", starts + self.offset)], schema=LINES)
        rejects, sizes = empty(REJECT), ends - starts
        if sizes.max() > self._max:
            long = pl.Series(sizes > self._max)
            rejects = self._too_long(lines["log.offset"].filter(long), sizes[sizes > self._max])
            lines = lines.filter(~long)
        self.offset += len(data)
        return Cut(lines=lines, rejects=rejects, size_bytes=len(data))

    def _too_long(self, offsets: _Numbers, sizes: _Numbers) -> pl.DataFrame:
        return _reject(self._path, offsets, sizes, f"line longer than max_line_bytes = {self._max}")


def _reject(path: str, offsets: _Numbers, sizes: _Numbers, reason: str) -> pl.DataFrame:
    rows = pl.DataFrame({"log.offset": offsets, "line_bytes": sizes})
    return rows.with_columns(pl.lit(path).alias("log.file.path"), pl.lit(reason).alias("reason")).select(
        pl.col(name).cast(dtype) for name, dtype in REJECT.items()
    )
