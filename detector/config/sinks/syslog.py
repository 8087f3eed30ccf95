"""Syslog."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from detector.config.sinks.destination import Destination, Tls

Facility = Literal[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]  # fmt: skip
"""In the order of their codes. Source: RFC 5424, table 1."""

PORTS = {"tls": 6514, "tcp": 601, "udp": 514}
"""Source: RFC 5425, RFC 6587, RFC 5426."""


class ToSyslog(Destination):
    """Alerts as RFC 5424 messages."""

    kind: Literal["syslog"] = "syslog"
    transport: Literal["tls", "tcp", "udp", "unix"] = "tls"
    host: str | None = Field(None, min_length=1)
    port: int | None = Field(None, ge=1, le=65535, description="default: 6514 for tls, 601 for tcp, 514 for udp")
    socket: Path | None = Field(None, description="of transport unix: a datagram socket such as /dev/log")
    tls: Tls = Tls()
    framing: Literal["octet_counting", "newline"] = Field("octet_counting", description="of tls and tcp: RFC 6587")
    confirm: Literal["closed", "acknowledged"] = Field(
        "closed",
        description="of tls and tcp, when a batch has arrived: when the receiver has read it to its end and closed, or"
        " when its kernel has acknowledged the bytes, for a receiver that does not close",
    )
    facility: Facility = "authpriv"
    app_name: str = Field("portal-detector", pattern="^[!-~]{1,48}$")
    structured_data_id: str = Field("portal@32473", pattern=r"^[!#-<>-?A-\\^-~]{1,20}@[0-9.]{1,11}$")
    max_bytes: int = Field(8096, ge=480, le=65_000, description="of a message; alerts are trimmed so that they fit")

    @model_validator(mode="after")
    def _reachable(self) -> "ToSyslog":
        if self.transport == "unix":
            if self.socket is None or self.host is not None or self.port is not None:
                raise ValueError("transport unix needs socket, and no host or port")
        elif self.host is None or self.socket is not None:
            raise ValueError(f"transport {self.transport} needs host, and no socket")
        return self

    @property
    def peer(self) -> tuple[str, int]:
        """Host and port."""
        return self.host or "", self.port or PORTS.get(self.transport, 0)

    @property
    def place(self) -> str:
        """The socket, or host and port."""
        return str(self.socket) if self.socket else ":".join(map(str, self.peer))
