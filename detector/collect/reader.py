"""Join the parts of `collect`: blocks of lines are read and parsed ahead while the caller detects the former."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Protocol

import polars as pl

from detector.collect.order import Sequencer
from detector.collect.source.block import Block, ParserState, Position, Source
from detector.schema import REJECT, empty

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


class Parsed(Protocol):
    """What is made of lines: `events.height + rejects.height + skipped` is their number."""

    @property
    def events(self) -> pl.DataFrame:
        """Shapes: RAW."""

    @property
    def rejects(self) -> pl.DataFrame:
        """Shapes: REJECT."""

    @property
    def skipped(self) -> int:
        """Blank lines and directives, which are no lines."""


class Parse(Protocol):
    """Reads the lines of one file of a stream.

    Pure: what it must know of the lines before comes in `state`, what it knows after goes out with it. So reading can
    go on after a restart.
    """

    def __call__(self, lines: pl.DataFrame, path: str, state: ParserState) -> tuple[Parsed, ParserState]:
        """Parse `lines`. Shapes: LINES -> RAW and REJECT."""


Choose = Callable[[str, pl.DataFrame], ParserState]
"""Chooses the format of a stream by its first lines. Shapes: LINES."""

Enrich = Callable[[pl.DataFrame], pl.DataFrame]
"""Shapes: RAW -> EVENT, same rows, same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What reading gave since the last: `events` are released, `positions` are as of what the sequencer was given.

    Shapes: `events` EVENT with LATE, in order; `rejects` REJECT. `lines` counts events (held ones too) and rejects;
    `skipped` blank lines and directives. `size_bytes` counts decompressed bytes, `stored_bytes` how far reading has
    come in the files as they are stored. `held` events wait in the sequencer; `behind_s` says of every stream how far
    its time is behind the furthest, where there are several.
    """

    events: pl.DataFrame
    rejects: pl.DataFrame
    lines: int
    skipped: int
    size_bytes: int
    stored_bytes: int
    positions: Mapping[str, Position]
    held: int
    behind_s: Mapping[str, float]


@dataclass(slots=True, kw_only=True)
class _Work:
    """What the thread hands over: blocks in the order they were read, and the streams that ended after them."""

    watched: dict[str, datetime | None] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    events: list[pl.DataFrame] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    skipped: int = 0
    size_bytes: int = 0
    stored_bytes: int = 0
    behind_s: dict[str, float] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        return sum(frame.height for frame in (*self.events, *self.rejects))


class Reader:
    """Reads a source to its (present) end.

    One thread reads, parses and enriches one step ahead of the caller (Polars lets both run); what it raises is raised
    in the caller. Next is always the stream whose events have come least far, so that the sequencer holds little.
    A step is about `chunk_bytes`, of one stream or of several.

    Delivery: every line once. A caller that saves `positions` and `sequencer.snapshot()` with what it made of the
    events that were released by then goes on from there as if nothing had been.
    """

    def __init__(
        self,
        source: Source,
        choose: Choose,
        parse: Parse,
        enrich: Enrich,
        sequencer: Sequencer,
        *,
        chunk_bytes: int,
        positions: Mapping[str, Position] | None = None,
    ) -> None:
        self._source = source
        self._choose = choose
        self._parse = parse
        self._enrich = enrich
        self._sequencer = sequencer
        self._chunk_bytes = chunk_bytes
        self._positions = dict(positions or {})
        self._states = {name: position.parser for name, position in self._positions.items()}
        self._times: dict[str, datetime] = {}
        self._stored_bytes = 0

    def batches(self) -> Iterator[Collected]:
        """Yield what comes, to the present end of every stream; on a live source call it again later.

        It ends with what could be released; the rest is still held. So a caller saves its state first, then calls
        `settle`, judges what that gives, and saves no more: lines that come later find the held ones in the saved
        state and are ordered with them as if the run had never stopped.
        """
        self._source.refresh()
        watched = dict(self._source.streams())
        if self._begin(self._source.positions()):
            yield self._admit(_Work(stored_bytes=self._stored_bytes))
        with ThreadPoolExecutor(1, "collect") as thread:
            ahead = thread.submit(self._next, watched)
            while (work := ahead.result()) is not None:
                ahead = thread.submit(self._next, {})
                yield self._admit(work)

    def settle(self) -> Collected:
        """Give out everything that is held, last lines without line feed included: nothing more is going to come."""
        work = _Work()
        for block in self._source.settle():
            self._take(work, block)
        self._enrich_all(work)
        work.stored_bytes = self._stored_bytes
        given = self._admit(work)
        events = pl.concat([given.events, self._sequencer.flush()])
        rejects = pl.concat([given.rejects, self._sequencer.take_rejects()])
        return replace(given, events=events, rejects=rejects, held=0)

    def _begin(self, positions: Mapping[str, Position]) -> bool:
        """Note where streams begin; whether any is new: that must be saved, or a restart would begin elsewhere."""
        new = {name: position for name, position in positions.items() if name not in self._positions}
        self._positions |= new
        return bool(new)

    def _next(self, watched: dict[str, datetime | None]) -> _Work | None:
        """Read and parse the next step (in the thread); None: all streams are at their end."""
        work = _Work(watched=watched)
        while work.size_bytes < self._chunk_bytes and (stream := self._hindmost()) is not None:
            block = self._source.read(stream)
            if block is None:
                work.ended.append(stream)
            else:
                self._take(work, block)
        if not (work.blocks or work.ended):
            return None
        self._enrich_all(work)
        work.stored_bytes = self._stored_bytes
        return work

    def _hindmost(self) -> str | None:
        streams = self._source.streams()
        return min(streams, key=lambda name: (self._times.get(name) or streams[name] or _BEGINNING, name), default=None)

    def _take(self, work: _Work, block: Block) -> None:
        stream = block.stream
        state = self._states.get(stream)
        if state is None or state.format is None:
            head = self._source.head(stream)
            state = self._choose(stream, block.lines if head is None or head.is_empty() else head)
        parsed, state = self._parse(block.lines, block.path, state)
        self._states[stream] = state
        latest = parsed.events["@timestamp"].max()
        if isinstance(latest, datetime):
            self._times[stream] = max(latest, self._times.get(stream, latest))
        work.blocks.append(replace(block, position=replace(block.position, parser=state), lines=block.lines.clear()))
        work.events.append(parsed.events)
        work.rejects += [block.rejects, parsed.rejects]
        work.skipped += parsed.skipped
        work.size_bytes += block.size_bytes
        self._stored_bytes = block.stored_bytes

    def _enrich_all(self, work: _Work) -> None:
        if len(self._times) > 1:
            furthest = max(self._times.values())
            work.behind_s = {name: (furthest - time).total_seconds() for name, time in self._times.items()}
        if not work.events:
            return
        events, at = self._enrich(pl.concat(work.events)), 0
        for index, raw in enumerate(work.events):
            work.events[index] = events.slice(at, raw.height)
            at += raw.height

    def _admit(self, work: _Work) -> Collected:
        """Hand a step to the sequencer (in the caller) and return what that releases."""
        for name, since in work.watched.items():
            self._sequencer.watch(name, since)
        for block, events in zip(work.blocks, work.events, strict=True):
            self._sequencer.admit(block.stream, events)
            self._positions[block.stream] = block.position
        for name in work.ended:
            self._sequencer.end(name, final=not self._source.live)
        events = self._sequencer.release()
        rejects = pl.concat([empty(REJECT), *work.rejects, self._sequencer.take_rejects()])
        return Collected(
            events=events,
            rejects=rejects,
            lines=work.lines,
            skipped=work.skipped,
            size_bytes=work.size_bytes,
            stored_bytes=work.stored_bytes,
            positions=dict(self._positions),
            held=self._sequencer.held_count,
            behind_s=work.behind_s,
        )
