"""Read Traefik's access log, in its common form and in JSON."""

from typing import Final

import polars as pl

from detector.collect.formats.jsonlines import JsonLines, both
from detector.collect.formats.shape import Pattern, nanoseconds, value

_TEXT: Final = r'(?:[^"\\]|\\.)*'
CLF: Final = (
    r"^(?P<ip>\S+) \S+ (?P<user>[^\"]*?) \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    rf'"(?P<request>{_TEXT})" (?P<status>\d+|-) (?P<bytes>\d+|-) "(?P<referrer>{_TEXT})" "(?P<agent>{_TEXT})" '
    rf'\d+ "{_TEXT}" "{_TEXT}" (?P<duration>\d+)ms *$'
)
"""Source: Traefik documentation, "Access Logs", format common."""

_FIELDS: Final = (
    *("ClientHost", "ClientAddr", "ClientUsername", "DownstreamStatus", "DownstreamContentSize", "Duration"),
    *("RequestMethod", "RequestPath", "RequestProtocol", "RequestHost", "StartUTC", "time", "request_User-Agent"),
    *("request_Referer", "request_X-Forwarded-For"),
)


def shapes() -> tuple[Pattern | JsonLines, ...]:
    """Return the two shapes of Traefik's access log."""
    clf = Pattern(
        name="traefik",
        regex=CLF,
        fields={
            "source.ip": pl.col("ip"),
            "user.name": pl.col("user"),
            "http.response.status_code": value(pl.col("status")),
            "http.response.body.bytes": value(pl.col("bytes")),
            "http.request.referrer": pl.col("referrer"),
            "user_agent.original": pl.col("agent"),
            "event.duration": nanoseconds(pl.col("duration"), 1e3),
        },
        kinds=("clf",),
        request="request",
        escaped=True,
    )
    host = pl.coalesce(value(pl.col("ClientHost")), value(pl.col("ClientAddr")))
    json = JsonLines(
        name="traefik",
        dtype=pl.Struct(dict.fromkeys(_FIELDS, pl.String)),
        seen=pl.col("ClientHost").is_not_null() & pl.col("RequestMethod").is_not_null(),
        # `time` is the moment the line was written, as in other servers' logs: in file order, where StartUTC is not.
        time=pl.coalesce("time", "StartUTC"),
        fields={
            # ClientHost is Traefik's own reading of X-Forwarded-For: a list where it believed one.
            "source.ip": host.str.extract(r"([^,\s]+)\s*$"),
            "portal.forwarded_for": pl.coalesce(
                value(pl.col("request_X-Forwarded-For")), pl.when(host.str.contains(",", literal=True)).then(host)
            ),
            "user.name": pl.col("ClientUsername"),
            "http.request.method": pl.col("RequestMethod"),
            "url.original": pl.col("RequestPath"),
            "url.domain": pl.col("RequestHost"),
            "http.version": pl.col("RequestProtocol").str.strip_prefix("HTTP/"),
            "http.response.status_code": pl.col("DownstreamStatus"),
            "http.response.body.bytes": pl.col("DownstreamContentSize"),
            "http.request.referrer": pl.col("request_Referer"),
            "user_agent.original": pl.col("request_User-Agent"),
            "event.duration": nanoseconds(pl.col("Duration"), 1e9),
        },
        kinds=("iso",),
    )
    return (*both(json), clf)
