"""Watch a detector that runs: gather its figures every few seconds, and give them to those who ask from outside.

They lie in a file beside the state rather than in it: it is renewed also while the state takes nothing or cannot be
read, costs no transaction, and what was lost of it with the power nobody misses.
"""

import os
import sqlite3
from collections import deque
from contextlib import closing, suppress
from dataclasses import replace
from errno import EDQUOT, ENOSPC
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from detector import clock
from detector.errors import DetectorError
from detector.pipeline.watching.figures import (
    Figures,
    SinkStanding,
    bounded,
    free_bytes,
    open_fds,
    rss_bytes,
    size_bytes,
)
from detector.pipeline.watching.health import Concern, concerns
from detector.pipeline.watching.lag import Behind, Lag
from detector.telemetry import FEW_EVENTS

if TYPE_CHECKING:
    from detector.pipeline.flow import Pipeline

FILE: Final = "status.json"

EVERY_S: Final = 5.0
MOST_SHARE: Final = 0.05
"""Of the loop's time: to count what waits for a sink takes half a second once it is a hundred thousand alerts."""

RATE_S: Final = 60.0
"""Over how long `lines_per_s` is taken."""


class Waiting(Protocol):
    """What a watch asks of the source of lines."""

    @property
    def behind_bytes(self) -> int: ...  # noqa: D102  # as the follower says
    @property
    def refused(self) -> dict[str, str]: ...  # noqa: D102


class Ahead(Protocol):
    """What a watch asks of who reads it."""

    @property
    def ahead_bytes(self) -> int: ...  # noqa: D102  # as the reader says


class Watch:
    """The figures of one run that follows live logs. `turn` it at every step; other threads ask for `concerns`.

    A fault in here is counted and stops nothing.
    """

    def __init__(self, pipeline: "Pipeline", source: Waiting, reader: Ahead) -> None:
        self._pipeline, self.source, self.reader = pipeline, source, reader
        self.looked = False
        """Whether all that was written at the start was read."""
        self._began = clock.now()
        self._turned_s = clock.monotonic_s()
        self._due_s = 0.0
        self._rates: list[tuple[float, int]] = [(self._turned_s, 0)]
        self._lates = deque([(0, 0)])
        self._moves: dict[str, tuple[int, float]] = {}
        self._lag = Lag(pipeline.config.input.chunk_bytes)
        self.figures = Figures(pid=os.getpid(), began=self._began, written=self._began)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._look(ended=True)
        if not self.figures.ended:
            self.farewell()

    def turn(self) -> None:
        """Note that the loop goes on; every few seconds gather the figures anew."""
        self._turned_s = clock.monotonic_s()
        if self._turned_s >= self._due_s:
            self._look(ended=False)
            took_s = clock.monotonic_s() - self._turned_s
            self._due_s = self._turned_s + max(EVERY_S, took_s / MOST_SHARE)

    def farewell(self) -> None:
        """Put down that the run is over, with the figures of the last look; in any thread."""
        with suppress(OSError):
            _write(self._pipeline.checkpoint.folder, replace(self.figures, ended=True, written=clock.now()))

    def concerns(self) -> list[Concern]:
        """Return why the detector is not well, as of now."""
        still_s = clock.monotonic_s() - self._turned_s
        return concerns(self.figures, clock.now(), still_s, self._pipeline.config.health)

    def _look(self, *, ended: bool) -> None:
        try:
            self.figures = self._gathered(ended=ended)
            self._lag.observe(self.figures.behind)
            _write(self._pipeline.checkpoint.folder, self.figures)
        except (OSError, sqlite3.Error, DetectorError) as fault:
            self._pipeline.telemetry.fault("status", str(fault))

    def _gathered(self, *, ended: bool) -> Figures:
        pipeline, telemetry = self._pipeline, self._pipeline.telemetry
        alerts: dict[str, dict[str, int]] = {}
        for (rule, level), count in telemetry.alerts_by_rule.items():
            alerts.setdefault(rule, {})[level] = count
        folder = pipeline.checkpoint.path.parent
        return Figures(
            pid=os.getpid(),
            began=self._began,
            written=clock.now(),
            ended=ended,
            lines=telemetry.lines,
            events=telemetry.events,
            rejects=bounded(telemetry.rejects_by_reason),
            skipped=telemetry.skipped,
            late=telemetry.late,
            late_share=self._late_share(telemetry.events, telemetry.late),
            held=pipeline.sequencer.held_count,
            read_bytes=telemetry.read_bytes,
            lines_per_s=self._rate(telemetry.lines),
            behind=Behind.measured(self.source.behind_bytes + self.reader.ahead_bytes, telemetry),
            refused=len(self.source.refused),
            reload_faults=telemetry.reload_faults,
            unwritten=telemetry.unwritten,
            last_event=pipeline.sequencer.latest or pipeline.intake.last,
            last_commit=pipeline.committed,
            silent_since=pipeline.detection.heartbeat.ahead,
            alerts=alerts,
            turns=dict(telemetry.incidents),
            open_incidents=dict(pipeline.detection.incidents.open_by_level),
            sinks=self._sinks(),
            outbox_bytes=pipeline.delivery.outbox.bytes,
            outbox_full=pipeline.delivery.outbox.full,
            state_bytes=size_bytes(folder),
            free_bytes=free_bytes(folder),
            accounts_in_memory=pipeline.detection.behaviour.accounts.held_count,
            evicted=dict(pipeline.evicted),
            seconds_by_stage={name: round(spent, 3) for name, spent in telemetry.seconds_by_stage.items()},
            faults=dict(telemetry.faults),
            counts=dict(telemetry.counts),
            warnings=[one.text for one in telemetry.warnings.values()],
            rss_bytes=rss_bytes(),
            open_fds=open_fds(),
        )

    def _rate(self, lines: int) -> float:
        now = self._turned_s
        self._rates = [one for one in self._rates if one[0] >= now - RATE_S] or [(now, lines)]
        since, before = self._rates[0]
        self._rates.append((now, lines))
        return max(0.0, round((lines - before) / (now - since), 1)) if now > since else 0.0

    def _late_share(self, events: int, late: int) -> float:
        """Return which share of the last events was late: of as many as came in the last looks, but not of a few."""
        if events > self._lates[-1][0]:
            self._lates.append((events, late))
        while len(self._lates) > 1 and events - self._lates[1][0] >= FEW_EVENTS:
            self._lates.popleft()
        since, before = self._lates[0]
        return (late - before) / (events - since) if events - since >= FEW_EVENTS else 0.0

    def _sinks(self) -> list[SinkStanding]:
        run = {one.name: one for one in self._pipeline.telemetry.sinks}
        return [
            SinkStanding(
                name=one.name,
                pending=one.pending,
                dead_letters=one.dead_letters,
                delivered=one.delivered,
                dropped=one.dropped,
                faults=run[one.name].faults if one.name in run else 0,
                retries=run[one.name].retries if one.name in run else 0,
                stuck_s=self._stuck_s(one.name, one.delivered + one.dead_letters + one.dropped, one.pending),
                last_fault=one.last_fault,
                last_fault_at=one.last_fault_at,
            )
            for one in self._pipeline.delivery.standings()
        ]

    def _stuck_s(self, name: str, done: int, pending: int) -> float:
        """Return for how long a sink, which waits for something, has not moved."""
        before, since = self._moves.get(name, (-1, 0.0))
        if not pending or done != before:
            since = self._turned_s
        self._moves[name] = (done, since)
        return round(self._turned_s - since, 1)


def _write(folder: Path | None, figures: Figures) -> None:
    """Put the file in its place at once, for its owner's eyes: it tells where alerts go."""
    if folder is None:
        return
    beside, told = folder / f".{FILE}", figures.as_json()
    with suppress(FileNotFoundError):
        beside.unlink()  # never write through what somebody else put there
    try:
        with closing(os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")) as file:
            file.write(told)
    except OSError as fault:
        if fault.errno not in (ENOSPC, EDQUOT):
            raise
        beside.unlink(missing_ok=True)
        _overwrite(folder / FILE, told.encode())
    else:
        beside.replace(folder / FILE)


def _overwrite(path: Path, told: bytes) -> None:
    """Write over a file on a full disk, in the room that it takes up already: that it is full must be told."""
    with closing(os.fdopen(os.open(path, os.O_WRONLY | os.O_NOFOLLOW), "wb", buffering=0)) as file:
        file.write(told)
        file.truncate()
