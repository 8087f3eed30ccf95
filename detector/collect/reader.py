"""Join the parts of `collect`: lines are read, parsed and enriched ahead while the caller detects the former."""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import polars as pl

from detector import clock
from detector.collect.formats import SAMPLE, build, canonical, names
from detector.collect.formats.w3c import DIRECTIVE
from detector.collect.order import Sequencer
from detector.collect.parse import Format, choose_format, parse
from detector.collect.source.block import Block, ParserState, Position, Source
from detector.config import Input
from detector.schema import REJECT, empty

Enrich = Callable[[pl.DataFrame], pl.DataFrame]
"""Shapes: RAW -> EVENT, same rows, same order."""

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What one step of reading gave. `positions` are as of what the sequencer was given, `events` what it released.

    Shapes: `events` EVENT with LATE, in order; `rejects` REJECT.
    `lines` counts events (those still held too) and rejects, `skipped` blank lines and directives, `size_bytes` the
    decompressed bytes; `stored_bytes` says how far reading has come in the files as stored, in all steps so far.
    `formats` says of streams met first in this step which format was taken, and why. `held` events wait in the
    sequencer; `behind_s` says of every stream how far its time is behind the furthest, where there are several.
    `seconds` were spent on it by stage, ahead of the caller's own.
    """

    events: pl.DataFrame
    rejects: pl.DataFrame
    lines: int
    skipped: int
    size_bytes: int
    stored_bytes: int
    positions: Mapping[str, Position]
    formats: Mapping[str, tuple[str, str]]
    held: int
    behind_s: Mapping[str, float]
    seconds: Mapping[str, float]


@dataclass(slots=True, kw_only=True)
class _Step:
    """What the thread hands over: blocks in the order they were read, and the streams that were at their end."""

    watched: Mapping[str, datetime | None] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    events: list[pl.DataFrame] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    formats: dict[str, tuple[str, str]] = field(default_factory=dict)
    behind_s: dict[str, float] = field(default_factory=dict)
    skipped: int = 0
    size_bytes: int = 0
    stored_bytes: int = 0
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to the stage `name`."""
        began_s = clock.monotonic_s()
        yield
        self.seconds[name] += clock.monotonic_s() - began_s


class Reader:
    """Reads a source to its (present) end.

    One thread works one step ahead of the caller (Polars lets both run), unless `ahead` says no; what it raises is
    raised in the caller. Next is always the stream whose events have come least far, so that the sequencer holds
    little. A step is about `chunk_bytes`, of one stream or of several.

    Delivery: every line once. A caller that saves `positions` and `sequencer.snapshot()` together with what it made of
    the events released by then goes on from there as if nothing had been.
    """

    def __init__(
        self,
        source: Source,
        enrich: Enrich,
        sequencer: Sequencer,
        settings: Input,
        positions: Mapping[str, Position] | None = None,
        *,
        ahead: bool = True,
    ) -> None:
        self._source = source
        self._ahead = ahead
        self._thread = ThreadPoolExecutor(1, "collect")  # one for good: each new one spreads memory over other arenas
        self._enrich = enrich
        self._sequencer = sequencer
        self._settings = settings
        self._positions = dict(positions or {})
        self._states = {name: position.parser for name, position in self._positions.items()}
        self._formats: dict[str, Format] = {}
        self._lines_since_choice: dict[str, int] = {}
        self._times: dict[str, datetime] = {}
        self._stored_bytes = self._read_bytes = self._done_bytes = 0
        self._left_off = False

    @property
    def ahead_bytes(self) -> int:
        """Bytes that were read and that the caller is not done with yet."""
        return self._read_bytes - self._done_bytes

    def batches(self) -> Generator[Collected, None, None]:
        """Yield what comes, to the present end of every stream; with a live source call it again later.

        Who leaves off before the end closes it, before the reader: the thread may be in the midst of a file.

        It ends with what could be released; the rest stays held. So a caller saves its state, then calls `settle`,
        judges what that gives, and saves nothing more: lines that come another day then find the held ones in the
        saved state, and are put in order with them as if the run had never stopped.
        """
        self._source.refresh()
        watched = dict(self._source.streams())
        if self._begin(self._source.positions()):
            yield self._admit(_Step(stored_bytes=self._stored_bytes))
        for step in self._steps_ahead(watched) if self._ahead else self._steps(watched):
            yield self._admit(step)
            self._done_bytes += step.size_bytes

    def settle(self) -> Collected:
        """Give out everything that is held: nothing more is going to come."""
        given = self._admit(self._finished(_Step()))
        events = pl.concat([given.events, self._sequencer.flush()])
        rejects = pl.concat([given.rejects, self._sequencer.take_rejects()])
        return replace(given, events=events, rejects=rejects, held=0)

    def close(self) -> None:
        """Let go of the thread and of the source's files."""
        self._thread.shutdown()
        self._source.close()

    def _begin(self, positions: Mapping[str, Position]) -> bool:
        """Note where streams begin; whether any is new: that must be saved, or a restart would begin elsewhere."""
        for name in self._source.forgotten():
            for known in (self._positions, self._states, self._formats, self._lines_since_choice, self._times):
                known.pop(name, None)
        new = {name: position for name, position in positions.items() if name not in self._positions}
        self._positions |= new
        return bool(new)

    def _steps_ahead(self, watched: Mapping[str, datetime | None]) -> Iterator[_Step]:
        self._left_off = False
        ahead = self._thread.submit(self._next, watched)
        try:
            while (step := ahead.result()) is not None:
                ahead = self._thread.submit(self._next, {})
                yield step
        finally:
            self._left_off = True  # who waits for its end needs nothing of what it is at
            wait([ahead])

    def _steps(self, watched: Mapping[str, datetime | None]) -> Iterator[_Step]:
        while (step := self._next(watched)) is not None:
            watched = {}
            yield step

    def _next(self, watched: Mapping[str, datetime | None]) -> _Step | None:
        """Read, parse and enrich the next step (in the thread); None: every stream is at its end, or it is left off."""
        step = _Step(watched=watched)
        while step.size_bytes < self._settings.chunk_bytes and (stream := self._hindmost()) is not None:
            with step.stage("read"):
                block = self._source.read(stream)
            if self._left_off:
                return None
            if block is None:
                step.ended.append(stream)
            else:
                self._read_bytes += block.size_bytes
                with step.stage("parse"):
                    self._take(step, block)
        return self._finished(step) if (step.blocks or step.ended) and not self._left_off else None

    def _hindmost(self) -> str | None:
        streams = self._source.streams()
        return min(streams, key=lambda name: (self._times.get(name) or streams[name] or _BEGINNING, name), default=None)

    def _take(self, step: _Step, block: Block) -> None:
        """Parse a block and add it to the step."""
        stream = block.stream
        state = self._states.get(stream, ParserState())
        if self._is_unsure(stream):
            state = self._choose(step, block, state)
        self._lines_since_choice[stream] += block.lines.height
        parsed = parse(
            block.lines,
            self._formats[stream],
            path=block.path,
            header=state.header,
            doubled_us=state.doubled_us,
            reference=block.modified,
        )
        state = self._states[stream] = replace(state, header=parsed.header, doubled_us=parsed.doubled_us)
        latest = parsed.events["@timestamp"].max()
        if isinstance(latest, datetime):
            self._times[stream] = max(latest, self._times.get(stream, latest))
        self._stored_bytes = block.stored_bytes
        # The lines are let go: two steps' worth of text is what memory is bounded by.
        step.blocks.append(replace(block, lines=block.lines.clear(), position=replace(block.position, parser=state)))
        step.events.append(parsed.events)
        step.rejects += [block.rejects, parsed.rejects]
        step.skipped += parsed.skipped
        step.size_bytes += block.size_bytes

    def _is_unsure(self, stream: str) -> bool:
        """Whether to choose a format: at first, and of a live log that began with few lines each time they doubled."""
        if stream not in self._formats:
            return True
        count = self._formats[stream].learned.lines_count
        return self._source.live and count < SAMPLE and self._lines_since_choice[stream] >= count

    def _choose(self, step: _Step, block: Block, state: ParserState) -> ParserState:
        """Choose the format by the first lines of the file, however small the block is.

        A W3C header known from before the restart stays; else it is that of the file's start.
        """
        head = self._source.head(block.stream)
        lines = block.lines if head is None or head.is_empty() else head
        chosen, why = self._known(state, lines) or choose_format(lines, self._settings)
        if block.stream not in self._formats or chosen.name != self._formats[block.stream].name:
            step.formats[block.stream] = (chosen.name, why)
        self._formats[block.stream], self._lines_since_choice[block.stream] = chosen, 0
        header = state.header
        if not header and chosen.header is not None and not block.lines.is_empty() and block.lines["log.offset"][0] > 0:
            header = next(iter(lines["line"].filter(lines["line"].str.starts_with(DIRECTIVE)).head(1)), "")
        return replace(state, format=chosen.name, header=header, learned=chosen.learned)

    def _known(self, state: ParserState, lines: pl.DataFrame) -> tuple[Format, str] | None:
        """Return the format that was taken before, unless it was by fewer lines than there are to choose by now."""
        asked, learned = self._settings.format, state.learned
        if state.format not in names() or not isinstance(asked, str) or canonical(asked) not in ("auto", state.format):
            return None
        if learned is not None and learned.lines_count < min(SAMPLE, lines.height):
            return None
        return build(state.format, lines, self._settings, learned), f"{state.format}: as before the restart"

    def _finished(self, step: _Step) -> _Step:
        """Enrich all events of a step at once, and give every block its own again."""
        step.stored_bytes = self._stored_bytes
        if len(self._times) > 1:
            furthest = max(self._times.values())
            step.behind_s = {name: (furthest - time).total_seconds() for name, time in self._times.items()}
        if step.events:
            with step.stage("enrich"):
                events, at = self._enrich(pl.concat(step.events)), 0
            for index, raw in enumerate(step.events):
                step.events[index] = events.slice(at, raw.height)
                at += raw.height
        return step

    def _admit(self, step: _Step) -> Collected:
        """Hand a step to the sequencer (in the caller) and return what that releases."""
        for name, since in step.watched.items():
            self._sequencer.watch(name, since)
        for block, events in zip(step.blocks, step.events, strict=True):
            self._sequencer.admit(block.stream, events)
            self._positions[block.stream] = block.position
        for name in step.ended:
            self._sequencer.end(name, final=not self._source.live)
        events = self._sequencer.release()
        return Collected(
            events=events,
            rejects=pl.concat([empty(REJECT), *step.rejects, self._sequencer.take_rejects()]),
            lines=sum(frame.height for frame in (*step.events, *step.rejects)),
            skipped=step.skipped,
            size_bytes=step.size_bytes,
            stored_bytes=step.stored_bytes,
            positions=dict(self._positions),
            formats=step.formats,
            held=self._sequencer.held_count,
            behind_s=step.behind_s,
            seconds=step.seconds,
        )


def first_time(settings: Input) -> Callable[[pl.DataFrame], datetime | None]:
    """Return what tells `Files` the time of the first line that can be read.

    Formats found are tried first on what comes next: there may be thousands of files of one format, and to choose
    one takes longer than to read a few lines.

    Shapes: {line, log.offset}.
    """
    found: list[Format] = []

    def times(lines: pl.DataFrame, known: Format) -> pl.Series:
        return parse(lines, known, path="").events["@timestamp"]

    def tell(lines: pl.DataFrame) -> datetime | None:
        first = next((read[0] for known in found if len(read := times(lines, known))), None)
        if first is None and not lines.is_empty():
            chosen, _ = choose_format(lines, settings)
            read = times(lines, chosen)
            if len(read):
                found.append(chosen)
                first = read[0]
        return first

    return tell
