"""Read AWS Application Load Balancer access logs."""

from typing import Final

import polars as pl

from detector.collect.formats.shape import Pattern, nanoseconds, value

_TEXT: Final = r'(?:[^"\\]|\\.)*'
ENTRY: Final = (
    r"^(?:http|https|h2|grpcs|ws|wss) (?P<answered>\d{4}-\d\d-\d\dT\S+Z) \S+ (?P<ip>\S+) \S+ "
    r"(?P<request_s>-?[\d.]+) (?P<target_s>-?[\d.]+) (?P<response_s>-?[\d.]+) "
    r"(?P<status>\d{3}|-) (?:\d{3}|-) -?\d+ (?P<bytes>-?\d+) "
    rf'"(?P<method>\S+) (?:(?:https?|wss?)://(?P<domain>\[[^\]]*\]|[^\s:/"]*)(?::\d+)?)?'
    rf'(?P<target>{_TEXT}?)(?: HTTP/(?P<version>[\d.]+)| -)?" "(?P<agent>{_TEXT})" '
    rf'(?:\S+ \S+ \S+ "{_TEXT}" "{_TEXT}" "{_TEXT}" \S+ (?P<created>\d{{4}}-\d\d-\d\dT\S+Z) )?'
)
"""Source: Elastic Load Balancing user guide, "Access log entries". Fields added behind these do not matter here."""


def shapes() -> tuple[Pattern, ...]:
    """Return the shape of a load balancer's entry.

    Its URL is cut into domain and target, as other servers log it; its moment is when the request came.
    """
    seconds = [pl.col(name).cast(pl.Float64, strict=False) for name in ("request_s", "target_s", "response_s")]
    answered = pl.all_horizontal(one >= 0 for one in seconds)
    return (
        Pattern(
            name="aws_alb",
            regex=ENTRY,
            fields={
                "source.ip": pl.col("ip"),
                "http.request.method": value(pl.col("method")),
                "url.original": value(pl.col("target")),
                "url.domain": pl.col("domain"),
                "http.version": pl.col("version"),
                "http.response.status_code": value(pl.col("status")),
                "http.response.body.bytes": value(pl.col("bytes")),
                "user_agent.original": pl.col("agent"),
                "event.duration": pl.when(answered).then(nanoseconds(pl.sum_horizontal(seconds).cast(pl.String), 1.0)),
            },
            kinds=("iso",),
            time=pl.coalesce("created", "answered"),
            escaped=True,
        ),
    )
