"""Take off what a transport puts before a line: a container runtime's prefix, or syslog's."""

from typing import Final

import polars as pl

CRI: Final = r"^\d{4}-\d\d-\d\dT\S+ (?:stdout|stderr) F "
"""Source: Kubernetes' CRI logging format: time, stream, tag, message. A partial line (tag P) stays as it is."""

SYSLOG: Final = (
    r"^(?:<\d{1,3}>)?(?:1 )?"
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)) "
    r"(?:\S+ )?[\w./-]+(?:\[\d+\]: |: | \S+ \S+ (?:-|\[.*?\]) )"
)
"""Source: RFC 3164 4.1 and RFC 5424 6 (header), as rsyslog and journald write them to files."""


def opened(lines: pl.Series) -> pl.Series:
    """Return the lines without their envelope.

    Shapes: String -> String, same rows; null where there was none.
    """
    line = pl.col("line")
    bare = pl.when(line.str.contains(CRI)).then(line.str.replace(CRI, "")).when(line.str.contains(SYSLOG))
    return lines.to_frame("line").select(bare.then(line.str.replace(SYSLOG, ""))).to_series()
