"""Read any line by a regular expression of the user's with named groups."""

import re
from typing import Final

import polars as pl

from detector.collect.formats.shape import FIELDS, Pattern, nanoseconds, value
from detector.errors import DetectorError

GROUPS: Final = {
    "ip": "source.ip",
    "forwarded_for": "portal.forwarded_for",
    "user": "user.name",
    "session": "portal.session",
    "method": "http.request.method",
    "target": "url.original",
    "url": "url.original",
    "path": "url.original",
    "domain": "url.domain",
    "host": "url.domain",
    "version": "http.version",
    "status": "http.response.status_code",
    "bytes": "http.response.body.bytes",
    "referrer": "http.request.referrer",
    "referer": "http.request.referrer",
    "agent": "user_agent.original",
    "user_agent": "user_agent.original",
    "action": "event.action",
    "outcome": "event.outcome",
    "error": "error.message",
}
"""Group: column. `time` and `request` (a whole request line) are groups too, and `query` adds to `path`;
`duration_s`, `duration_ms`, `duration_us` are durations in their unit.
"""
_DURATIONS: Final = {"duration_s": 1.0, "duration": 1.0, "duration_ms": 1e3, "duration_us": 1e6}
_OTHERS: Final = {"time", "request", "query", *_DURATIONS}


def from_regex(regex: str, kinds: tuple[str, ...]) -> Pattern:
    """Return the shape of a regular expression.

    Raises: `DetectorError` when it has no group `time`, or one that has no meaning.
    """
    found = re.findall(r"\(\?P?<([A-Za-z_][\w.]*)>", regex)
    if "time" not in found:
        raise DetectorError("required: a group named time, as in (?P<time>...)")
    known = {*GROUPS, *_OTHERS, *FIELDS.names()}
    if unknown := sorted(set(found) - known):
        raise DetectorError(f"no such group: {', '.join(unknown)}; required: some of {', '.join(sorted(known))}")
    fields = {GROUPS.get(group, group): pl.col(group) for group in found if group not in _OTHERS}
    if "query" in found and "url.original" in fields:
        query = value(pl.col("query"))
        fields["url.original"] += pl.when(query.is_not_null()).then("?" + query).otherwise(pl.lit(""))
    if "http.version" in fields:
        fields["http.version"] = fields["http.version"].str.strip_prefix("HTTP/")
    for group, per_second in _DURATIONS.items():
        if group in found:
            fields["event.duration"] = nanoseconds(pl.col(group), per_second)
    return Pattern(
        name="regex",
        regex=regex,
        fields=fields,
        kinds=kinds,
        request="request" if "request" in found else None,
        escaped=True,
    )
