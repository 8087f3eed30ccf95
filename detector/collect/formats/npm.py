"""Read the access log of nginx-proxy-manager."""

from typing import Final

import polars as pl

from detector.collect.formats.shape import Pattern, value

_TEXT: Final = r'(?:[^"\\]|\\.)*'
ENTRY: Final = (
    r"^\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] (?:\S+ (?:\d{3}|-)(?:, \d{3})* )?"
    rf'(?P<status>\d{{3}}) - (?P<method>\S+) \S+ (?P<domain>\S+) "(?P<target>{_TEXT})" '
    r"\[Client (?P<ip>\S+)\] \[Length (?P<bytes>\d+|-)\] \[Gzip \S+\](?: \[Sent-to [^\]]*\])? "
    rf'"(?P<agent>{_TEXT})" "(?P<referrer>{_TEXT})"'
)
"""Source: nginx-proxy-manager, its log formats `proxy` and `standard`."""


def shapes() -> tuple[Pattern, ...]:
    """Return the shape of nginx-proxy-manager's own lines; it also writes combined and error lines."""
    return (
        Pattern(
            name="nginx_proxy_manager",
            regex=ENTRY,
            fields={
                "source.ip": pl.col("ip"),
                "http.request.method": pl.col("method"),
                "url.original": pl.col("target"),
                "url.domain": pl.col("domain"),
                "http.response.status_code": pl.col("status"),
                "http.response.body.bytes": value(pl.col("bytes")),
                "http.request.referrer": pl.col("referrer"),
                "user_agent.original": pl.col("agent"),
            },
            kinds=("clf",),
            escaped=True,
        ),
    )
