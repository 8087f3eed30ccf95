"""Where alerts go."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from detector.config.section import Section


class FileSink(Section):
    """Alerts to a file, JSON lines."""

    kind: Literal["file"] = "file"
    path: Path
    format: Literal["ecs", "ocsf"] = "ecs"


class StdoutSink(Section):
    """Alerts to standard output, JSON lines."""

    kind: Literal["stdout"] = "stdout"
    format: Literal["ecs", "ocsf"] = "ecs"


Sink = Annotated[FileSink | StdoutSink, Field(discriminator="kind")]
