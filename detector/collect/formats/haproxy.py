"""Read HAProxy's HTTP log, and its line about a TLS handshake that failed."""

from typing import Final

import polars as pl

from detector.collect.formats.shape import Pattern, nanoseconds, value

_CLIENT: Final = r"^(?P<ip>\S+):\d+ \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)?)\] "
HTTP: Final = (
    _CLIENT + r"\S+ \S+ "
    r"(?:-?\d+/){4}\+?(?P<duration>-?\d+) (?P<status>-?\d+) \+?(?P<bytes>\d+) \S+ \S+ \S{4} "
    r'(?:\d+/){4}\+?\d+ \d+/\d+(?: \{[^"]*\}){0,2} "(?P<request>.*?)"?(?P<tail>)$'
)
"""Source: HAProxy configuration manual 8.2.3. A request cut short by HAProxy has no closing quote."""

HANDSHAKE: Final = _CLIENT + r"\S+: SSL handshake failure"


def shapes() -> tuple[Pattern, ...]:
    """Return the shapes of HAProxy's lines."""
    http = Pattern(
        name="haproxy",
        regex=HTTP,
        fields={
            "source.ip": pl.col("ip"),
            "http.response.status_code": pl.when(pl.col("status") != "-1").then(pl.col("status")),
            "http.response.body.bytes": pl.col("bytes"),
            "event.duration": nanoseconds(pl.col("duration"), 1e3),
        },
        kinds=("clf_local",),
        request="request",
    )
    handshake = Pattern(
        name="haproxy",
        regex=HANDSHAKE,
        fields={
            "source.ip": value(pl.col("ip")),
            "event.action": pl.lit("tls_handshake"),
            "event.outcome": pl.lit("failure"),
            "error.message": pl.lit("TLS handshake failure"),
        },
        kinds=("clf_local",),
    )
    return http, handshake
