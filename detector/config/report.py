"""The page that shows how things stand."""

from pathlib import Path

from pydantic import Field

from detector.config.section import Section


class Report(Section):
    """The page that shows how things stand."""

    path: Path | None = Field(None, description="an HTML file, written at the end of a run; --report goes before it")
    every_s: float = Field(300.0, ge=10, description="while `tail` runs the page is written anew so often")
