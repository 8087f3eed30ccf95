"""Map what a Sigma rule calls a field to a column of `schema.EVENT`: one table, both taxonomies.

Source: Sigma taxonomy appendix 2.1.0 (web server and proxy), ECS 9.4. Field names are compared without
regard to case, because published rules write both `cs-User-Agent` and `cs-user-agent`.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from detector.schema import ACTIONS, EVENT

ALIASES: Final = {
    "c-ip": "source.ip",
    "c-dns": "source.ip",
    "src_ip": "source.ip",
    "cs-username": "user.name",
    "username": "user.name",
    "cs-method": "http.request.method",
    "cs-uri": "url.original",
    "c-uri": "url.original",
    "url.full": "url.original",
    "cs-uri-stem": "url.path",
    "c-uri-stem": "url.path",
    "cs-uri-path": "url.path",
    "cs-uri-query": "url.query",
    "c-uri-query": "url.query",
    "cs-host": "url.domain",
    "r-dns": "url.domain",
    "sc-status": "http.response.status_code",
    "sc-bytes": "http.response.body.bytes",
    "cs-referer": "http.request.referrer",
    "cs-referrer": "http.request.referrer",
    "c-referer": "http.request.referrer",
    "cs-user-agent": "user_agent.original",
    "c-useragent": "user_agent.original",
    "c-user-agent": "user_agent.original",
    "cs-useragent": "user_agent.original",
}
"""Sigma's name, in lower case: our column."""

ALSO: Final = {"cs-uri-query": "url.original", "c-uri-query": "url.original"}
"""Where text asked of a field is looked for as well: half of SigmaHQ's web rules write paths under the query."""

UNLOGGED: Final = frozenset(
    {
        "cs-cookie", "cs-bytes", "s-ip", "s-port", "s-computername", "s-sitename", "c-win32-status",
        "sc-win32-status", "sc-substatus", "dst_ip", "dst_port", "src_port", "r-ip", "c-port", "destination.ip",
        "response", "request", "cs-body", "sc-body",
    }
)  # fmt: skip
"""Names of the taxonomies that no access log of ours carries: always null, said so in `Rules.notes`."""

DERIVED: Final[dict[str, tuple[pl.Expr, pl.DataType]]] = {
    "c-uri-extension": (pl.col("url.path").str.extract(r"\.([^./]+)$"), pl.String()),
    "cs-uri-extension": (pl.col("url.path").str.extract(r"\.([^./]+)$"), pl.String()),
    "date": (pl.col("@timestamp").dt.strftime("%Y-%m-%d"), pl.String()),
    "time": (pl.col("@timestamp").dt.strftime("%H:%M:%S"), pl.String()),
    "cs-version": (pl.lit("HTTP/") + pl.col("http.version"), pl.String()),
    "time-taken": (pl.col("event.duration") // 1_000_000, pl.Int64()),
}
"""Names of the taxonomies that are worked out of columns; `time-taken` is in milliseconds."""

SEARCHED: Final = (
    "url.original", "user_agent.original", "http.request.referrer", "user.name", "error.message",
    "http.request.method", "http.response.status_code", "source.ip", "url.domain",
)  # fmt: skip
"""Columns that a keyword is searched in: with them every word of the line has been seen."""

CANONICAL: Final = {
    "portal.action": ACTIONS,
    "event.outcome": ("success", "failure"),
    "portal.kind": ("person", "software"),
    "portal.client_kind": ("browser", "mobile_app", "script", "headless", "bot"),
    "portal.network_kind": ("hosting", "vpn", "tor", "relay", "mobile", "private"),
}
"""Columns whose values we write ourselves, in lower case: equality folds no case, and another value is a slip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that a rule may use: its name in the frame or among `DERIVED`, and its type."""

    name: str
    dtype: pl.DataType
    logged: bool = True

    def expression(self) -> pl.Expr:
        """Give the expression that reads it from a frame in `schema.EVENT`."""
        if not self.logged:
            return pl.lit(None, self.dtype)
        return DERIVED[self.name][0] if self.name in DERIVED else pl.col(self.name)


def resolve(name: str) -> Column | None:
    """Find the column that a rule's field name means; None if there is no such field."""
    if name in EVENT:
        return Column(name=name, dtype=_instance(EVENT[name]))
    low = name.lower()
    if low in UNLOGGED:
        return Column(name=low, dtype=pl.String(), logged=False)
    if low in DERIVED:
        return Column(name=low, dtype=DERIVED[low][1])
    target = ALIASES.get(low, low)
    return Column(name=target, dtype=_instance(EVENT[target])) if target in EVENT else None


def no_field(name: str) -> str:
    """Say that `name` is no field."""
    return f"no field {name!r}: neither a column of ours nor a name of Sigma's web taxonomies"


def _instance(dtype: pl.DataType | type[pl.DataType]) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype
