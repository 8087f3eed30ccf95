"""Look numbers up in sorted break points: from this number on this value holds, until the next one."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl


@dataclass(frozen=True, slots=True)
class Ranges:
    """Break points in memory: `starts` ascends from 0; a null value is a gap."""

    starts: pl.Series
    values: pl.Series

    @classmethod
    def read(cls, path: Path) -> "Ranges":
        """Read a table that `detector.lab.build_tables` wrote, its starts stored as differences."""
        points = pl.read_parquet(path).with_columns(pl.col("start").cum_sum())
        return cls.of(points["start"], points["value"])

    @classmethod
    def of(cls, starts: pl.Series, values: pl.Series) -> "Ranges":
        """Build from ascending break points; below the first one no value holds."""
        nothing = pl.Series([0], dtype=pl.UInt64), pl.Series([None], dtype=values.dtype)
        return cls(nothing[0].append(starts.cast(pl.UInt64)), nothing[1].append(values))

    def at(self, numbers: pl.Series) -> pl.Series:
        """Return the value that holds at each number; null where none does.

        Shapes: n UInt64 -> n values.
        """
        index = self.starts.search_sorted(numbers.fill_null(0), side="right").cast(pl.Int64) - 1
        return self.values.gather(index)


def nested(spans: Iterable[tuple[int, int, str]]) -> Ranges:
    """Build from spans (first, last, value), nested or apart: the narrowest holds, the later of two alike."""
    points: list[tuple[int, str | None]] = []
    open_: list[tuple[int, str]] = []

    def close(before: int | None) -> None:
        while open_ and (before is None or open_[-1][0] < before):
            last, _ = open_.pop()
            points.append((last + 1, open_[-1][1] if open_ else None))

    for first, last, value in sorted(spans, key=lambda span: (span[0], -span[1])):
        close(first)
        points.append((first, value))
        open_.append((last, value))
    close(None)
    final = {start: value for start, value in points if start < 2**64}  # the last word at a start is the narrowest
    return Ranges.of(
        pl.Series(list(final), dtype=pl.UInt64).sort(),
        pl.Series([final[start] for start in sorted(final)], dtype=pl.String),
    )


def prefix_ranges(prefixes: Iterable[tuple[str, str]]) -> dict[int, Ranges]:
    """Build, for families 4 and 6, what (network, value) pairs say; IPv6 is cut to /64."""
    spans: dict[int, list[tuple[int, int, str]]] = {4: [], 6: []}
    for text, value in prefixes:
        network = ipaddress.ip_network(text, strict=False)
        shift = 0 if network.version == 4 else 64
        span = int(network.network_address) >> shift, int(network.broadcast_address) >> shift, value
        spans[network.version].append(span)
    return {family: nested(found) for family, found in spans.items()}
