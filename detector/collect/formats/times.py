"""Read time stamps of every kind that the formats write, to UTC, by columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import polars as pl

from detector.schema import TIME

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""A moment outside is no request's: one of year 9999 would push the watermark past every line to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSetting:
    """What a stamp alone does not say.

    `zone` is that of stamps which carry none; `reference` gives the year to those which carry none
    (the file's last change: a line is at most a day younger). `second`: those of the hour that comes twice are of its
    second time.
    """

    zone: str = "UTC"
    reference: datetime | None = None
    second: bool = False


Reader = Callable[[pl.Series, TimeSetting], pl.Series]


def _zoned(pattern: str) -> Reader:
    def read(texts: pl.Series, _: TimeSetting) -> pl.Series:
        return texts.str.to_datetime(pattern, time_unit="us", time_zone="UTC", strict=False)

    return read


def _local(pattern: str) -> Reader:
    def read(texts: pl.Series, setting: TimeSetting) -> pl.Series:
        naive = texts.str.to_datetime(pattern, time_unit="us", strict=False)
        return at_zone(naive, setting.zone, second=setting.second)

    return read


def at_zone(naive: pl.Series, zone: str, *, second: bool = False) -> pl.Series:
    """Take local times to UTC.

    The doubled hour of autumn is read as its first, or its second; the missing one of spring as if the clock had not
    yet moved.
    """
    if zone == "UTC":
        return naive.dt.replace_time_zone("UTC")
    hour = timedelta(hours=1)
    which: Literal["earliest", "latest"] = "latest" if second else "earliest"
    plain = naive.dt.replace_time_zone(zone, ambiguous=which, non_existent="null")
    if plain.null_count() > naive.null_count():
        moved = (naive - hour).dt.replace_time_zone(zone, ambiguous=which, non_existent="null") + hour
        plain = plain.fill_null(moved)
    return plain.dt.convert_time_zone("UTC")


def _iso(texts: pl.Series, setting: TimeSetting) -> pl.Series:
    """ISO 8601 and RFC 3339: `T` or a space, `.` or `,` before the fraction, `Z`, `+01:00`, `+0100` or no zone."""
    strict = _zoned("%+")(texts, setting)
    if strict.null_count() == texts.null_count():
        return strict
    plain = texts.set(strict.is_not_null(), None).str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T")
    plain = plain.str.replace(",", ".", literal=True)
    plain = plain.str.replace(r" ?(?:Z|UTC)$", "+0000").str.replace(r" ([+-]\d\d:?\d\d)$", "$1")
    zoned = strict.fill_null(_zoned("%Y-%m-%dT%H:%M:%S%.f%z")(plain, setting))
    return zoned.fill_null(_local("%Y-%m-%dT%H:%M:%S%.f")(plain, setting))


def _epoch(texts: pl.Series, _: TimeSetting) -> pl.Series:
    """Seconds since 1970, whole or with a fraction; milli-, micro- or nanoseconds are known by their size.

    Source: 1e11 s is the year 5138, 1e11 ms is March 1973; nothing here is of either.
    """
    number = texts.cast(pl.Float64, strict=False)
    size = number.abs()
    frame = pl.DataFrame({"whole": texts.cast(pl.Int64, strict=False), "number": number, "size": size})
    micros = (
        pl.when(pl.col("size") < 1e11)
        .then((pl.col("number") * 1e6).round())
        .when(pl.col("size") < 1e14)
        .then((pl.col("number") * 1e3).round())
        .when(pl.col("size") < 1e17)
        .then(pl.col("number").round())
        .otherwise((pl.col("number") / 1e3).round())
    )
    return frame.select(
        micros.cast(pl.Int64, strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    ).to_series()


def _epoch_in(per_second: float) -> Reader:
    def read(texts: pl.Series, _: TimeSetting) -> pl.Series:
        micros = (texts.cast(pl.Float64, strict=False) * (1e6 / per_second)).round().cast(pl.Int64, strict=False)
        return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")

    return read


def _syslog(texts: pl.Series, setting: TimeSetting) -> pl.Series:
    """`Mar  1 04:07:11`: the year is that of the reference, or the one before if that would be after it."""
    if setting.reference is None:
        return pl.Series(texts.name, [None] * len(texts), TIME)
    reference = setting.reference.astimezone(UTC)

    def in_year(year: int) -> pl.Series:
        return _local("%Y %b %d %H:%M:%S")(pl.select(pl.lit(f"{year} ") + pl.lit(texts)).to_series(), setting)

    this, last = in_year(reference.year), in_year(reference.year - 1)
    fits = (this <= reference + timedelta(days=1)).fill_null(False)
    return this.zip_with(fits, last)


READERS: Final[dict[str, Reader]] = {
    "clf": _zoned("%d/%b/%Y:%H:%M:%S %z"),
    "clf_local": _local("%d/%b/%Y:%H:%M:%S%.f"),
    "iso": _iso,
    "epoch": _epoch,
    "epoch_s": _epoch_in(1.0),
    "epoch_ms": _epoch_in(1e3),
    "syslog": _syslog,
    "apache_error": _local("%a %b %d %H:%M:%S%.f %Y"),
    "nginx_error": _local("%Y/%m/%d %H:%M:%S"),
}
ANY: Final = ("iso", "clf", "epoch", "clf_local", "apache_error", "nginx_error", "syslog")
"""The kinds tried, in this order, where a format does not say which it writes."""


def reader(kind: str) -> Reader:
    """Return the reader of a named kind, or of an strftime pattern."""
    if kind in READERS:
        return READERS[kind]
    return _zoned(kind) if "%z" in kind or "%Z" in kind or "%+" in kind else _local(kind)


def read_times(texts: pl.Series, kinds: Sequence[str], setting: TimeSetting) -> pl.Series:
    """Read time stamps. Those of no kind, and those out of any sensible range, are null.

    Shapes: String -> Datetime(us, UTC), same rows.
    """
    found: pl.Series | None = None
    for kind in kinds:
        missing = texts if found is None else texts.set(found.is_not_null(), None)
        read = reader(kind)(missing, setting)
        found = read if found is None else found.fill_null(read)
        found = found.set((found < EARLIEST) | (found >= LATEST), None)
        if found.null_count() == texts.null_count():
            break
    assert found is not None, "a format names at least one kind of time stamp"  # noqa: S101 - a fault of ours, not of data
    return found.cast(TIME)
