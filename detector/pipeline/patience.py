"""Wait while the state cannot be written, and go on from the last commit when it can: nothing is lost meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from detector.checkpoint.faults import named, probe
from detector.errors import StateWriteError
from detector.pipeline.flow import Pipeline
from detector.telemetry import log

FIRST_S: Final = 1.0
MOST_S: Final = 60.0

COUNTED: Final = "state_unwritten"
"""Telemetry's count of how often the state could not be written."""


class Patience:
    """How long to rest before the state is tried again: twice as long each time, until it was written."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline, self._rest_s = pipeline, FIRST_S

    @contextmanager
    def patient(self) -> Iterator[None]:
        """Tell a fault of the file for what it is. Raises: `StateWriteError`, `StateError`."""
        with named(self._pipeline.checkpoint.path):
            yield
        self._rest_s, self._pipeline.telemetry.unwritten = FIRST_S, None

    def rest(self, fault: StateWriteError) -> float:
        """Say that nothing is read for now, and return for how long."""
        rest_s, self._rest_s = self._rest_s, min(2 * self._rest_s, MOST_S)
        self._pipeline.telemetry.counts[COUNTED] += 1
        self._pipeline.telemetry.unwritten = str(fault.__cause__ or "the disk takes nothing")
        log.error("nothing is read until the state can be written", extra={"fault": str(fault), "next_try_s": rest_s})
        return rest_s

    def resume(self) -> bool:
        """Go on from the last commit, as a restart would; False where the state cannot be written yet."""
        path = self._pipeline.checkpoint.path
        try:
            probe(path.with_name("room"))
            with named(path):
                self._pipeline.fall_back()
        except StateWriteError:
            return False
        log.warning("the state can be written again: what came after the last commit is read again")
        return True
