"""Read lines with a format: every one becomes an event or a reject, blank ones and directives are counted apart."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import polars as pl

from detector.collect.formats import Format, choose_format
from detector.collect.formats.reading import cleaned, read_rows
from detector.collect.formats.shape import REASON, UNKNOWN
from detector.collect.formats.times import TimeSetting
from detector.collect.formats.w3c import DIRECTIVE
from detector.schema import RAW, REJECT, conform, empty

__all__ = ["Format", "Parsed", "choose_format", "parse"]

_NUL: Final = "holds a NUL byte"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What became of a block's lines: `events.height + rejects.height + skipped` is their number.

    `header` is the `#Fields` line in force behind the last line (W3C; else empty): give it with the next block.
    """

    events: pl.DataFrame
    rejects: pl.DataFrame
    skipped: int
    header: str = ""


def parse(
    lines: pl.DataFrame, fmt: Format, *, path: str, header: str = "", reference: datetime | None = None
) -> Parsed:
    """Read a block of lines.

    `header` comes from the block before; `reference` (the file's last change) gives stamps without a year theirs.

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
    header = header or fmt.header or ""
    directives = pl.Series([], dtype=pl.UInt32)
    if fmt.header is not None:
        lines = lines.with_columns(pl.col("skip") | line.str.starts_with("#"))
        directives = lines.select(line.str.starts_with(DIRECTIVE).arg_true()).to_series()
    setting = TimeSetting(zone=fmt.zone, reference=reference)
    events, rejects = [], []
    for start, stop in pairwise([0, *directives.to_list(), lines.height]):
        segment = lines.slice(start, stop - start)
        if segment.height and segment["line"][0].startswith(DIRECTIVE) and fmt.header is not None:
            header = segment["line"][0]
        good, bad = _segment(segment.filter(~pl.col("skip")), fmt, header, path, setting)
        events.append(good)
        rejects.append(bad)
    return Parsed(
        events=pl.concat(events) if len(events) > 1 else events[0],
        rejects=pl.concat(rejects) if len(rejects) > 1 else rejects[0],
        skipped=int(lines["skip"].sum()),
        header=header if fmt.header is not None else "",
    )


def _segment(
    lines: pl.DataFrame, fmt: Format, header: str, path: str, setting: TimeSetting
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read lines that stand under one header."""
    if lines.is_empty():
        return empty(RAW), empty(REJECT)
    fault = lines["fault"]
    usable = lines if fault.null_count() == lines.height else lines.filter(fault.is_null())
    read = read_rows(usable, fmt.under(header), setting)
    read = read.with_columns(pl.lit(path).alias("log.file.path"), usable["log.offset"])
    reasons = read[REASON]
    events = read if reasons.null_count() == read.height else read.filter(reasons.is_null())
    if events.height == lines.height:
        return conform(events, RAW), empty(REJECT)
    refused = lines.filter(fault.is_not_null()).select("line", "log.offset", pl.col("fault").alias(REASON))
    unread = usable.select("line", "log.offset", reasons).filter(reasons.is_not_null())
    return conform(events, RAW), _rejects(pl.concat([refused, unread]), fmt, header, path)


def _rejects(refused: pl.DataFrame, fmt: Format, header: str, path: str) -> pl.DataFrame:
    """Say why lines were refused. The line itself is not kept: it may hold an identifier."""
    missing = fmt.header is not None and not header
    unknown = f"no {DIRECTIVE} line before it" if missing else f"not a line of format {fmt.name}"
    return refused.sort("log.offset", maintain_order=True).select(
        pl.lit(path).alias("log.file.path"),
        "log.offset",
        pl.col("line").str.len_bytes().cast(pl.Int64).alias("line_bytes"),
        pl.when(pl.col(REASON) == UNKNOWN).then(pl.lit(unknown)).otherwise(REASON).alias("reason"),
    )
