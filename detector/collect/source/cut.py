"""Cut bytes into lines: exact offsets, any chunk size, never a whole overlong line in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from detector.collect.source.block import LINES
from detector.schema import REJECT, empty

_BOM: Final = b"\xef\xbb\xbf"
_HARMLESS: Final = tuple(bytes([code]) for code in b'0123456789[{"#-<')
_Array = np.ndarray[Any, Any]
_Numbers = Sequence[int] | pl.Series
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
    does this with both cores, but cuts a line that holds its separator: so that is a byte that `data` does not hold.
    It also swallows a byte order mark, and unpacks what begins like a compressed file, as a line may (`x^` is zlib's
    magic): so a blank line goes before whatever does not begin as lines of logs do.
    """
    for separator in _SEPARATORS:
        if separator not in data:
            break
    else:
        text = data.decode("utf-8", "replace").removesuffix("\n")
        return pl.Series("line", [text]).str.split("\n").explode().str.strip_suffix("\r")
    shield = b"" if data[:1] in _HARMLESS else b"\n"
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
        self._told = offset
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._dropping = False
        self._in_hole = False

    @property
    def read_offset(self) -> int:
        """Where the next byte to be fed stands in the file."""
        return self.offset + self._held_bytes

    @property
    def is_partial(self) -> bool:
        """Whether something was fed that is in no line given out yet."""
        return self._told != self.read_offset

    def feed(self, data: bytes) -> Cut | None:
        """Take the next bytes; return the lines they complete, None where they complete none."""
        if self._in_hole:
            data = self._without_hole(data)
        end = data.rfind(b"\n") + 1
        if end == 0:
            self._hold(data)
            return None
        start, rejects = 0, empty(REJECT)
        if self._dropping:
            start = data.index(b"\n") + 1
            rejects = self._too_long([self.offset], [self._held_bytes + start - 1])
            self._go_on(self._held_bytes + start)
        lines, long = self._lines(b"".join((*self._held, memoryview(data)[start:end])))
        self._go_on(self._held_bytes + end - start)
        self._hold(data[end:])
        return self._cut(lines, pl.concat([rejects, long]))

    def finish(self, damage: str | None = None) -> Cut | None:
        """Return what is left at the end of the file: a last line without line feed. What is fed after it is another.

        `damage` says why the file ends here against its will: then what is left of a line is no line,
        and one reject stands for it and for everything behind it.
        """
        size = self._held_bytes
        if damage is None and not self.is_partial:
            return None
        lines, rejects = empty(LINES), empty(REJECT)
        if damage is not None:
            rejects = _reject(self._path, [self.offset], [size], damage)
        elif self._dropping:
            rejects = self._too_long([self.offset], [size])
        elif size:
            lines, rejects = self._lines(b"".join((*self._held, b"\n")))
        self._go_on(size)
        return self._cut(lines, rejects)

    def _cut(self, lines: pl.DataFrame, rejects: pl.DataFrame) -> Cut:
        size, self._told = self.offset - self._told, self.offset
        return Cut(lines=lines, rejects=rejects, size_bytes=size)

    def _go_on(self, size: int) -> None:
        self.offset += size
        self._held, self._held_bytes, self._dropping, self._in_hole = [], 0, False, False

    def _hold(self, data: bytes) -> None:
        """Keep the start of a line; of one that is too long only its length."""
        self._held_bytes += len(data)
        if self._dropping:
            return
        if data:
            self._held.append(data)
        if self._held_bytes > self._max:
            rest = self._without_hole(b"".join(self._held))
            self._held_bytes, self._dropping = len(rest), len(rest) > self._max
            self._held = [rest] if rest and not self._dropping else []

    def _without_hole(self, data: bytes) -> bytes:
        """Pass over the NULs that a writer leaves that goes on at its old offset in a truncated file."""
        rest = data.lstrip(b"\0")
        self._in_hole = not rest
        self.offset += len(data) - len(rest)
        return rest

    def _lines(self, data: bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
        if not data:
            return empty(LINES), empty(REJECT)
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
        starts = np.concatenate(([0], ends[:-1] + 1))
        text = texts(data.removeprefix(_BOM) if self.offset == 0 else data)
        if (ends - starts).max() > self._max:
            text = _pass_holes(data, starts, ends, text, self._max)
        lines = pl.DataFrame([text, pl.Series("log.offset", starts + self.offset)], schema=LINES)
        long = pl.Series(ends - starts > self._max)
        if not long.any():
            return lines, empty(REJECT)
        rejects = self._too_long(lines["log.offset"].filter(long), pl.Series(ends - starts).filter(long))
        return lines.filter(~long), rejects

    def _too_long(self, offsets: _Numbers, sizes: _Numbers) -> pl.DataFrame:
        return _reject(self._path, offsets, sizes, f"line longer than max_line_bytes = {self._max}")


def _reject(path: str, offsets: _Numbers, sizes: _Numbers, reason: str) -> pl.DataFrame:
    rows = pl.DataFrame({"log.offset": offsets, "line_bytes": sizes})
    return rows.with_columns(pl.lit(path).alias("log.file.path"), pl.lit(reason).alias("reason")).select(
        pl.col(name).cast(dtype) for name, dtype in REJECT.items()
    )


def _pass_holes(data: bytes, starts: _Array, ends: _Array, text: pl.Series, longest: int) -> pl.Series:
    """Move the starts of lines that are too long behind the NULs they begin with; rare, so one by one."""
    holes = np.zeros(len(text), dtype=bool)
    for line in np.flatnonzero(ends - starts > longest):
        if data[starts[line]] == 0:
            holes[line] = True
            starts[line] = ends[line] - len(data[starts[line] : ends[line]].lstrip(b"\0"))
    return text.zip_with(~pl.Series(holes), text.str.strip_chars_start("\0"))
