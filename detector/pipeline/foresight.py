"""Tell by the clock what only a line that comes later would tell: a log that goes quiet hides nothing."""

from datetime import timedelta
from typing import Final

from detector import clock, schema
from detector.pipeline.flow import Pipeline

SECOND_S: Final = 1.0
"""Most logs tell times to the second, and what comes to a limit together in one may still be coming."""

MOST_SHARE: Final = 0.03
"""Of the loop's time: to judge ahead takes a copy of the memory."""


class Foresight:
    """Looks at what a pipeline holds after all that was written is read.

    Events are held for lines that may come before them. Where none comes for as long as one may be late, and for
    `SECOND_S`, nothing may come for hours: they are judged ahead, once, as if nothing did. When lines come, they are
    judged for good, and the alerts are told a second time only if they are others.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._quiet_since_s = clock.monotonic_s()
        self._due_s = 0.0
        self._came, self._judged = False, False
        self._heard = clock.now(), clock.monotonic_s()

    def note(self, lines: int) -> None:
        """Take note of lines that came."""
        if lines:
            self._came, self._judged = True, False
            self._heard = clock.now(), clock.monotonic_s()

    def look(self, *, behind: bool) -> None:
        """Tell what is due: of what is held, and, where reading is not `behind`, of a source that is silent."""
        now = clock.monotonic_s()
        if self._came:
            self._came, self._quiet_since_s = False, now
        elif not self._judged and now >= max(self._due_s, self._quiet_since_s + self._wait_s):
            self._judge_ahead()
            self._due_s = now + (clock.monotonic_s() - now) / MOST_SHARE
        if not behind:
            self._tell_silence()

    @property
    def _wait_s(self) -> float:
        return max(SECOND_S, self._pipeline.config.input.max_lateness_s)

    def _judge_ahead(self) -> None:
        self._judged = True
        if self._pipeline.learn or not self._pipeline.sequencer.held_count:
            return
        alerts = self._pipeline.ahead(self._pipeline.sequencer.foresee())
        if alerts:
            self._pipeline.commit(alerts, schema.empty(schema.EVENT))

    def _tell_silence(self) -> None:
        """Tell of a silence that was waited through: a clock that is set anew makes none."""
        heard, heard_s = self._heard
        now = heard + timedelta(seconds=clock.monotonic_s() - heard_s)
        silent = self._pipeline.detection.silences.ahead(self._pipeline.sequencer.latest, now)
        if silent:
            self._pipeline.save(silent)
