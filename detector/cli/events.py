"""Write events as JSON lines: columns to bytes, no line by itself."""

import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Final

import polars as pl

from detector.collect.enrich import Enricher
from detector.collect.parse import Format, Parsed, choose_format, parse
from detector.collect.source.block import Block
from detector.collect.source.files import Files
from detector.config import Config, Input
from detector.telemetry import Telemetry

# Neither can stand inside a JSON string: a quote there has a backslash before it.
_NULL: Final = re.compile(rb',"[@a-z0-9_.]+":null')
_CONTROL: Final = re.compile(rb"\xc2[\x80-\x9f]")
"""U+0080 to U+009F in UTF-8: JSON may hold them, some terminals obey them."""


def write_events(paths: Sequence[str], config: Config, telemetry: Telemetry, out: BinaryIO) -> None:
    """Write the events of `paths`, in the order of their lines. Raises: InputError, BrokenPipeError."""
    enricher = Enricher(config)
    for parsed in parsed_blocks(paths, config.input, telemetry):
        telemetry.observe_rejects(parsed.rejects)
        telemetry.observe_events(parsed.events)
        out.write(as_lines(enricher.enrich(parsed.events)))
        out.flush()


def as_lines(events: pl.DataFrame) -> bytes:
    """Return events as JSON lines, one flat object each, without the fields that have no value.

    Shapes: EVENT, any rows; `@timestamp` stands first and is never null.
    """
    if events.is_empty():
        return b""
    buffer = io.BytesIO()
    events.with_columns(pl.col("@timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")).write_ndjson(buffer)
    return _CONTROL.sub(lambda found: b"\\u00%02x" % found[0][1], _NULL.sub(b"", buffer.getvalue()))


def parsed_blocks(paths: Sequence[str], settings: Input, telemetry: Telemetry) -> Iterator[Parsed]:
    """Yield what each block of lines holds, file after file. Raises: InputError."""
    source = Files(paths, settings, lambda lines: _first_time(lines, settings))
    formats: dict[str, Format] = {}
    headers: dict[str, str] = {}
    try:
        while streams := list(source.streams()):
            stream = streams[0]
            if stream not in formats:
                formats[stream] = _chosen(source, stream, settings, telemetry)
            block = source.read(stream)
            if block is not None:
                parsed = _parsed(block, formats[stream], headers.get(stream, ""))
                headers[stream] = parsed.header
                yield parsed
    finally:
        source.close()


def _chosen(source: Files, stream: str, settings: Input, telemetry: Telemetry) -> Format:
    head = source.head(stream)
    chosen, why = choose_format(pl.DataFrame(schema={"line": pl.String}) if head is None else head, settings)
    telemetry.observe_format(stream, chosen.name, why)
    return chosen


def _parsed(block: Block, chosen: Format, header: str) -> Parsed:
    parsed = parse(block.lines, chosen, path=block.path, header=header)
    return Parsed(
        events=parsed.events,
        rejects=pl.concat([block.rejects, parsed.rejects]),
        skipped=parsed.skipped,
        header=parsed.header,
    )


def _first_time(lines: pl.DataFrame, settings: Input) -> datetime | None:
    chosen, _ = choose_format(lines, settings)
    found = parse(lines, chosen, path="").events["@timestamp"].drop_nulls()
    first = found[0] if len(found) else None
    return first if isinstance(first, datetime) else None
