"""Read Authelia's log of authentication attempts, as text (logfmt) or JSON."""

from typing import Final

import polars as pl

from detector.collect.formats.jsonlines import JsonLines
from detector.collect.formats.shape import Pattern

_TEXT: Final = r'(?:[^"\\]|\\.)*'
LOGFMT: Final = (
    rf'^time="(?P<time>[^"]*)" level=\w+ msg="(?P<message>{_TEXT})"(?: error=(?:"{_TEXT}"|\S+))?'
    rf'(?: \w+=(?:"{_TEXT}"|[^\s"]*))*? remote_ip=(?P<ip>[^\s"]+)(?: |$)'
)
_ATTEMPT: Final = (
    r"^(?P<result>Unsuccessful|Successful) (?P<factor>\w+) authentication attempt "
    r"(?:made )?by user '(?P<user>.*?)'(?:: .*)?$"
)
_MISSING: Final = r"^Error occurred getting details for user with username input '(?P<user>.*)' which usually"


def _fields(message: pl.Expr, ip: pl.Expr) -> dict[str, pl.Expr]:
    attempt = message.str.extract_groups(_ATTEMPT).struct
    missing = message.str.extract_groups(_MISSING).struct.field("user")
    factor = attempt.field("factor").str.to_lowercase()
    return {
        "source.ip": ip,
        "user.name": pl.coalesce(attempt.field("user"), missing),
        "event.action": pl.lit("authentication_") + factor.fill_null("1fa"),
        "event.outcome": pl.when(attempt.field("result") == "Successful")
        .then(pl.lit("success"))
        .otherwise(pl.lit("failure")),
        "error.message": pl.when(missing.is_not_null() | message.str.ends_with(": user not found")).then(
            pl.lit("user not found")
        ),
    }


def _tells(message: pl.Expr) -> pl.Expr:
    return message.str.contains(_ATTEMPT) | message.str.contains(_MISSING)


def shapes() -> tuple[Pattern | JsonLines, ...]:
    """Return the two shapes of Authelia's log. Lines that are no attempt to log on are refused."""
    message = pl.col("message")
    unquoted = message.str.replace_all('\\\\(["\\\\])', "$1")
    text = Pattern(
        name="authelia",
        regex=LOGFMT,
        fields=_fields(unquoted, pl.col("ip")),
        kinds=("iso",),
        refuse={"a log line without a log-on": ~_tells(unquoted)},
    )
    json = JsonLines(
        name="authelia",
        dtype=pl.Struct(dict.fromkeys(("time", "msg", "remote_ip"), pl.String)),
        seen=_tells(pl.col("msg")) & pl.col("remote_ip").is_not_null(),
        time=pl.col("time"),
        fields=_fields(pl.col("msg"), pl.col("remote_ip")),
        kinds=("iso",),
    )
    return text, json
