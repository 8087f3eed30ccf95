"""Read Envoy's access log: its default text form, and the JSON form of Envoy Gateway."""

from typing import Final

import polars as pl

from detector.collect.formats.jsonlines import JsonLines, both
from detector.collect.formats.shape import Pattern, nanoseconds, value

_TEXT: Final = r'(?:[^"\\]|\\.)*'
CLF: Final = (
    r"^\[(?P<time>\d{4}-\d\d-\d\dT[^\]]*)\] "
    rf'"(?P<request>{_TEXT})" (?P<status>\d+|-) \S+(?: \S+ "{_TEXT}" "{_TEXT}")? \d+ (?P<bytes>\d+) '
    rf'(?P<duration>\d+) \S+ "(?P<forwarded>{_TEXT})" "(?P<agent>{_TEXT})" "{_TEXT}" "(?P<domain>{_TEXT})" "{_TEXT}"'
)
"""Source: Envoy documentation, "Access logging", default format string."""

_FIELDS: Final = (
    *(":authority", "bytes_sent", "downstream_remote_address", "duration", "method", "protocol", "response_code"),
    *("start_time", "user-agent", "x-envoy-origin-path", "path", ":path", "x-forwarded-for", "referer"),
)


def shapes(*, proxies_known: bool) -> tuple[Pattern | JsonLines, ...]:
    """Return the two shapes of Envoy's access log.

    The text form logs no peer, only X-Forwarded-For. Where the configuration names trusted proxies its last address
    stands for the peer, and enrichment walks on to the left; where it names none there is nothing to check the list
    against, and the first is taken, as Envoy's users read it.
    """
    forwarded = value(pl.col("forwarded"))
    peer = forwarded.str.extract(r"([^,\s]+)\s*$" if proxies_known else r"^\s*([^,\s]+)")
    clf = Pattern(
        name="envoy",
        regex=CLF,
        fields={
            "source.ip": peer,
            "portal.forwarded_for": forwarded,
            "url.domain": pl.col("domain"),
            "http.response.status_code": pl.col("status"),
            "http.response.body.bytes": pl.col("bytes"),
            "user_agent.original": pl.col("agent"),
            "event.duration": nanoseconds(pl.col("duration"), 1e3),
        },
        kinds=("iso",),
        request="request",
        escaped=True,
    )
    json = JsonLines(
        name="envoy",
        dtype=pl.Struct(dict.fromkeys(_FIELDS, pl.String)),
        seen=pl.col("start_time").is_not_null() & pl.col("response_code").is_not_null(),
        time=pl.col("start_time"),
        fields={
            "source.ip": pl.col("downstream_remote_address"),
            "portal.forwarded_for": pl.col("x-forwarded-for"),
            "http.request.method": pl.col("method"),
            "url.original": pl.coalesce("x-envoy-origin-path", "path", ":path"),
            "url.domain": pl.col(":authority"),
            "http.version": pl.col("protocol").str.strip_prefix("HTTP/"),
            "http.response.status_code": pl.col("response_code"),
            "http.response.body.bytes": pl.col("bytes_sent"),
            "http.request.referrer": pl.col("referer"),
            "user_agent.original": pl.col("user-agent"),
            "event.duration": nanoseconds(pl.col("duration"), 1e3),
        },
        kinds=("iso",),
    )
    return (*both(json), clf)
