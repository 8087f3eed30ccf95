"""What a SIEM receives: one record, written in the words of each.

Contract: an alert is complete when it is made; writing it adds the moment of writing, and takes away only what does
not fit, which it counts.
"""

import json
from datetime import datetime
from typing import Final

from detector.emit.alert.as_asim import asim
from detector.emit.alert.as_cef import cef
from detector.emit.alert.as_cim import cim
from detector.emit.alert.as_ecs import ecs
from detector.emit.alert.as_gelf import gelf
from detector.emit.alert.as_leef import leef
from detector.emit.alert.as_ocsf import ocsf
from detector.emit.alert.as_text import text
from detector.emit.alert.fit import MOST_BYTES, fit
from detector.emit.alert.record import Alert, Reason, Trimmed, Writer

WRITERS: Final[dict[str, Writer]] = {
    "ecs": ecs,
    "ocsf": ocsf,
    "cef": cef,
    "leef": leef,
    "cim": cim,
    "asim": asim,
    "gelf": gelf,
    "text": text,
}
"""By the name that `--format` and the configuration use. Called as they are they leave nothing out."""

FORMATS: Final = tuple(WRITERS)


def render(form: str, alert: Alert, created: datetime, most: int = MOST_BYTES) -> bytes:
    """Return `alert` as one line of at most `most` bytes, without its end; a `most` below 4,500 may not be kept.

    What is JSON is compact, and ASCII so that no terminal obeys it; lines of text are UTF-8. `created` is when it is
    written. Raises: KeyError for a format that is not in FORMATS.
    """
    write = WRITERS[form]
    return fit(alert, lambda part, trimmed: _line(write, part, created, trimmed), most)


def _line(write: Writer, alert: Alert, created: datetime, trimmed: Trimmed) -> bytes:
    written = write(alert, created, trimmed)
    return (written if isinstance(written, str) else json.dumps(written, separators=(",", ":"))).encode()


__all__ = ["FORMATS", "WRITERS", "Alert", "Reason", "Writer", "ecs", "ocsf", "render"]
