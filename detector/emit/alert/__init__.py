"""What a SIEM receives: one record, written in the words of each.

Contract: an alert is complete when it is made; writing it adds the moment of writing and nothing else.
"""

import json
from datetime import datetime
from typing import Final

from detector.emit.alert.as_ecs import ecs
from detector.emit.alert.as_ocsf import ocsf
from detector.emit.alert.record import Alert, Reason, Writer

WRITERS: Final[dict[str, Writer]] = {"ecs": ecs, "ocsf": ocsf}
"""By the name that `--format` and the configuration use."""

FORMATS: Final = tuple(WRITERS)


def render(form: str, alert: Alert, created: datetime) -> bytes:
    """Return `alert` as one line without its end; what is JSON is compact, and ASCII so that no terminal obeys it.

    `created` is when it is written. Raises: KeyError for a format that is not in FORMATS.
    """
    written = WRITERS[form](alert, created)
    return (written if isinstance(written, str) else json.dumps(written, separators=(",", ":"))).encode()


__all__ = ["FORMATS", "WRITERS", "Alert", "Reason", "Writer", "ecs", "ocsf", "render"]
