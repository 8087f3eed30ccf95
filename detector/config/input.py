"""How lines are read."""

from pydantic import Field, model_validator

from detector.config.receive import Receive
from detector.config.section import Network, Regex, Section, Zone


class Format(Section):
    """A log format that has no name: exactly one of the four ways to describe it."""

    nginx: str | None = Field(None, description="an nginx `log_format` string, as pasted")
    apache: str | None = Field(None, description="an Apache `LogFormat` string, as pasted")
    json_fields: dict[str, str] | None = Field(
        None, description="event column: path of the JSON field, dots between levels"
    )
    regex: Regex | None = Field(None, description="named groups; the names of docs: time, ip, user, method, ...")
    time_format: str | None = Field(None, description="strftime of the time stamp, `epoch_s` or `epoch_ms`")

    @model_validator(mode="after")
    def _one(self) -> "Format":
        ways = [self.nginx, self.apache, self.json_fields, self.regex]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("exactly one of nginx, apache, json_fields, regex is required")
        return self


class Input(Section):
    """How lines are read."""

    format: str | Format = "auto"
    timezone: Zone = Field("UTC", description="zone of time stamps that carry none")
    trusted_proxies: tuple[Network, ...] = ()
    max_lateness_s: float = Field(10.0, ge=0, description="how far out of order lines may come")
    max_future_s: float = Field(
        86_400.0, gt=0, description="a line so far ahead of the lines before and after it has a broken clock"
    )
    max_idle_s: float = Field(60.0, ge=0, description="how far a log that has nothing new may hold the others back")
    partial_line_s: float = Field(
        60.0, gt=0, description="a last line without line feed counts as whole once its file was quiet for so long"
    )
    max_line_bytes: int = Field(65536, ge=1024)
    chunk_bytes: int = Field(16 * 1024 * 1024, ge=1, description="bytes read at once from a file")
    reject_share_warning: float = Field(0.02, ge=0, le=1)
    receive: Receive = Receive()
