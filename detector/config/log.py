"""How the program's own log is written."""

from typing import Literal

from pydantic import Field

from detector.config.section import Section


class Log(Section):
    """The program's own log, on standard error."""

    format: Literal["text", "json"] = Field("text", description="text: key=value; json: one object a line, ECS names")
