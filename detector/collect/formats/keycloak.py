"""Read Keycloak's log-on events, as its logging listener writes them: as text, or in Quarkus' JSON."""

from typing import Final

import polars as pl

from detector.collect.formats.jsonlines import JsonLines
from detector.collect.formats.shape import Pattern

EVENT: Final = (
    r"^(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[,.]\d+(?:Z|[+-]\d\d:?\d\d)?) +[A-Z]+ +\[org\.key[\w.]*\.events\] "
    r'\([^)]*\) (?P<event>type="?[A-Z0-9_]+.*)$'
)
_USERNAME: Final = r'[ ,]username="?(.*?)"?(?:, [A-Za-z_]+=.*)?$'
_ERROR: Final = r'[ ,]error="?([a-z_]{1,64})"?(?:,|$)'
"""Words only: what a listener appends freely (`reason`) may quote what the client sent."""


def _fields(event: pl.Expr) -> dict[str, pl.Expr]:
    """Take the event's fields. The first type and address are Keycloak's own: they stand before what a client sent.

    Where `username=` comes twice (within a redirect address, say) nobody can tell which is meant, and none is taken.
    """
    kind = event.str.extract(r'^type="?([A-Z0-9_]+)')
    named = event.str.count_matches("username=", literal=True) == 1
    return {
        "source.ip": event.str.extract(r'[ ,]ipAddress="?([^",\s]+)'),
        "user.name": pl.when(named).then(event.str.extract(_USERNAME)),
        "portal.session": event.str.extract(r'[ ,]sessionId="?([\w-]+)'),
        "event.action": kind,
        "event.outcome": pl.when(kind.str.ends_with("_ERROR")).then(pl.lit("failure")).otherwise(pl.lit("success")),
        "error.message": event.str.extract(_ERROR),
    }


def shapes() -> tuple[Pattern | JsonLines, ...]:
    """Return the two shapes of Keycloak's events. Other lines of its log are refused."""
    text = Pattern(name="keycloak", regex=EVENT, fields=_fields(pl.col("event")), kinds=("iso",))
    message = pl.col("message")
    json = JsonLines(
        name="keycloak",
        dtype=pl.Struct(dict.fromkeys(("timestamp", "loggerName", "message"), pl.String)),
        seen=pl.col("loggerName").str.ends_with("keycloak.events") & message.str.contains('^type="?[A-Z]'),
        time=pl.col("timestamp"),
        fields=_fields(message),
        kinds=("iso",),
    )
    return text, json
