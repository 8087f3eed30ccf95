"""Read W3C extended logs: IIS, and CloudFront, whose fields are known where its `#Fields` line is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from detector.collect.formats.shape import finish, nanoseconds, value
from detector.collect.formats.times import TimeSetting

DIRECTIVE: Final = "#Fields:"
HEADER: Final = "header"
_COUNT: Final = "count"
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
_WANTED: Final = (
    *("date", "time", "time-taken", "cs-uri-stem", "cs-uri-query", "cs-version", "cs-protocol-version"),
    "cs(User-Agent)",
    *(name for names in _PLAIN.values() for name in names),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class W3C:
    """A shape of lines under `#Fields` directives. `tab`: CloudFront separates by tabs and escapes by percent.

    Shapes: {line: String, header: String}, the directive that each line stands under; empty where there was none.
    """

    name: str
    tab: bool = False

    def read(self, lines: pl.DataFrame, setting: TimeSetting) -> pl.DataFrame:
        """See `Shape`."""
        line = pl.col("line").str.strip_chars_end(" " if not self.tab else "")
        words = lines.select(HEADER, line.str.split("\t" if self.tab else " ").alias("words"))
        words = words.join(_places(lines[HEADER].unique()), on=HEADER, how="left", maintain_order="left")
        columns = {name: value(pl.col("words").list.get(pl.col(name), null_on_oob=True)) for name in _WANTED}
        texts = words.select(
            (pl.col("words").list.len() == pl.col(_COUNT)).alias("seen"),
            # Both servers write UTC. Source: W3C extended log file format, "date" and "time" are in GMT.
            (columns["date"] + "T" + columns["time"] + "Z").alias("time"),
            *(expression.alias(name) for name, expression in self._fields(columns).items()),
        )
        return finish(texts, ("iso",), setting)

    def _fields(self, columns: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
        query = columns["cs-uri-query"]
        behind = pl.when(query.is_not_null()).then("?" + query).otherwise(pl.lit(""))
        version = pl.coalesce(columns["cs-protocol-version"], columns["cs-version"])
        return {ours: pl.coalesce(columns[name] for name in theirs) for ours, theirs in _PLAIN.items()} | {
            "url.original": columns["cs-uri-stem"] + behind,
            "http.version": version.str.strip_prefix("HTTP/"),
            "user_agent.original": self._agent(columns["cs(User-Agent)"]),
            "event.duration": nanoseconds(columns["time-taken"], 1.0 if self.tab else 1e3),
        }

    def _agent(self, agent: pl.Expr) -> pl.Expr:
        """IIS writes spaces as `+`; CloudFront percent-encodes."""
        if not self.tab:
            return agent.str.replace_all("+", " ", literal=True)
        codes = [*range(0x20, 0x7F)]
        written = [f"%{code:02X}" for code in codes] + [f"%25{code:02X}" for code in codes]
        return agent.str.replace_many(written, [chr(code) for code in codes] * 2)


def _places(headers: pl.Series) -> pl.DataFrame:
    """Say where each directive puts each field: somebody may write one before every line of his.

    Shapes: String -> {header: String, count: UInt32, a column for every wanted name: UInt32 or null}.
    """
    rows: list[dict[str, int | str]] = []
    for header in headers:
        names = header.removeprefix(DIRECTIVE).split()
        places = {name: at for at, name in enumerate(names) if name in _WANTED}
        rows.append({**places, HEADER: header, _COUNT: len(names)})
    return pl.DataFrame(rows, schema={HEADER: pl.String} | dict.fromkeys((_COUNT, *_WANTED), pl.UInt32))
