"""Read files to their end: every log a stream, its rotated files joined, the oldest first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from os import PathLike
from typing import ClassVar, Final

import polars as pl

from detector.collect.source.block import Block, Position
from detector.collect.source.find import Found, find
from detector.collect.source.locate import match
from detector.collect.source.logfile import LogFile, first_lines, last_lines
from detector.config import Input
from detector.errors import InputError

FirstTime = Callable[[pl.DataFrame], datetime | None]
"""Tells the time of the first line that can be read. Shapes: `LINES`."""

_PROBED: Final = 100
"""Lines looked at for the time a file begins or ends."""


@dataclass(slots=True, kw_only=True)
class _Span:
    file: Found
    first: datetime | None = None
    last: datetime | None = None


@dataclass(slots=True, kw_only=True)
class _Chain:
    """The files of one stream that are still to be read, with the offset to begin at."""

    files: list[tuple[Found, int]]
    since: datetime | None = None
    open: LogFile | None = None


class Files:
    """The source of `batch`.

    Delivery: every line once; from `positions` on where those are given, and a line that was given out after the
    last saved position again.
    Files whose names differ only in date, number or compression, and that follow each other in time, are one stream.
    Where they overlap they are no rotations, and each is a stream of its own.

    Raises: `InputError` for a path that is missing, unreadable, or holds no log.
    """

    live: ClassVar[bool] = False

    def __init__(
        self,
        paths: Sequence[str | PathLike[str]],
        settings: Input,
        first_time: FirstTime,
        positions: Mapping[str, Position] | None = None,
    ) -> None:
        found = find(paths)
        self.total_bytes = sum(file.size_bytes for file in found)
        self._settings = settings
        self._first_time = first_time
        self._done_bytes = 0
        self._chains: dict[str, _Chain] = {}
        families: dict[str, list[Found]] = {}
        for file in found:
            families.setdefault(file.stream, []).append(file)
        for stream, files in families.items():
            for chain in self._chained([self._span(file, probe=len(found) > 1) for file in files]):
                name = stream if stream not in self._chains else chain[0].file.path
                self._chains[name] = self._resumed(chain, (positions or {}).get(name))

    def refresh(self) -> None:
        """Do nothing: files that are read to their end are looked at once."""

    def streams(self) -> dict[str, datetime | None]:
        """Return the streams that are not at their end, with the time of their first line."""
        return {name: chain.since for name, chain in self._chains.items()}

    def positions(self) -> dict[str, Position]:
        """Return none: a file of which nothing was read is read from its start."""
        return {}

    def forgotten(self) -> tuple[str, ...]:
        """Return none: files that are read to their end are there."""
        return ()

    def head(self, stream: str) -> pl.DataFrame | None:
        """Return the first lines of the file that is read next. Shapes: `LINES`."""
        chain = self._chains[stream]
        file = self._opened(chain)
        return file.head() if file is not None else None

    def read(self, stream: str) -> Block | None:
        """Return the next lines of a stream; None: it is at its end.

        Raises: `InputError` when a file cannot be opened any more.
        """
        chain = self._chains[stream]
        while (file := self._opened(chain)) is not None:
            cut = file.read()
            ended = cut is None
            cut = file.finish() if cut is None else cut
            stored = self._done_bytes + file.stored_bytes
            mark = file.mark()
            if ended:
                self._done_bytes += chain.files.pop(0)[0].size_bytes
                file.close()
                chain.open = None
            if cut is not None:
                return Block(
                    stream=stream,
                    path=file.path,
                    lines=cut.lines,
                    rejects=cut.rejects,
                    position=Position(stream=stream, files=(mark,)),
                    modified=file.modified,
                    size_bytes=cut.size_bytes,
                    stored_bytes=stored,
                )
        del self._chains[stream]
        return None

    def close(self) -> None:
        """Close what is open."""
        for chain in self._chains.values():
            if chain.open is not None:
                chain.open.close()
                chain.open = None

    def _opened(self, chain: _Chain) -> LogFile | None:
        if chain.open is None and chain.files:
            file, offset = chain.files[0]
            try:
                chain.open = LogFile(file.path, self._settings, offset)
            except OSError as fault:
                raise InputError(f"{file.path}: cannot be read: {fault.strerror}") from None
        return chain.open

    def _span(self, file: Found, *, probe: bool) -> _Span:
        if not probe or not file.regular or file.size_bytes == 0:
            return _Span(file=file)
        head = first_lines(file.path, self._settings)
        directives = head.filter(pl.col("line").str.starts_with("#"))
        tail = last_lines(file.path, self._settings).filter(~pl.col("line").str.starts_with("#")).reverse()
        return _Span(
            file=file,
            first=self._first_time(head.head(_PROBED)),
            last=self._first_time(pl.concat([directives, tail.head(_PROBED)])),
        )

    def _chained(self, spans: list[_Span]) -> list[list[_Span]]:
        """Join files that follow each other; a file that begins before another's end starts a stream of its own."""
        by_name = sorted(spans, key=lambda span: (span.file.age, span.file.path))
        timed = [span for span in by_name if span.file.size_bytes or not span.file.regular]
        if any(span.first is None for span in timed):
            return [by_name]
        slack = timedelta(seconds=self._settings.max_lateness_s)
        chains: list[list[_Span]] = []
        for span in sorted(timed, key=_first_of):
            fits = (chain for chain in chains if _first_of(span) >= _last_of(chain[-1]) - slack)
            chain = next(fits, None)
            if chain is None:
                chains.append([span])
            else:
                chain.append(span)
        return chains

    def _resumed(self, chain: list[_Span], position: Position | None) -> _Chain:
        files = [span.file for span in chain]
        offsets = dict.fromkeys(range(len(files)), 0)
        marks = position.files if position else ()
        known = {
            place: mark.offset for place, mark in zip(match(marks, files), marks, strict=True) if place is not None
        }
        if known:
            offsets = {index: known.get(index, 0) for index in offsets if index in known or index > max(known)}
            self._done_bytes += sum(file.size_bytes for index, file in enumerate(files) if index not in offsets)
        since = min((time for span in chain for time in (span.first, span.last) if time is not None), default=None)
        return _Chain(files=[(files[index], offset) for index, offset in offsets.items()], since=since)


def _first_of(span: _Span) -> datetime:
    assert span.first is not None  # noqa: S101  # only spans with times are joined by time
    return span.first


def _last_of(span: _Span) -> datetime:
    return max(_first_of(span), span.last or _first_of(span))
