"""Say how a line can look: a shape makes typed columns of the lines it knows and says why it refuses others.

A format is an ordered tuple of shapes; each is given the lines that those before it did not know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import polars as pl
from polars.expr.whenthen import ChainedThen, Then

from detector.collect.formats import escapes
from detector.collect.formats.addresses import read_addresses
from detector.collect.formats.times import TimeSetting, read_times
from detector.schema import RAW

REASON: Final = "reason"
UNKNOWN: Final = ""
"""The reason of a line that is not of this shape: the next shape may know it."""

NO_TIME: Final = "time stamp missing, unreadable or out of range"
FIELDS: Final = pl.Schema({name: dtype for name, dtype in RAW.items() if not name.startswith("log.")})
"""The columns that a shape fills: those of RAW that come from the line itself."""

REQUEST: Final = (
    r"(?s)^(?P<method>[A-Za-z][A-Za-z_-]{0,30}) +(?P<target>.*?\S)(?: +HTTP/(?P<version>[0-9]+(?:\.[0-9]+)?))? *$"
)
_METHOD: Final = r"^[A-Za-z][A-Za-z_-]{0,30}$"
_VERSION: Final = r"^HTTP/[0-9]+(?:\.[0-9]+)?$"
_TEXTS: Final = (
    "user.name",
    "portal.session",
    "portal.forwarded_for",
    "url.domain",
    "http.request.referrer",
    "user_agent.original",
)


class Shape(Protocol):
    """One way a line can look.

    Shapes: {line: String} -> the same rows in FIELDS plus `reason`: null where the line is read,
    UNKNOWN where it is not of this shape, else why it is refused.
    """

    @property
    def name(self) -> str:
        """Name of the shape, for the sentence that says which format was taken."""
        ...

    def read(self, lines: pl.DataFrame, setting: TimeSetting) -> pl.DataFrame:
        """Read the lines that are of this shape."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A shape that is one regular expression with named groups.

    `fields` makes FIELDS columns (as text) from groups, `request` names the group that holds a request line,
    `escaped` says that the server writes awkward bytes as escapes. `refuse` is a condition on groups, and the
    reason for it.
    """

    name: str
    regex: str
    fields: Mapping[str, pl.Expr]
    kinds: tuple[str, ...]
    time: pl.Expr = field(default_factory=lambda: pl.col("time"))
    request: str | None = None
    escaped: bool = False
    refuse: Mapping[str, pl.Expr] = field(default_factory=dict)

    def read(self, lines: pl.DataFrame, setting: TimeSetting) -> pl.DataFrame:
        """See `Shape`."""
        groups = lines.select(pl.col("line").str.extract_groups(self.regex).struct.unnest())
        texts = groups.select(
            self.time.is_not_null().alias("seen"),
            self.time.alias("time"),
            *([pl.col(self.request).alias("request")] if self.request else []),
            *(expression.alias(name) for name, expression in self.fields.items()),
            *(condition.alias(f"refuse {reason}") for reason, condition in self.refuse.items()),
        )
        if self.request:
            texts = with_request(texts)
        if self.escaped:
            texts = without_escapes(texts)
        return finish(texts, self.kinds, setting)


def with_request(texts: pl.DataFrame) -> pl.DataFrame:
    """Cut a request line into method, target and version; one that is none leaves all three null.

    Nearly all are three words; the expression, slower, is for the others.
    """
    words = texts.select(pl.col("request").str.splitn(" ", 4).alias("words")).select(pl.col("words").struct.unnest())
    first, second, third, more = (words[f"field_{at}"] for at in range(4))
    plain = first.str.contains(_METHOD) & (second != "") & third.str.contains(_VERSION) & more.is_null()
    plain = plain.fill_null(value=False)
    texts = texts.with_columns(
        first.alias("http.request.method"), second.alias("url.original"), third.str.slice(5).alias("http.version")
    )
    if plain.all():
        return texts
    odd = pl.when(~plain).then(pl.col("request")).str.extract_groups(REQUEST).struct
    names = {"method": "http.request.method", "target": "url.original", "version": "http.version"}
    return texts.with_columns(pl.when(plain).then(name).otherwise(odd.field(group)) for group, name in names.items())


def without_escapes(texts: pl.DataFrame) -> pl.DataFrame:
    """Undo the server's escapes in every text; those of the target become percent-encoding."""
    undo = dict.fromkeys(_TEXTS, escapes.text) | {"url.original": escapes.target}
    undo = {name: one for name, one in undo.items() if name in texts.columns}
    if not undo:
        return texts
    escaped = texts.select(pl.col(name).str.contains(escapes.ANY).any() for name in undo).row(0, named=True)
    return texts.with_columns(one(pl.col(name)) for name, one in undo.items() if escaped[name])


def value(column: pl.Expr) -> pl.Expr:
    """Return the text, or null where the server wrote `-` or nothing."""
    return pl.when((column != "-") & (column != "")).then(column)


def nanoseconds(column: pl.Expr, per_second: float) -> pl.Expr:
    """Turn a duration written as text into nanoseconds; a negative one (no answer) is null."""
    number = column.cast(pl.Float64, strict=False)
    return pl.when(number >= 0).then((number * (1e9 / per_second)).round()).cast(pl.Int64, strict=False)


def finish(texts: pl.DataFrame, kinds: tuple[str, ...], setting: TimeSetting) -> pl.DataFrame:
    """Give texts their types and say which rows are read.

    Shapes: `seen`: Boolean, `time`: String, any of FIELDS as text or typed, `refuse REASON`: Boolean
    -> the same rows in FIELDS plus `reason`.
    """
    seen = texts["seen"]
    stamps = texts["time"] if seen.all() else texts["time"].set(~seen, None)
    times = read_times(stamps, kinds, setting).alias("@timestamp")
    given = set(texts.columns)
    if "user.name" in given and texts["user.name"].str.contains(escapes.CONTROL).any():
        texts = texts.with_columns(escapes.printable(pl.col("user.name")))
    typed = [times, *([read_addresses(texts["source.ip"])] if "source.ip" in given else [])]
    columns = [_typed(name, dtype) for name, dtype in FIELDS.items() if name in given and name != "source.ip"]
    reason: Then | ChainedThen = pl.when(~pl.col("seen")).then(pl.lit(UNKNOWN))
    for name in texts.columns:
        if name.startswith("refuse "):
            reason = reason.when(pl.col(name)).then(pl.lit(name.removeprefix("refuse ")))
    refused = reason.when(times.is_null()).then(pl.lit(NO_TIME)).alias(REASON)
    read = texts.select(*columns, refused).with_columns(typed)
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in FIELDS.items() if name not in read.columns]
    return read.with_columns(absent).select(*FIELDS.names(), REASON)


def _typed(name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    column = pl.col(name)
    if dtype != pl.String:
        return column.cast(dtype, strict=False)
    return value(column) if name in _TEXTS else column
