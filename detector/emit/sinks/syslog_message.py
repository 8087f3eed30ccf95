"""One alert as a syslog message.

Source: RFC 5424, sections 6 and 9.
"""

import os
import socket
from datetime import datetime
from typing import Final, get_args

from detector.clock import rfc3339
from detector.config import ToSyslog
from detector.config.sinks.syslog import Facility
from detector.emit.alert import Alert, render

SEVERITY: Final = {"critical": 2, "high": 3, "medium": 4, "low": 5, "informational": 6}
"""From critical to informational as RFC 5424 has it."""

_FACILITIES: Final = get_args(Facility)
_ESCAPED: Final = str.maketrans({"\\": r"\\", '"': r"\"", "]": r"\]"})


def message(alert: Alert, options: ToSyslog, now: datetime) -> bytes:
    """Return the message, in one line; what it carries is trimmed to `options.max_bytes`."""
    head = _header(alert, options) + " " + _structured_data(alert, options.structured_data_id) + " "
    start = head.encode()
    return start + render(options.format, alert, now, options.max_bytes - len(start))


def _header(alert: Alert, options: ToSyslog) -> str:
    priority = _FACILITIES.index(options.facility) * 8 + SEVERITY[alert.level]
    words = (rfc3339(alert.timestamp), _host(), options.app_name, str(os.getpid()), f"incident_{alert.state}")
    return f"<{priority}>1 " + " ".join(words)


def _host() -> str:
    """Return the name of this machine, `-` where it has none that may stand in a header."""
    name = socket.gethostname()
    return name if name.isascii() and name.isprintable() and " " not in name and 0 < len(name) < 256 else "-"


def _structured_data(alert: Alert, name: str) -> str:
    told = {"id": alert.id, "incident": alert.incident_id, "level": alert.level, "rule": alert.rule_id}
    return f"[{name} " + " ".join(f'{key}="{_value(value)}"' for key, value in told.items()) + "]"


def _value(text: str) -> str:
    """Escape what ends a value, and write out what could end a line; a rule's id may be whatever its author likes."""
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:100])
    return plain.translate(_ESCAPED)
