"""Take off what a transport puts before a line: a container runtime's prefix, or syslog's."""

from typing import Final

import polars as pl

CRI: Final = r"^\d{4}-\d\d-\d\dT\S+ (?:stdout|stderr) F "
"""Source: Kubernetes' CRI logging format: time, stream, tag, message. A partial line (tag P) stays as it is."""

_PRIORITY: Final = r"<(?:\d{1,2}|1[0-8]\d|19[01])>"
_ISO: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)"
_OLD: Final = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?"

RFC_3164: Final = rf"(?:{_PRIORITY})?(?:{_OLD}|{_ISO}) (?:\S*[^\s:] )?[^\s:\[\]]+(?:\[[^\]\s]*\])?: "
"""Source: RFC 3164 4.1, as syslog daemons write it to files too; nginx and HAProxy leave out the host when told to."""

_VALUE: Final = r'"(?:[^"\\]|\\.)*"'
_STRUCTURED: Final = rf'(?:-|(?:\[[^\s=\]"]+(?: [^\s=\]"]+={_VALUE})*\])+)'
RFC_5424: Final = (
    rf"(?:(?:{_PRIORITY})?1 (?:{_ISO}|-)|(?:{_PRIORITY})?{_ISO})"
    rf" \S+ \S+ \S+ \S+ {_STRUCTURED} (?:\x{{feff}})?"
)
"""Source: RFC 5424 6; the version is missing in what some daemons write to files."""

SYSLOG: Final = rf"^(?:{RFC_3164}|{RFC_5424}|{_PRIORITY})"
"""A priority by itself is what HAProxy sends with `format priority`."""


BEGINNING: Final = r"^(?:<|[A-Z][a-z]{2} [ \d]\d |\d{4}-\d\d-\d\dT)"
"""What every envelope begins like: only such lines are looked at closer."""


def opened(lines: pl.Series) -> pl.Series:
    """Return the lines without their envelope.

    Shapes: String -> String, same rows; null where there was none.
    """
    line = pl.col("line")
    bare = pl.when(line.str.contains(CRI)).then(line.str.replace(CRI, "")).otherwise(line.str.replace(SYSLOG, ""))
    return lines.to_frame("line").select(pl.when(bare != line).then(bare)).to_series()


def received(lines: pl.DataFrame) -> pl.DataFrame:
    """Take off syslog headers that begin with a priority, as what comes over a socket has it.

    Shapes: {line: String, ...}, same rows.
    """
    line = pl.col("line")
    return lines.with_columns(pl.when(line.str.starts_with("<")).then(line.str.replace(SYSLOG, "")).otherwise(line))
