"""Sinks on this machine."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from detector.config.section import Section
from detector.config.sinks.destination import Destination


class Rotation(Section):
    """When a file is renamed to `NAME.1`, the older ones moving on; off unless one of the two is said."""

    max_bytes: int | None = Field(None, ge=1, description="rotate before the file grows beyond")
    daily: bool = Field(False, description="rotate when the day (UTC) has changed")
    keep: int = Field(7, ge=1, description="rotated files; an older one is deleted")


class ToFile(Destination):
    """Alerts to a file, one a line."""

    kind: Literal["file"] = "file"
    path: Path
    rotate: Rotation = Rotation()

    @property
    def place(self) -> str:
        """The whole path."""
        return str(self.path.resolve())


class ToStdout(Destination):
    """Alerts to standard output, one a line."""

    kind: Literal["stdout"] = "stdout"
