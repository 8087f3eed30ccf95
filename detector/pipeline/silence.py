"""Raise the incident of a source that is silent, and end it by the line that comes again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from detector.config import Config
from detector.detect.heartbeat import KEY, MODEL, MOST, Heartbeat
from detector.emit.alert import Alert
from detector.emit.closing import Closing
from detector.emit.evidence import reason_of
from detector.emit.incident import Incidents, Subjects
from detector.schema import LATE, SIGNAL

ON = f"{MODEL} {KEY}"
"""The key of its incident."""

FRESH: Final = timedelta(hours=1)
"""So old a line may be when it is read, and still be taken for one that was just written."""

DOWN: Final = timedelta(days=1)
"""So old may the last line of a state be at the start: the silence may have begun while nobody looked."""


class Silences:
    """The heartbeat of a pipeline, and its incident among the others.

    By events it goes alone: the silence before a line is judged when the line comes, so batch and tail raise the same.
    A tail that sees by the wall clock that nothing comes need not wait for that line: it tells the same alerts `ahead`,
    with the same ids, from incidents of its own, so that nothing of it is in the state when lines come that were late.
    `quiet`: learn, and raise nothing.
    """

    def __init__(
        self,
        heartbeat: Heartbeat,
        incidents: Incidents,
        subjects: Subjects,
        config: Config,
        runbooks: Mapping[str, Sequence[str]],
        *,
        quiet: bool,
    ) -> None:
        self.heartbeat, self._incidents, self._subjects, self._quiet = heartbeat, incidents, subjects, quiet
        self._last: datetime | None = None
        self._live, self._told = False, set[str]()
        self._alone: Callable[[], Incidents] = lambda: Incidents(config, runbooks)

    def last(self, until: datetime) -> list[Alert]:
        """Return the alerts of a silence that lasts until a moment."""
        signals = self.heartbeat.due(until, raised=self._incidents.on(ON) is not None)
        return [] if self._quiet else _admitted(self._incidents, signals, self._subjects)

    def end(self, part: pl.DataFrame) -> list[Alert]:
        """Take a part of `Heartbeat.parts`: return the alerts of the silence before it, and count its lines.

        Shapes: EVENT with LATE.
        """
        first = part.filter(~pl.col(LATE)).get_column("@timestamp").min()
        if not isinstance(first, datetime):
            return []
        alerts = self.last(first)
        over = self.heartbeat.returned(first)
        incident = self._incidents.on(ON)
        if over is not None and incident is not None:
            closing = Closing(kind="returned", reason=reason_of(over))
            closed = self._incidents.close(incident, closing, first, self._subjects)
            alerts += [] if closed is None else [closed]
        alerts += self._came_late(first, over)
        self.heartbeat.observe(part)
        return alerts

    def ahead(self, last: datetime | None, now: datetime) -> list[Alert]:
        """Return the alerts of a silence from the last line until now that were not returned yet.

        Only where that line was read as it was written: an old log that was read to its end is not silent.
        """
        if last is None or self._quiet or not self._is_live(last, now):
            return []
        alerts = _admitted(self._alone(), self.heartbeat.signals(last, now), _nobody)
        fresh = [one for one in alerts if one.id not in self._told]
        self._told |= {one.id for one in fresh}
        if alerts:
            self.heartbeat.ahead = last
        return fresh

    def _is_live(self, last: datetime, now: datetime) -> bool:
        if last != self._last:
            self._live = now - last < (FRESH if self._last else DOWN)
            self._told, self._last = set(), last
        return self._live

    def _came_late(self, first: datetime, over: object) -> list[Alert]:
        """Take back what was told ahead, where lines came after all that belong into that silence."""
        last = self.heartbeat.ahead
        if last is None or first <= last:
            return []
        self.heartbeat.ahead = None
        if over is not None:
            return []
        alone = self._alone()
        _admitted(alone, self.heartbeat.signals(last, last + MOST)[:1], _nobody)
        incident = alone.on(ON)
        closed = incident and alone.close(incident, Closing(kind="delayed"), first, _nobody)
        return [closed] if closed else []


def _admitted(incidents: Incidents, signals: Sequence[Mapping[str, Any]], subjects: Subjects) -> list[Alert]:
    return incidents.admit(pl.DataFrame(signals, schema=SIGNAL), subjects, None) if signals else []


def _nobody(*_: object) -> int:
    """No person was displayed: there was no line."""
    return 0
