"""The outbox of a run and the sinks that it feeds: what the pipeline knows of delivery."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from detector import clock
from detector.config import Outbox as Limits
from detector.emit.alert import Alert
from detector.emit.dispatch import Dispatch
from detector.emit.ledger import FILE, open_ledger
from detector.emit.letters import Standing, standings
from detector.emit.outbox import CROWDED_SHARE, Outbox
from detector.emit.sinks import Sink
from detector.errors import OutboxFullError
from detector.telemetry import SinkFigures, Telemetry, log


class Deadline(Protocol):
    """How long there is to wait for sinks."""

    @property
    def left_s(self) -> float:
        """Seconds until the run is to be over."""

    def pause(self, seconds: float) -> None:
        """Wait."""


class NoDeadline:
    """Nobody asks for the end."""

    left_s: Final = float("inf")
    pause = staticmethod(clock.pause)


class Delivery:
    """Alerts go in with the state's transaction and reach the sinks from threads; in a `with`, threads run.

    `state` is the state's file, and `connection` the one that writes it; the ledger lies beside it. `deadline` may be
    exchanged for one that comes.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        state: Path,
        limits: Limits,
        sinks: Sequence[Sink],
        telemetry: Telemetry,
        *,
        durable: bool,
    ) -> None:
        self._db, self._state, self._ledger = connection, state, state.with_name(FILE)
        self._limits, self._sinks, self._telemetry, self._durable = limits, sinks, telemetry, durable
        self._told: set[str] = set()
        self.deadline: Deadline = NoDeadline()
        open_ledger(self._ledger, state).close()
        self.outbox = Outbox(connection, self._ledger, limits.max_bytes)
        self._dispatch = Dispatch((), self._ledger, state)

    def __enter__(self) -> Self:
        for name in self.outbox.begin([one.options for one in self._sinks]):
            self._telemetry.warn(
                f"left:{name}",
                f"Alerts wait for {name}, which the configuration does not name any more: put it back, or"
                f" `detector outbox drop --pending --sink {name}`.",
            )
        self._dispatch = Dispatch(self._sinks, self._ledger, self._state, self._dispatch.figures)
        self._telemetry.sinks = self._dispatch.figures
        return self

    def exchange(self, limits: Limits, sinks: Sequence[Sink]) -> None:
        """Go on with other sinks, between transactions; what one of the former had in hand comes again."""
        self._dispatch.close(self.deadline.left_s)
        self._limits, self._sinks, self.outbox.max_bytes = limits, sinks, limits.max_bytes
        self.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dispatch.close(self.deadline.left_s)
        for one in self._dispatch.figures:
            self._tell(one)

    def _tell(self, one: SinkFigures) -> None:
        """Warn of alerts that did not arrive, and say what becomes of them."""
        lost = "This run has no --state: they are lost."
        for code, count, text, fate in (
            ("pending", one.pending, f"not delivered to {one.name}{_why(one)}", "They wait in the state."),
            ("dead", one.dead_letters, f"refused by {one.name}", "`detector outbox list` shows why."),
            ("dropped", one.dropped, f"dropped for want of room before {one.name} had them", ""),
        ):
            if count:
                kept = fate if self._durable or not fate else lost
                self._telemetry.warn(f"{code}:{one.name}", f"Alerts {text}: {count:,}. {kept}".rstrip())

    def put(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Keep `alerts` as `Outbox.put` does, and let go of what every sink has had."""
        fresh = self.outbox.put(alerts)
        self.outbox.prune()
        return fresh

    def look(self) -> None:
        """Say that alerts were committed."""
        self._dispatch.look()

    def standings(self) -> list[Standing]:
        """Return how each sink stands by the ledger, between transactions."""
        with closing(open_ledger(self._ledger, self._state)) as ledger:
            return standings(ledger)

    def drain(self) -> None:
        """Wait until every sink has had everything, or stands still for as long as it may."""
        self._dispatch.drain(self._limits.drain_s, self.deadline.pause)

    def make_room(self) -> None:
        """Let sinks that take alerts finish, between transactions. Raises: OutboxFullError where that is not enough."""
        if self._crowded():
            self.drain()
            if self._crowded():
                raise OutboxFullError(self._story())

    def has_room(self) -> bool:
        """Whether the outbox can take more, looked at between transactions; where it cannot, it is said."""
        if full := self._crowded():
            self._warn("outbox_full")
        return not full

    def _crowded(self) -> bool:
        crowd = self._limits.max_bytes * CROWDED_SHARE
        if self.outbox.bytes >= crowd:
            with self._db:
                self.outbox.prune()
        if self.outbox.bytes < crowd:
            self._told.clear()
            return False
        if not self.outbox.full:
            self._warn("outbox")
            return False
        self._drop()
        return self.outbox.full

    def _drop(self) -> None:
        """Drop the oldest alerts of the sinks that allow it."""
        dropped = self.outbox.drop_oldest([o.label for o in (s.options for s in self._sinks) if o.when_full != "wait"])
        for figures in self._dispatch.figures:
            if count := dropped.get(figures.name, 0):
                figures.dropped += count
                log.warning("alerts dropped for want of room", extra={"sink": figures.name, "count": count})
        with self._db:
            self.outbox.prune()

    def _warn(self, code: str) -> None:
        """Warn once each time that the outbox fills: a run may see many an outage."""
        if code in self._told:
            return
        self._told.add(code)
        if code in self._telemetry.warnings:
            log.warning(self._story(), extra={"code": code})
        else:
            self._telemetry.warn(code, self._story())

    def _story(self) -> str:
        self._dispatch.count()
        waiting = [f"{one.name} waits for {one.pending:,}{_why(one)}" for one in self._dispatch.figures if one.pending]
        full = "is full: nothing more is read until there is room" if self.outbox.full else "fills up"
        return (
            f"The outbox {full}: {self.outbox.bytes / 1e6:,.0f} MB of alerts of {self._limits.max_bytes / 1e6:,.0f} MB"
            f" (outbox.max_bytes). {'; '.join(waiting) or 'Dead letters or sinks no longer named hold it'}."
            " See `detector outbox list`."
        )


def _why(figures: SinkFigures) -> str:
    return f" ({figures.last_fault})" if figures.last_fault else ""
