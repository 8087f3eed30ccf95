"""Say what a source hands on: a Block of lines, and the Position where reading goes on after it."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Protocol

import polars as pl

from detector.collect.formats import Learned

LINES: Final = pl.Schema({"line": pl.String, "log.offset": pl.Int64})
"""Lines of one file: text without its line feed, byte offset of its start in the decompressed file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParserState:
    """What reading the next line of a stream needs to know from the lines before it.

    `format` is the name of the format chosen for the stream, None until chosen; `header` is what a
    directive in the file has put in force (W3C's `#Fields`), empty where there was none; `learned` is what the first
    lines told of the format, None in a state that was saved before it was kept; `doubled_us` how far its lines came in
    an hour that their zone has twice (microseconds since 1970), None where in none or before it was kept.
    """

    format: str | None = None
    header: str = ""
    learned: Learned | None = None
    doubled_us: int | None = None

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "ParserState":
        """Return what `asdict` and JSON made plain."""
        learned = plain.get("learned")
        return cls(
            format=plain["format"],
            header=plain["header"],
            learned=learned and Learned.from_dict(learned),
            doubled_us=plain.get("doubled_us"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far one file was read, and how to know the file again after it was renamed or compressed.

    `fingerprint` is the SHA-256 of its first `head_bytes` decompressed bytes, `tail_fingerprint` that of as many before
    `offset` (empty where they are not known): logs may begin with the same lines. `offset` counts decompressed bytes,
    `modified_ns` is when it was last written to as far as was seen. `ended`: it was read to its end and let go, and
    shows what is older than all that comes.
    """

    path: str
    inode: int
    device: int
    head_bytes: int
    fingerprint: str
    offset: int
    modified_ns: int
    tail_fingerprint: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a stream is read on: the files in hand (oldest first) and the parser's state."""

    stream: str
    files: tuple[Mark, ...] = ()
    parser: ParserState = ParserState()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Position":
        """Return what `to_dict` wrote."""
        return cls(
            stream=plain["stream"],
            files=tuple(Mark(**mark) for mark in plain["files"]),
            parser=ParserState.from_dict(plain["parser"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Whole lines of one file, in its order.

    Shapes: `lines` as `LINES` (blank lines included), `rejects` as `schema.REJECT`: lines too long to read, and the
    rest of a damaged compressed file. `modified` is when the file was last written to, None for a pipe. `size_bytes`
    counts decompressed bytes, `stored_bytes` how far reading has come in all files together, as stored (for progress).
    """

    stream: str
    path: str
    lines: pl.DataFrame
    rejects: pl.DataFrame
    position: Position
    modified: datetime | None
    size_bytes: int
    stored_bytes: int


class Source(Protocol):
    """Streams to read in any order, each by itself in its own order.

    `live` says whether a stream that is at its end may grow later.
    """

    live: ClassVar[bool]

    def refresh(self) -> None:
        """Look at the files anew: growth, rotation, new files."""

    def streams(self) -> Mapping[str, datetime | None]:
        """Return the streams that may have something to read, with a time none of its lines comes before, if known."""

    def positions(self) -> Mapping[str, Position]:
        """Return where reading is now, for streams that may be waited for without a line."""

    def forgotten(self) -> Collection[str]:
        """Return the streams that went so long ago, as of the last `refresh`, that their positions count no more."""

    def head(self, stream: str) -> pl.DataFrame | None:
        """Return the first lines of a stream, to choose its format by; None where they cannot be read twice."""

    def read(self, stream: str) -> Block | None:
        """Return the next lines of a stream; None: it is at its (present) end."""

    def close(self) -> None:
        """Let go of every file."""
