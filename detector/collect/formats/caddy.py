"""Read Caddy's access log (JSON)."""

from typing import Final

import polars as pl

from detector.collect.formats.jsonlines import JsonLines
from detector.collect.formats.shape import nanoseconds

_HEADERS: Final = ("User-Agent", "Referer", "X-Forwarded-For")
_REQUEST: Final = ("remote_ip", "client_ip", "remote_addr", "proto", "method", "host", "uri")
DTYPE: Final = pl.Struct(
    {
        "ts": pl.String,
        "user_id": pl.String,
        "duration": pl.String,
        "size": pl.String,
        "status": pl.String,
        "request": pl.Struct(
            dict.fromkeys(_REQUEST, pl.String) | {"headers": pl.Struct(dict.fromkeys(_HEADERS, pl.List(pl.String)))}
        ),
    }
)


def shapes() -> tuple[JsonLines, ...]:
    """Return the shape of Caddy's access log.

    `client_ip` is what Caddy made of X-Forwarded-For and its own trusted proxies; `host` is the Host header as sent.
    """
    request = pl.col("request").struct
    headers = request.field("headers").struct
    status = pl.col("status")
    return (
        JsonLines(
            name="caddy",
            dtype=DTYPE,
            seen=request.field("method").is_not_null() & request.field("uri").is_not_null(),
            time=pl.col("ts"),
            fields={
                "source.ip": pl.coalesce(
                    request.field("client_ip"), request.field("remote_ip"), request.field("remote_addr")
                ),
                "portal.forwarded_for": headers.field("X-Forwarded-For").list.join(", "),
                "user.name": pl.col("user_id"),
                "http.request.method": request.field("method"),
                "url.original": request.field("uri"),
                "url.domain": request.field("host"),
                "http.version": request.field("proto").str.strip_prefix("HTTP/"),
                "http.response.status_code": status,
                "http.response.body.bytes": pl.col("size"),
                "http.request.referrer": headers.field("Referer").list.first(),
                "user_agent.original": headers.field("User-Agent").list.first(),
                "event.duration": nanoseconds(pl.col("duration").str.strip_chars_end("s"), 1.0),
                "event.outcome": pl.when(status == "401").then(pl.lit("failure")),
            },
            kinds=("epoch", "iso"),
        ),
    )
