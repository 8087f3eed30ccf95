"""Tell what one account did: by the hour from the state, or request by request from archives, redacted."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from typing import Final

import polars as pl

from detector.collect.enrich import Enricher
from detector.collect.order import Sequencer
from detector.collect.reader import Collected, Reader, first_time
from detector.collect.source.files import Files
from detector.config import Config
from detector.context.session import Sessions
from detector.inquire.hours import Hour, hours
from detector.inquire.memory import Memory
from detector.inquire.usual import usual
from detector.telemetry import Telemetry

REQUEST: Final = (
    "@timestamp",
    "source.ip",
    "source.geo.country_iso_code",
    "portal.network",
    "portal.client",
    "http.request.method",
    "url.path",
    "http.response.status_code",
    "portal.action",
    "event.outcome",
    "portal.subject",
)
"""What is told of a request: nothing that names an insured person but by a token."""

_ALWAYS: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def timeline(memory: Memory, account: str, since: datetime | None, until: datetime | None) -> list[Hour]:
    """Return the hours of `account` that the state remembers. Raises: InputError where it knows no such account."""
    habit = usual(memory, memory.known(account))
    return hours(memory, memory.hours([account]), habit, since or _ALWAYS[0], until or _ALWAYS[1])


def requests(
    paths: Sequence[str],
    config: Config,
    enricher: Enricher,
    account: str,
    *,
    since: datetime | None,
    until: datetime | None,
    telemetry: Telemetry,
) -> Iterator[pl.DataFrame]:
    """Yield the requests of `account` in `paths`, oldest first, `until` left out. Raises: InputError.

    Shapes: -> REQUEST, a part of the archives each.
    """
    sequencer = Sequencer(config.input.max_lateness_s, max_future_s=config.input.max_future_s)
    sessions = Sessions(config.state.max_accounts_in_memory)
    first, last = since or _ALWAYS[0], until or _ALWAYS[1]
    wanted = (pl.col("user.name") == account) & (pl.col("@timestamp") >= first) & (pl.col("@timestamp") < last)
    with closing(Files(paths, config.input, first_time(config.input))) as source:
        reader = Reader(source, enricher.enrich, sequencer, config.input)
        for got in chain(reader.batches(), _settled(reader)):
            telemetry.observe_read(got)
            yield sessions.attribute(got.events).filter(wanted).select(REQUEST)


def _settled(reader: Reader) -> Iterator[Collected]:
    yield reader.settle()  # only when the batches are through
