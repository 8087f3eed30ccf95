"""What a run is set up with, and may be set up with anew while it goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

from detector.config import Config
from detector.emit.sinks import Sink

if TYPE_CHECKING:
    from detector.pipeline.flow import Pipeline

Attend = Callable[["Pipeline", bool], None]
"""Looks at a pipeline between two batches; and (True) at its end, before it lets go of its state."""


def attend_to_nothing(pipeline: "Pipeline", ended: bool) -> None:
    """Look at nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A configuration, and what was opened as it says."""

    config: Config
    since: datetime | None = None
    until: datetime | None = None
    sinks: Sequence[Sink] = ()
    attend: Attend | None = None
    rejects_to: BinaryIO | None = None

    def close(self) -> None:
        """Let go of what was opened: it is not used."""
        for one in self.sinks:
            one.close()
        if self.rejects_to is not None:
            self.rejects_to.close()
