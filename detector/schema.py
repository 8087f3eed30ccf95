"""Name every column once: the frames that pass between the stages, and their types.

Columns carry their ECS name, dots included; what ECS has no name for is under `portal.`.
"""

from functools import cache
from typing import Final

import polars as pl

TIME: Final = pl.Datetime("us", "UTC")

RAW: Final = pl.Schema(
    {
        "@timestamp": TIME,
        "source.ip": pl.String(),
        "portal.forwarded_for": pl.String(),
        "user.name": pl.String(),
        "portal.session": pl.String(),
        "portal.subject": pl.String(),
        "http.request.method": pl.String(),
        "url.original": pl.String(),
        "url.domain": pl.String(),
        "http.version": pl.String(),
        "http.response.status_code": pl.Int32(),
        "http.response.body.bytes": pl.Int64(),
        "http.request.referrer": pl.String(),
        "user_agent.original": pl.String(),
        "event.duration": pl.Int64(),
        "event.action": pl.String(),
        "event.outcome": pl.String(),
        "error.message": pl.String(),
        "log.file.path": pl.String(),
        "log.offset": pl.Int64(),
    }
)
"""What `parse` makes of lines. Holds raw identifiers in its URLs: never leaves `collect`.

`url.original` is the request target as logged, `event.duration` is in nanoseconds (ECS),
`event.outcome` is `success`, `failure` or null (then enrich derives it), `portal.subject` a raw identifier that
the format names a field of its own for (then no URL is searched for another).
"""

EVENT: Final = pl.Schema(
    {
        "@timestamp": TIME,
        "source.ip": pl.String(),
        "user.name": pl.String(),
        "portal.session": pl.String(),
        "http.request.method": pl.String(),
        "url.domain": pl.String(),
        "url.original": pl.String(),
        "url.path": pl.String(),
        "url.query": pl.String(),
        "http.version": pl.String(),
        "http.response.status_code": pl.Int32(),
        "http.response.body.bytes": pl.Int64(),
        "http.request.referrer": pl.String(),
        "user_agent.original": pl.String(),
        "user_agent.name": pl.String(),
        "user_agent.version": pl.String(),
        "user_agent.os.name": pl.String(),
        "user_agent.device.name": pl.String(),
        "portal.client": pl.String(),
        "portal.client_kind": pl.String(),
        "event.duration": pl.Int64(),
        "event.action": pl.String(),
        "event.outcome": pl.String(),
        "error.message": pl.String(),
        "portal.action": pl.String(),
        "portal.subject": pl.String(),
        "portal.subject_block": pl.String(),
        "portal.subject_area": pl.String(),
        "source.geo.country_iso_code": pl.String(),
        "source.as.number": pl.Int64(),
        "source.as.organization.name": pl.String(),
        "portal.source": pl.String(),
        "portal.network": pl.String(),
        "portal.network_kind": pl.String(),
        "portal.profession": pl.String(),
        "portal.organization": pl.String(),
        "portal.department": pl.String(),
        "portal.kind": pl.String(),
        "portal.local_date": pl.Date(),
        "portal.hour_of_week": pl.Int16(),
        "portal.working_day": pl.Boolean(),
        "log.file.path": pl.String(),
        "log.offset": pl.Int64(),
    }
)
"""What leaves `collect`: every URL redacted, every subject and session a keyed token.

- `portal.client`: family and system of the client, e.g. `Chrome/Windows`; null where no agent is logged
- `portal.client_kind`: `browser`, `mobile_app`, `script`, `headless`, `bot`, or null
- `portal.subject_block`: of a number refused or not found, a token of the hundred that it lies in; null for any other
  identifier. Numbers tried in a row share it, and it tells nothing of the persons that were found
- `portal.subject_area`: token of the area that the person's identifier tells, null where it tells none
- `portal.source`: the address, IPv6 cut to its /64
- `portal.network`: `AS3215`, or the routed prefix (/16, /32 in IPv6) where no table knows better
- `portal.network_kind`: `hosting`, `vpn`, `tor`, `relay`, `mobile`, `private`, or null
- `portal.kind`: `person`, `software` (a vendor's account), or null where no directory says
- `portal.hour_of_week`: 0 (Monday 00 h, local) to 167
- `portal.working_day`: local day is neither a weekend nor a public holiday
"""

LATE: Final = "portal.late"
"""Boolean column that the sequencer adds: the event came after the watermark had passed it."""

ACTIONS: Final = ("logon", "logoff", "search", "record_view", "claim", "export", "other")

REJECT: Final = pl.Schema(
    {
        "log.file.path": pl.String(),
        "log.offset": pl.Int64(),
        "line_bytes": pl.Int64(),
        "reason": pl.String(),
    }
)
"""A line that could not be read. Never the line itself: it may hold an identifier."""

REASON: Final = pl.Struct(
    {
        "feature": pl.String(),
        "observed": pl.Float64(),
        "expected": pl.Float64(),
        "unit": pl.String(),
        "surprise": pl.Float64(),
        "history_days": pl.Int32(),
        "baseline": pl.String(),
        "text": pl.String(),
    }
)
"""One reason of an alert: `surprise` is -log10 of a tail probability; `baseline` is `account` or `peers`."""

SIGNAL: Final = pl.Schema(
    {
        "@timestamp": TIME,
        "signal.start": TIME,
        "signal.came": TIME,
        "signal.kind": pl.String(),
        "rule.id": pl.String(),
        "rule.name": pl.String(),
        "rule.version": pl.String(),
        "rule.level": pl.String(),
        "signal.key": pl.String(),
        "signal.risk": pl.Float64(),
        "user.name": pl.String(),
        "source.ip": pl.String(),
        "related.user": pl.List(pl.String),
        "related.ip": pl.List(pl.String),
        "threat.technique.id": pl.List(pl.String),
        "threat.tactic.id": pl.List(pl.String),
        "portal.network": pl.String(),
        "portal.client": pl.String(),
        "source.geo.country_iso_code": pl.String(),
        "signal.count": pl.Int64(),
        "signal.text": pl.String(),
        "portal.reasons": pl.List(REASON),
    }
)
"""What a rule's match or a model's score becomes; `emit` groups them into incidents.

- `@timestamp` is the event that matched or crossed the limit; `signal.start` the first evidence
- `signal.came`: how far event time had come when the event came too late to keep the order; null where it kept it
- `signal.kind`: `rule` or `model`; `rule.level`: informational, low, medium, high, critical
- `signal.key`: what was counted, `field=value` joined by ` `; with `rule.id` and `@timestamp` it is unique
- `signal.risk`: 0 to 100
- `user.name` / `source.ip`: the account / the address that raised it; null where none did
- `signal.count`: the count that met the rule's condition (1 for a single event)
- `signal.text`: one sentence: who did what, against what is usual
"""

LEVELS: Final = ("informational", "low", "medium", "high", "critical")

RISK: Final = {"informational": 5.0, "low": 21.0, "medium": 47.0, "high": 73.0, "critical": 99.0}
"""Risk of a rule's level. Source: the defaults of Elastic Security's rule editor (21, 47, 73, 99)."""


MOST_CHUNKS: Final = 16
"""Pieces of a frame that is kept, at most: each costs some hundred bytes a column."""


def empty(schema: pl.Schema) -> pl.DataFrame:
    """Return a frame of no rows in `schema`."""
    return _empty(tuple(schema.items())).clone()


@cache
def _empty(columns: tuple[tuple[str, pl.DataType], ...]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(columns))


def conform(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Give `frame` exactly the columns of `schema`, in order: missing ones null, others dropped.

    Shapes: any frame -> the same rows in `schema`.
    """
    return frame.select(
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in schema.items()
    )


def detached(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` in one piece that keeps nothing else in memory.

    A text that Polars filters, gathers or slices out of a column keeps the bytes of all of that column, and one of a
    few rows the 8 KiB that Polars begins a column with: joined, such pieces keep them all, also after `rechunk`.
    """
    return frame.rechunk().with_columns(pl.selectors.string() + "")


def appended(frame: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Return `fresh` behind `frame`, in few pieces; what `fresh` was picked from is not kept."""
    joined = pl.concat([frame, detached(fresh)])
    return detached(joined) if joined.n_chunks() > MOST_CHUNKS else joined
