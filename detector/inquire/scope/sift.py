"""Read archives as a source does, but hand on only the lines that may matter: the rest is counted and let go."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Final

import polars as pl

from detector.collect.parse import Format, choose_format, parse
from detector.collect.source.block import Block, Position, Source
from detector.config import Input
from detector.inquire.scope.asked import Asked, spellings
from detector.inquire.scope.coverage import Coverage
from detector.inquire.scope.needles import holding, needles

_LEAST_SHARE: Final = 16
"""A block counts as at least this part of what it was: so a step of the reader ends, and progress shows."""

_AHEAD: Final = 2
"""Blocks unpacked before they are asked for, in all streams together."""


class Sift:
    """A source of the lines of `inner` that hold the name, session or address of somebody asked for.

    Where lines have a session and no name, as one line in `coverage.STEP` shows or `nameless` says, a session is
    learned from the lines that name an account with it, and searched for from there on, in the same block too.
    `second_look` says that this came too late for some lines: read them again, with the sessions known by then.

    Everything is handed on where `asked` is None. One thread unpacks ahead of the search.
    Delivery: as `inner`, of the lines that are handed on.
    """

    live: ClassVar[bool] = False

    def __init__(
        self,
        inner: Source,
        settings: Input,
        asked: Asked | None,
        known: frozenset[str] = frozenset(),
        *,
        nameless: bool = False,
    ) -> None:
        self.coverage = Coverage()
        self.sessions = set(known) | set(asked.sessions if asked else ())
        self._known = frozenset(self.sessions)
        self.nameless, self._late = nameless, False
        self._inner, self._settings, self._asked = inner, settings, asked
        self._streams = dict(inner.streams())
        self._many = len(self._streams) > 1
        self._texts = _texts(asked, self.sessions) if asked else set()
        self._heads: dict[str, pl.DataFrame | None] = {}
        self._formats: dict[str, tuple[Format, str]] = {}
        self._thread = ThreadPoolExecutor(1, "unpack")
        self._waiting: dict[str, Future[Block | None]] = {}

    @property
    def second_look(self) -> bool:
        """Whether lines may have been missed: those of a session read before it was known, or before it mattered."""
        if self._asked is None or not self._asked.accounts:
            return False
        return self._late or (self._many and self.nameless and self.sessions > self._known)

    def refresh(self) -> None:
        """Do nothing, as files that are read to their end do."""

    def streams(self) -> Mapping[str, datetime | None]:
        """Return the streams that are not at their end."""
        return dict(self._streams)

    def positions(self) -> Mapping[str, Position]:
        """Return none."""
        return {}

    def forgotten(self) -> tuple[str, ...]:
        """Return none."""
        return ()

    def head(self, stream: str) -> pl.DataFrame | None:
        """Return the first lines of a stream, whatever they hold: they tell the format."""
        return self._heads.get(stream)

    def read(self, stream: str) -> Block | None:
        """Return the lines that may matter of the next block; None: the stream is at its end."""
        if stream not in self._heads:
            self._heads[stream] = self._thread.submit(self._inner.head, stream).result()
        block = (self._waiting.pop(stream, None) or self._next(stream)).result()
        if block is None:
            del self._streams[stream]
            return None
        if len(self._waiting) < _AHEAD:
            self._waiting[stream] = self._next(stream)
        fmt, header = self._format(block)
        self.coverage.observe(stream, block.path, block.lines, lambda some: self._times(some, fmt, block))
        kept = block.lines if self._asked is None else self._kept(block, fmt, header)
        self.coverage.files[block.path].parsed += kept.height
        size = int(kept["line"].str.len_bytes().sum()) + kept.height
        return replace(block, lines=kept, size_bytes=max(size, block.size_bytes // _LEAST_SHARE))

    def settle(self) -> Iterator[Block]:
        """Give out nothing: a file's last line was given out at its end."""
        return iter(())

    def close(self) -> None:
        """Stop reading ahead and close the files."""
        self._thread.shutdown(cancel_futures=True)
        self._inner.close()

    def _next(self, stream: str) -> Future[Block | None]:
        return self._thread.submit(self._inner.read, stream)

    def _format(self, block: Block) -> tuple[Format, str]:
        if block.stream not in self._formats:
            head = self._heads[block.stream]
            lines = block.lines if head is None or head.is_empty() else head
            self._formats[block.stream] = (choose_format(lines, self._settings)[0], "")
        return self._formats[block.stream]

    def _times(self, some: pl.DataFrame, fmt: Format, block: Block) -> pl.DataFrame:
        """Read the times of some lines; note whether lines with a session lack the name."""
        if fmt.header is not None:
            some = pl.concat([block.lines.filter(pl.col("line").str.starts_with("#")), some]).unique("log.offset")
        read = parse(
            some.sort("log.offset"),
            fmt,
            path=block.path,
            header=self._formats[block.stream][1],
            reference=block.modified,
        )
        bare = pl.col("portal.session").is_not_null() & pl.col("user.name").is_null()
        if not self.nameless and read.events.select(bare.any()).item():
            self.nameless, self._late = True, self.coverage.lines > block.lines.height
        return read.events.select("log.offset", "@timestamp")

    def _kept(self, block: Block, fmt: Format, header: str) -> pl.DataFrame:
        line = block.lines["line"]
        mark = holding(line, self._texts)
        if fmt.header is not None:
            mark |= line.str.starts_with("#")
            last = line.filter(line.str.starts_with("#Fields:")).tail(1)
            self._formats[block.stream] = (fmt, last[0] if len(last) else header)
        fresh = mark if self.nameless else mark.clear()
        while fresh.any() and (new := self._owned(block, fmt, header, fresh) - self.sessions):
            self.sessions |= new
            self._texts |= _texts(None, self.sessions)
            found = holding(line, _texts(None, new))
            fresh, mark = found & ~mark, mark | found
        return block.lines.filter(mark)

    def _owned(self, block: Block, fmt: Format, header: str, rows: pl.Series) -> set[str]:
        """Return the sessions that lines show together with an account asked for."""
        assert self._asked is not None  # noqa: S101  # asked before
        read = parse(block.lines.filter(rows), fmt, path=block.path, header=header, reference=block.modified).events
        named = read.filter(pl.col("user.name").is_in(list(self._asked.accounts)))
        return set(named["portal.session"].drop_nulls().unique())


def _texts(asked: Asked | None, sessions: Iterable[str]) -> set[str]:
    names = {text for one in (*(asked.accounts if asked else ()), *sessions) for text in needles(one)}
    return names | {text for one in (asked.addresses if asked else ()) for text in spellings(one)}
