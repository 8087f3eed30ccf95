"""The report of a run in a file: written anew while it goes on, and at its end."""

import os
from pathlib import Path

from detector import clock
from detector.cli.files import replaced
from detector.errors import DetectorError
from detector.inquire.memory import Memory
from detector.inquire.report import write_report
from detector.pipeline import Pipeline


class Page:
    """Attends a pipeline. While it runs a page that cannot be written is a fault among others, at its end an error.

    Raises: DetectorError for a folder that cannot be written to: a long run must not end in that.
    """

    def __init__(self, path: Path, every_s: float) -> None:
        self._path, self._every_s, self._due = path, every_s, 0.0
        if not os.access(path.parent, os.W_OK) or path.is_dir():
            raise DetectorError(f"{path}: cannot be written: a file in a folder that can be written to is required")

    def __call__(self, pipeline: Pipeline, ended: bool) -> None:
        """Write the page if it is old, and for the last time when the run has ended. Raises: DetectorError then."""
        if ended:
            pipeline.telemetry.settle(pipeline.config.input.reject_share_warning)
            self._write(pipeline, _memory(pipeline), None)
        elif clock.monotonic_s() >= self._due:
            try:
                self._write(pipeline, Memory.of_pipeline(pipeline), self._every_s)
            except DetectorError as fault:
                pipeline.telemetry.fault("report", str(fault))
            self._due = clock.monotonic_s() + self._every_s

    def _write(self, pipeline: Pipeline, memory: Memory, refresh_s: float | None) -> None:
        page = write_report(memory, clock.now(), pipeline.telemetry, refresh_s=refresh_s)
        replaced(self._path, page.encode())


def _memory(pipeline: Pipeline) -> Memory:
    """Return what a run that ended leaves: a state as the next run will find it, without what was judged ahead."""
    folder, database = pipeline.checkpoint.folder, pipeline.checkpoint.database
    return Memory.of_state(folder, database, pipeline.config) if folder else Memory.of_pipeline(pipeline)
