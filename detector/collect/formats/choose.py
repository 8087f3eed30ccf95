"""Find the format of a log from its first lines, and say why."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import polars as pl

from detector.collect.formats import envelope, w3c
from detector.collect.formats.reading import cleaned, read_rows
from detector.collect.formats.registry import BUILDERS, HINTS, Format, build
from detector.collect.formats.shape import REASON
from detector.collect.formats.times import TimeSetting
from detector.config import Input
from detector.errors import DetectorError, FaultsError

SAMPLE: Final = 500
"""Lines looked at."""
_SOME_YEAR: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Whichever: a stamp without a year is one all the same."""
_NAMED_LATER: Final = frozenset({"common", "combined_session", "combined_vhost"})
"""Kinds of `combined`, which reads them all; the name says more."""
_QUOTES_OF_COMMON: Final = 2


def choose_format(lines: pl.DataFrame, settings: Input) -> tuple[Format, str]:
    """Return the format to read a log with, and one sentence that says which it is and why.

    Give the log's first lines, the same ones however it is cut into blocks: they decide alone.

    Shapes: {line: String, ...}, some hundreds of rows; none is no fault.
    Raises: `FaultsError` when the configuration describes no format.
    """
    sample = cleaned(lines.head(SAMPLE).select("line"))
    sample = sample.filter(pl.col("line").str.contains(r"\S"))
    if settings.format != "auto":
        try:
            chosen = build(settings.format, sample, settings)
        except DetectorError as fault:
            raise FaultsError([settings.fault(str(fault), "format")]) from None
        return chosen, f"{chosen.name}: the configuration says so"
    if sample.is_empty():
        return build("combined", sample, settings), "combined: there is no line yet to tell by"
    if sample["line"].str.starts_with("#").all():
        name = "cloudfront" if sample["line"].str.contains("x-edge-", literal=True).any() else "w3c"
        return build(name, sample, settings), f"{name}: there are only directives yet"
    sample = envelope.received(sample)
    candidates = [build(name, sample, settings) for name in _likely(sample)]
    read = {one.name: _lines_read(one, sample) for one in candidates}
    best = max(candidates, key=lambda one: read[one.name][0])  # of equals the first: the most specific
    if read[best.name][0] == 0:
        best = next(one for one in candidates if one.name == "combined")
        return best, f"combined, for want of a better: no known format reads any of the first {sample.height} lines"
    return _named(best, sample), _sentence(best, _named(best, sample).name, read)


def _likely(sample: pl.DataFrame) -> list[str]:
    """Return the names of the formats of which some line shows what all of theirs do."""
    line = pl.col("line")
    shown = sample.select(line.str.contains(hint).any().alias(name) for name, hint in HINTS.items()).row(0, named=True)
    return [name for name in BUILDERS if shown.get(name, name not in _NAMED_LATER)]


def _lines_read(fmt: Format, sample: pl.DataFrame) -> tuple[float, int, int]:
    """Return the share of lines that a format reads, how many, and of how many; directives do not count."""
    if fmt.header is not None:
        fields = sample["line"].filter(sample["line"].str.starts_with(w3c.DIRECTIVE))
        header = pl.lit(fields[0] if len(fields) else fmt.header).alias(w3c.HEADER)
        sample = sample.filter(~pl.col("line").str.starts_with("#")).with_columns(header)
    setting = TimeSetting(zone=fmt.zone, reference=_SOME_YEAR)
    count = int(read_rows(sample, fmt.shapes, setting)[REASON].is_null().sum())
    return count / max(sample.height, 1), count, sample.height


def _named(fmt: Format, sample: pl.DataFrame) -> Format:
    """Name the kind of combined that the first lines are of."""
    if fmt.name != "combined":
        return fmt
    if fmt.learned.host:
        return replace(fmt, name="combined_vhost")
    if sample["line"].str.count_matches('"', literal=True).max() == _QUOTES_OF_COMMON:
        return replace(fmt, name="common")
    return replace(fmt, name="combined_session") if fmt.learned.trailing == ("session",) else fmt


def _sentence(best: Format, name: str, read: dict[str, tuple[float, int, int]]) -> str:
    _, count, total = read[best.name]
    others = {other: found for other, (_, found, _) in read.items() if other != best.name and found}
    sentence = f"{name}: it reads {count} of the first {total} lines"
    if not others:
        return f"{sentence}, and no other format reads any"
    second = max(others, key=lambda other: others[other])
    if others[second] >= count:
        return f"{sentence}; {second} reads as many, and is less specific"
    return f"{sentence}; the next best, {second}, reads {others[second]}"
