"""What every sink can be told: its name, what goes to it, how much at once, how it tries again."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from detector.config.section import Level, Section

AlertFormat = Literal["ecs", "ocsf", "cef", "leef", "cim", "asim", "gelf", "text"]
"""The formats of `detector.emit.alert.FORMATS`, by name."""


class Credential(Section):
    """Where a secret stands: in the environment, or in a file of which it is the only line. Never in this one."""

    env: str | None = Field(None, min_length=1, description="name of an environment variable")
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, said: Any) -> Any:
        if not isinstance(said, dict | Credential):
            raise ValueError("required {env: NAME} or {file: PATH}; a secret itself does not belong here")
        return said

    @model_validator(mode="after")
    def _one(self) -> "Credential":
        if (self.env is None) == (self.file is None):
            raise ValueError("exactly one of env, file is required; a secret itself does not belong here")
        return self


class Tls(Section):
    """How a connection is made safe. The receiver's certificate is always verified; TLS 1.2 is the oldest spoken."""

    ca_file: Path | None = Field(None, description="PEM of who signs the receiver; default: the system's authorities")
    client_cert: Path | None = Field(None, description="PEM with our certificate and what signs it")
    client_key: Path | None = Field(None, description="PEM of its key, where it is not in client_cert")
    client_key_password: Credential | None = None
    server_name: str | None = Field(None, description="name in the receiver's certificate, where it is not the host")

    @model_validator(mode="after")
    def _belong_together(self) -> "Tls":
        if self.client_cert is None and (self.client_key or self.client_key_password):
            raise ValueError("client_key and client_key_password need client_cert")
        return self


class Retry(Section):
    """How long a sink rests after a fault: twice as long each time, a random part of it; `Retry-After` is obeyed."""

    first_s: float = Field(1.0, gt=0)
    max_s: float = Field(60.0, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> "Retry":
        if self.max_s < self.first_s:
            raise ValueError("max_s is at least first_s")
        return self


class Destination(Section):
    """A sink. Each kind adds where it is and how it is spoken to."""

    kind: str
    name: str | None = Field(None, min_length=1, max_length=200, description="in the state, the figures and the log")
    format: AlertFormat = "ecs"
    min_level: Level = Field("informational", description="alerts below it do not go there")
    categories: tuple[Literal["rule", "model"], ...] = Field((), description="`rule.category`; empty: both")
    rules: tuple[str, ...] = Field((), description="rule ids or model names; empty: all")
    states: tuple[Literal["opened", "escalated", "closed"], ...] = Field((), description="of the incident; empty: all")
    batch_count: int = Field(500, ge=1, description="alerts handed over at once, at most")
    batch_bytes: int = Field(1024 * 1024, ge=16 * 1024, description="their size, at most")
    timeout_s: float = Field(10.0, gt=0, description="how long the receiver may take to connect, and to answer")
    retry: Retry = Retry()
    when_full: Literal["wait", "drop_oldest"] = Field(
        "wait", description="when outbox.max_bytes is reached: reading stops, or this sink's oldest alerts are dropped"
    )

    @property
    def label(self) -> str:
        """What the state, the figures and the log call it."""
        return self.name or ":".join(filter(None, (self.kind, self.place)))

    @property
    def place(self) -> str:
        """Where it is, in a few characters and without a secret; part of the label of a sink without a name."""
        return ""
