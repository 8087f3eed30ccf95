"""Where alerts go. A sink writes what it is given and says of each alert what became of it; the outbox does the rest.

Contract: a sink that says an alert has arrived is believed. Delivery of all: at least once, after the state that
raised the alert is committed, in event order but for alerts that a receiver sent back one by one.
"""

import importlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from detector.config import Destination
from detector.emit.alert import Alert
from detector.errors import DetectorError


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a batch, by alert id. What is named in neither field is kept and comes again."""

    arrived: Collection[str] = ()
    """Safe with the receiver."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Will never be taken, and why: dead letters."""
    fault: str = ""
    """Why the others did not arrive. Holds no secret."""
    retry_after_s: float | None = None
    """When the receiver wants to hear from us again, if it said so."""


class GoneError(OSError):
    """The receiver will not come back while this run lasts: a pipe that nobody reads any more."""


class Sink(Protocol):
    """One destination. It is called by one thread only, which may wait as long as `options.timeout_s` for an answer."""

    @property
    def options(self) -> Destination:
        """Its section of the configuration."""

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        """Hand `alerts` over, in this order. Raises: OSError when none is known to have arrived; all come again."""

    def close(self) -> None:
        """Let go of what is held, telling the receiver; nothing is waited for longer than `options.timeout_s`."""


def all_of(alerts: Sequence[Alert]) -> Receipt:
    """Return the receipt of a batch that arrived whole."""
    return Receipt(arrived=[one.id for one in alerts])


def joined(receipts: Iterable[Receipt]) -> Receipt:
    """Return one receipt of the parts of a batch, or of a sink that sends one alert at a time."""
    parts = list(receipts)
    return Receipt(
        arrived=[one for part in parts for one in part.arrived],
        refused={one: why for part in parts for one, why in part.refused.items()},
        fault=next((part.fault for part in parts if part.fault), ""),
        retry_after_s=max((part.retry_after_s for part in parts if part.retry_after_s is not None), default=None),
    )


def open_sink(options: Destination) -> Sink:
    """Return the sink of a section of the configuration, from the module that is called as its `kind`.

    It may look at files and secrets; what is far is reached by the first `write`. Raises: DetectorError.
    """
    try:
        module = importlib.import_module(f"detector.emit.sinks.{options.kind}")
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] == "detector":
            raise
        wanted = f"pip install 'portal-detector[{options.kind}]'"
        raise DetectorError(f"sink {options.label}: {fault.name} is not installed: {wanted}") from None
    sink: Sink = module.open_sink(options)
    return sink
