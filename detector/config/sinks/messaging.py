"""Message brokers."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from detector.config.section import Section
from detector.config.sinks.destination import Credential, Destination, Tls

Server = Annotated[str, Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$")]
"""`host:port`; an IPv6 address in brackets. What goes with it, such as a password, has keys of its own."""

_OURS = (
    "acks", "bootstrap.servers", "delivery.report.only.error", "delivery.timeout.ms", "enable.gapless.guarantee",
    "enable.idempotence", "enabled_events", "logger", "message.send.max.retries", "message.timeout.ms",
    "metadata.broker.list", "plugin.library.paths", "request.required.acks", "retries", "security.protocol",
    "transactional.id",
)  # fmt: skip
_OURS_ALL = ("default.topic.", "enable.sasl.", "enable.ssl.", "https.", "sasl.", "ssl.", "test.")


Properties = dict[str, bool | int | float | str]


def _harmless(properties: Properties) -> Properties:
    """Return what cannot loosen the guarantee, carry a secret, load code or turn verification off."""
    wrong = [one for one in properties if one in _OURS or one.startswith(_OURS_ALL) or one.endswith("_cb")]
    if wrong:
        raise ValueError(
            f"{', '.join(sorted(wrong))}: what delivery and safety hang on is not set here, but by servers, timeout_s,"
            " tls, cleartext and sasl"
        )
    return properties


class Sasl(Section):
    """How we say who we are to Kafka."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str = Field(min_length=1)
    password: Credential


class OverBroker(Destination):
    """What sinks to a broker have in common."""

    servers: tuple[Server, ...] = Field(min_length=1, description="host:port of some, which name the others")
    tls: Tls = Tls()
    cleartext: bool = Field(False, description="speak without TLS: everyone on the way reads alerts and secrets")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "OverBroker":
        if self.cleartext and self.tls != Tls():
            raise ValueError("tls or cleartext, not both")
        return self


class ToKafka(OverBroker):
    """Alerts to a topic of Kafka, the account as key."""

    kind: Literal["kafka"] = "kafka"
    topic: str = Field(pattern="^[A-Za-z0-9._-]{1,249}$")
    sasl: Sasl | None = None
    properties: Annotated[Properties, AfterValidator(_harmless)] = Field(
        {}, description="of librdkafka, such as compression.type; not those that the guarantee hangs on"
    )

    @model_validator(mode="after")
    def _named_by_themselves(self) -> "ToKafka":
        if self.tls.server_name:
            raise ValueError("tls.server_name: each broker's certificate must bear the name that it gives itself")
        return self

    @property
    def place(self) -> str:
        """First broker and topic."""
        return f"{self.servers[0]}/{self.topic}"


class ToNats(OverBroker):
    """Alerts to a subject that a JetStream stream keeps."""

    kind: Literal["nats"] = "nats"
    subject: str = Field(pattern=r"^[^\s.*>]+(\.[^\s.*>]+)*$", max_length=255)
    stream: str = Field(pattern=r"^[^\s.*>/\\]+$", max_length=255, description="the one that must take the subject")
    credentials: Path | None = Field(None, description="a .creds file: the user's JWT and the seed of its key")
    nkey: Credential | None = Field(None, description="the seed of an nkey, SU...")
    token: Credential | None = None
    user: str | None = Field(None, min_length=1)
    password: Credential | None = None

    @model_validator(mode="after")
    def _known_in_one_way(self) -> "ToNats":
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together")
        ways = [one for one in ("credentials", "nkey", "token", "user") if getattr(self, one) is not None]
        if len(ways) > 1:
            raise ValueError(f"one way to say who we are is required, not {len(ways)}: {', '.join(ways)}")
        return self

    @property
    def place(self) -> str:
        """First server and subject."""
        return f"{self.servers[0]}/{self.subject}"
