"""Read Apereo CAS' audit trail, one line an entry."""

from typing import Final

import polars as pl

from detector.collect.formats.shape import Pattern, value

ENTRY: Final = (
    r"^(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[,.]\d+)?\S*) \w+ +\[[^\]]*AuditTrailManager\] -? ?"
    r"[^|]*\|[^|]*\|(?P<what>.*?)\|(?P<action>[A-Z_]+)\|(?P<user>.*)\|(?P<ip>[^|]*)\|[^|]*$"
)
"""Source: Apereo CAS, inspektr's single-line audit: date|application|what|action|who|client|server."""

_FAILED: Final = r"FAILED|FAILURE|NOT_|DENIED|REJECTED|INVALID"


def shapes() -> tuple[Pattern, ...]:
    """Return the shape of an audit entry.

    The name a client typed may hold the separator, and so pretend to another action or user; it cannot touch the
    addresses, last in the line. Such an entry is kept as a failed log-on of nobody if it is one, else refused.
    """
    forged = pl.col("what").str.contains("|", literal=True) | pl.col("user").str.contains("|", literal=True)
    a_failure = pl.concat_str("what", "action", "user", separator="|").str.contains(
        "|AUTHENTICATION_FAILED|", literal=True
    )
    action = pl.when(forged).then(pl.lit("AUTHENTICATION_FAILED")).otherwise("action")
    failed = action.str.contains(_FAILED)
    user = pl.col("user").str.strip_prefix("audit:")
    return (
        Pattern(
            name="cas",
            regex=ENTRY,
            fields={
                "source.ip": pl.col("ip"),
                "user.name": pl.when(~forged & (user != "unknown")).then(value(user)),
                "event.action": action,
                "event.outcome": pl.when(failed).then(pl.lit("failure")).otherwise(pl.lit("success")),
            },
            kinds=("iso",),
            refuse={"audit entry with the separator in a field": forged & ~a_failure},
        ),
    )
