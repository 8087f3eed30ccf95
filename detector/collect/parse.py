"""Read lines with a format: every one becomes an event or a reject, blank ones and directives are counted apart."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import polars as pl

from detector.collect.doubled import in_doubled_hour, nearer
from detector.collect.formats import Format, choose_format
from detector.collect.formats.reading import cleaned, read_rows
from detector.collect.formats.shape import REASON, UNKNOWN
from detector.collect.formats.times import TimeSetting
from detector.collect.formats.w3c import DIRECTIVE, HEADER
from detector.schema import RAW, REJECT, conform, empty

__all__ = ["Format", "Parsed", "choose_format", "parse"]

_NUL: Final = "holds a NUL byte"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What became of a block's lines: `events.height + rejects.height + skipped` is their number.

    Give with the next block: `header`, the `#Fields` line in force behind the last line (W3C; else empty), and
    `doubled_us`, how far the lines came in an hour that their zone has twice (microseconds since 1970; None: in none).
    """

    events: pl.DataFrame
    rejects: pl.DataFrame
    skipped: int
    header: str = ""
    doubled_us: int | None = None


def parse(
    lines: pl.DataFrame,
    fmt: Format,
    *,
    path: str,
    header: str = "",
    doubled_us: int | None = None,
    reference: datetime | None = None,
) -> Parsed:
    """Read a block of lines.

    `header` and `doubled_us` come from the block before; `reference` (the file's last change) gives stamps without a
    year theirs.

    Shapes: {line: String, log.offset: Int64} -> RAW and REJECT, in the order of the lines.
    """
    lines = cleaned(lines.select("line", "log.offset"))
    line = pl.col("line")
    lines = lines.with_columns(
        line.str.contains(r"^\s*$").alias("skip"),
        pl.when(line.str.len_bytes() > fmt.max_line_bytes)
        .then(pl.lit(f"longer than {fmt.max_line_bytes} bytes"))
        .when(line.str.contains("\0", literal=True))
        .then(pl.lit(_NUL))
        .alias("fault"),
    )
    header = "" if fmt.header is None else header or fmt.header
    if fmt.header is not None:
        directive = pl.when(line.str.starts_with(DIRECTIVE)).then(line).forward_fill().fill_null(header)
        lines = lines.with_columns(pl.col("skip") | line.str.starts_with("#"), directive.alias(HEADER))
        header = lines[HEADER][-1] if lines.height else header
    written, setting = lines.filter(~pl.col("skip")), TimeSetting(zone=fmt.zone, reference=reference)
    events, rejects = _read(written, fmt, path, setting)
    twice = in_doubled_hour(events["@timestamp"], fmt.zone)
    if twice is not None:
        some = written.filter(pl.col("log.offset").is_in(events["log.offset"].filter(twice).implode()))
        second, _ = _read(some, fmt, path, replace(setting, second=True))
        times, doubled_us = nearer(events["@timestamp"].filter(twice), second["@timestamp"], doubled_us)
        events = events.with_columns(events["@timestamp"].scatter(twice.arg_true(), times))
    skipped = int(lines["skip"].sum())
    return Parsed(events=events, rejects=rejects, skipped=skipped, header=header, doubled_us=doubled_us)


def _read(lines: pl.DataFrame, fmt: Format, path: str, setting: TimeSetting) -> tuple[pl.DataFrame, pl.DataFrame]:
    if lines.is_empty():
        return empty(RAW), empty(REJECT)
    fault = lines["fault"]
    usable = lines if fault.null_count() == lines.height else lines.filter(fault.is_null())
    read = read_rows(usable, fmt.shapes, setting)
    read = read.with_columns(pl.lit(path).alias("log.file.path"), usable["log.offset"])
    reasons = read[REASON]
    events = read if reasons.null_count() == read.height else read.filter(reasons.is_null())
    if events.height == lines.height:
        return conform(events, RAW), empty(REJECT)
    refused = lines.filter(fault.is_not_null()).with_columns(pl.col("fault").alias(REASON))
    unread = usable.with_columns(reasons).filter(reasons.is_not_null())
    return conform(events, RAW), _rejects(pl.concat([refused, unread]), fmt, path)


def _rejects(refused: pl.DataFrame, fmt: Format, path: str) -> pl.DataFrame:
    """Say why lines were refused. The line itself is not kept: it may hold an identifier."""
    unknown: pl.Expr = pl.lit(f"not a line of format {fmt.name}")
    if fmt.header is not None:
        unknown = pl.when(pl.col(HEADER) == "").then(pl.lit(f"no {DIRECTIVE} line before it")).otherwise(unknown)
    return refused.sort("log.offset", maintain_order=True).select(
        pl.lit(path).alias("log.file.path"),
        "log.offset",
        pl.col("line").str.len_bytes().cast(pl.Int64).alias("line_bytes"),
        pl.when(pl.col(REASON) == UNKNOWN).then(unknown).otherwise(REASON).alias("reason"),
    )
