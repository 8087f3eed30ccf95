"""Where alerts go: one class a kind of sink, and the limits of the outbox they are fed from."""

from collections import Counter
from typing import Annotated

from pydantic import AfterValidator, Field

from detector.config.section import Section
from detector.config.sinks.destination import AlertFormat, Credential, Destination, Retry, Tls
from detector.config.sinks.http import OverHttp, Signature, ToElasticsearch, ToSentinel, ToSplunkHec, ToWebhook
from detector.config.sinks.local import Rotation, ToFile, ToStdout
from detector.config.sinks.messaging import ToKafka, ToNats
from detector.config.sinks.syslog import ToSyslog

Sink = Annotated[
    ToElasticsearch | ToFile | ToKafka | ToNats | ToSentinel | ToSplunkHec | ToStdout | ToSyslog | ToWebhook,
    Field(discriminator="kind"),
]


def _named_apart(sinks: tuple[Sink, ...]) -> tuple[Sink, ...]:
    twice = [label for label, count in Counter(sink.label for sink in sinks).items() if count > 1]
    if twice:
        raise ValueError(f"two sinks are called {twice[0]!r}: give one of them another name")
    return sinks


Sinks = Annotated[tuple[Sink, ...], AfterValidator(_named_apart)]


class Outbox(Section):
    """What keeps alerts until every sink has had them."""

    max_bytes: int = Field(
        2 * 1024**3, ge=1024 * 1024, description="of alerts kept; when all wait, sinks' `when_full` says what happens"
    )
    drain_s: float = Field(30.0, ge=0, description="at the end of a batch: how long a sink that stands still is given")


__all__ = [
    "AlertFormat",
    "Credential",
    "Destination",
    "Outbox",
    "OverHttp",
    "Retry",
    "Rotation",
    "Signature",
    "Sink",
    "Sinks",
    "Tls",
    "ToElasticsearch",
    "ToFile",
    "ToKafka",
    "ToNats",
    "ToSentinel",
    "ToSplunkHec",
    "ToStdout",
    "ToSyslog",
    "ToWebhook",
]
