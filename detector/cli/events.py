"""Write events as JSON lines: columns to bytes, no line by itself."""

import io
import re
from collections.abc import Sequence
from typing import BinaryIO, Final

import polars as pl

from detector.collect.enrich import Enricher
from detector.collect.order import Sequencer
from detector.collect.reader import Collected, Reader, first_time
from detector.collect.source.files import Files
from detector.config import Config
from detector.schema import LATE
from detector.telemetry import Telemetry

_ANY_S: Final = 1e10
"""300 years, in seconds: more than lies between any two stamps that are read at all."""

# Neither can stand inside a JSON string: a quote there has a backslash before it.
_NULL: Final = re.compile(rb',"[@a-z0-9_.]+":null')
_CONTROL: Final = re.compile(
    rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf"
)
"""What JSON may hold and a terminal may obey: controls from U+007F on, ends of lines, directions of text, no width."""


def write_events(paths: Sequence[str], config: Config, telemetry: Telemetry, out: BinaryIO) -> None:
    """Write the events of `paths`, oldest first, read the way `batch` does. Raises: InputError, BrokenPipeError.

    But for one thing: no line is refused for being far ahead of its neighbours. Lines tried out are often a handful
    from different days, and what is asked is how each reads.
    """
    source = Files(paths, config.input, first_time(config.input))
    sequencer = Sequencer(config.input.max_lateness_s, max_future_s=_ANY_S)
    enricher = Enricher(config)
    if enricher.secret.exposed:
        telemetry.warn("key_exposed", enricher.secret.exposed)
    reader = Reader(source, enricher.enrich, sequencer, config.input)
    try:
        for got in reader.batches():
            _write(got, telemetry, out)
        _write(reader.settle(), telemetry, out)
    finally:
        source.close()


def _write(got: Collected, telemetry: Telemetry, out: BinaryIO) -> None:
    telemetry.observe_read(got)
    out.write(as_lines(got.events.drop(LATE)))
    out.flush()


def as_lines(events: pl.DataFrame) -> bytes:
    """Return events as JSON lines, one flat object each, without the fields that have no value.

    Shapes: EVENT, any rows; `@timestamp` stands first and is never null.
    """
    if events.is_empty():
        return b""
    buffer = io.BytesIO()
    events.with_columns(pl.col("@timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")).write_ndjson(buffer)
    return _CONTROL.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), _NULL.sub(b"", buffer.getvalue()))
