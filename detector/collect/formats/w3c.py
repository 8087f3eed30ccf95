"""Read W3C extended logs: IIS, and CloudFront, whose fields are known where its `#Fields` line is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from detector.collect.formats.shape import finish, nanoseconds, value
from detector.collect.formats.times import TimeSetting

DIRECTIVE: Final = "#Fields:"
CLOUDFRONT: Final = (
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes "
    "time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status "
    "fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len "
    "sc-range-start sc-range-end"
)
"""Source: Amazon CloudFront developer guide, "Standard log file fields", version 1.0."""

_PLAIN: Final[Mapping[str, tuple[str, ...]]] = {
    "source.ip": ("c-ip",),
    "portal.forwarded_for": ("x-forwarded-for", "cs(X-Forwarded-For)", "X-Forwarded-For"),
    "user.name": ("cs-username",),
    "portal.session": ("cs(Session)", "x-session-id"),
    "http.request.method": ("cs-method",),
    "url.domain": ("x-host-header", "cs-host", "cs(Host)"),
    "http.response.status_code": ("sc-status",),
    "http.response.body.bytes": ("sc-bytes",),
    "http.request.referrer": ("cs(Referer)",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class W3C:
    """A shape of lines under one `#Fields` directive. `tab`: CloudFront separates by tabs and escapes by percent."""

    name: str
    header: str
    tab: bool = False

    def read(self, lines: pl.DataFrame, setting: TimeSetting) -> pl.DataFrame:
        """See `Shape`."""
        names = self.header.removeprefix(DIRECTIVE).split()
        line = pl.col("line").str.strip_chars_end(" " if not self.tab else "")
        words = lines.select(line.str.split("\t" if self.tab else " ").alias("words"))
        columns = {name: value(pl.col("words").list.get(at, null_on_oob=True)) for at, name in enumerate(names)}
        count = pl.col("words").list.len()
        texts = words.select(
            (count == len(names)).alias("seen"),
            self._time(columns).alias("time"),
            *(expression.alias(name) for name, expression in self._fields(columns).items()),
        )
        return finish(texts, ("iso",), setting)

    @staticmethod
    def _time(columns: Mapping[str, pl.Expr]) -> pl.Expr:
        """Both servers write UTC. Source: W3C extended log file format, "date" and "time" are in GMT."""
        if "date" not in columns or "time" not in columns:
            return pl.lit(None, pl.String)
        return columns["date"] + "T" + columns["time"] + "Z"

    def _fields(self, columns: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
        fields = {
            ours: pl.coalesce(columns[name] for name in theirs if name in columns)
            for ours, theirs in _PLAIN.items()
            if any(name in columns for name in theirs)
        }
        if "cs-uri-stem" in columns:
            query = columns.get("cs-uri-query", pl.lit(None, pl.String))
            behind = pl.when(query.is_not_null()).then("?" + query).otherwise(pl.lit(""))
            fields["url.original"] = columns["cs-uri-stem"] + behind
        for name in ("cs-version", "cs-protocol-version"):
            if name in columns:
                fields["http.version"] = columns[name].str.strip_prefix("HTTP/")
        if "cs(User-Agent)" in columns:
            fields["user_agent.original"] = self._agent(columns["cs(User-Agent)"])
        if "time-taken" in columns:
            fields["event.duration"] = nanoseconds(columns["time-taken"], 1.0 if self.tab else 1e3)
        return fields

    def _agent(self, agent: pl.Expr) -> pl.Expr:
        """IIS writes spaces as `+`; CloudFront percent-encodes."""
        if not self.tab:
            return agent.str.replace_all("+", " ", literal=True)
        codes = [*range(0x20, 0x7F)]
        written = [f"%{code:02X}" for code in codes] + [f"%25{code:02X}" for code in codes]
        return agent.str.replace_many(written, [chr(code) for code in codes] * 2)


def directive(line: str) -> str | None:
    """Return the line if it is a `#Fields` directive."""
    return line if line.startswith(DIRECTIVE) else None
