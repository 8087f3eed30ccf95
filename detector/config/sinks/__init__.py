"""Where alerts go: one class a kind of sink, and the limits of the outbox they are fed from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from detector.config.section import Section
from detector.config.sinks.destination import AlertFormat, Credential, Destination, Retry, Tls
from detector.config.sinks.http import OverHttp, Signature, ToElasticsearch, ToSentinel, ToSplunkHec, ToWebhook
from detector.config.sinks.local import Rotation, ToFile, ToStdout
from detector.config.sinks.messaging import ToKafka, ToNats
from detector.config.sinks.syslog import ToSyslog
from detector.errors import Fault

Sink = Annotated[
    ToElasticsearch | ToFile | ToKafka | ToNats | ToSentinel | ToSplunkHec | ToStdout | ToSyslog | ToWebhook,
    Field(discriminator="kind"),
]


Sinks = tuple[Sink, ...]


def clashes(sinks: Sinks) -> Iterator[Fault]:
    """Yield a fault of each sink that has the file or the name of one before it."""
    files, labels = set[Path](), set[str]()
    for sink in sinks:
        if isinstance(sink, ToFile) and sink.path.resolve() in files:
            yield sink.fault("a sink before this one writes that file: give it another", "path")
        elif sink.label in labels:
            yield sink.fault(f"a sink before this one is called {sink.label!r}: give it another `name`")
        labels.add(sink.label)
        if isinstance(sink, ToFile):
            files.add(sink.path.resolve())


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
    "clashes",
]
