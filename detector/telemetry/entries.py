"""Write the program's own log to standard error: one line an entry, for people, collectors or the journal."""

import json
import logging
import os
import sys
from typing import Final, TextIO

from detector import clock

log: Final = logging.getLogger("detector")


class KeyValue(logging.Formatter):
    """One line an entry, `key=value`: time, level, message, then what the entry carries."""

    def format(self, record: logging.LogRecord) -> str:
        """Write `record`. Values are quoted where a space, a quote or a control character stands in them."""
        pairs: dict[str, object] = {
            "time": clock.rfc3339(clock.now()),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        pairs |= {name: value for name, value in _carried(record).items() if name not in pairs}
        return " ".join(f"{name}={_quoted(str(value))}" for name, value in pairs.items())


class EcsJson(logging.Formatter):
    """One JSON object a line, in ECS's names; what the entry carries is under `labels`."""

    alone: Final = True
    """Who reads the entries takes nothing else beside them."""

    def format(self, record: logging.LogRecord) -> str:
        """Write `record`."""
        told = {
            "@timestamp": clock.rfc3339(clock.now()),
            "log.level": record.levelname.lower(),
            "message": record.getMessage(),
            "ecs.version": "9.4.0",
            "labels": {name: str(value) for name, value in _carried(record).items()},
        }
        return json.dumps({name: value for name, value in told.items() if value})


_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every entry has."""


def _carried(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _OWN}


_PRIORITIES: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
"""Of syslog(3). Source: sd-daemon(3), which has the journal look for them at the beginning of a line."""


class _ToStderr(logging.StreamHandler[TextIO]):
    """Standard error; where the journal reads it, each line says how grave it is."""

    def format(self, record: logging.LogRecord) -> str:
        """Write `record` as the formatter does, behind its priority."""
        text = super().format(record)
        return f"<{_PRIORITIES.get(record.levelno, 5)}>{text}" if _into_journal(self.stream) else text


def _into_journal(stream: TextIO) -> bool:
    """Whether the journal reads `stream`. Source: systemd.exec(5), $JOURNAL_STREAM: device and inode."""
    told = os.environ.get("JOURNAL_STREAM")
    if not told:
        return False
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # what a test puts in its place is no file
        return False
    return told == f"{found.st_dev}:{found.st_ino}"


def log_to_stderr(level: str, form: str | None = None) -> None:
    """Send the program's log to standard error from `level` (debug, info, warning, error) on.

    `form`: text or json; None for the one in force, text at first.
    """
    forms = {"json": EcsJson(), "text": KeyValue()}
    former = next((one.formatter for one in log.handlers), None)
    handler = _ToStderr(sys.stderr)
    handler.setFormatter(forms[form] if form else former or forms["text"])
    log.handlers[:] = [handler]
    log.setLevel(level.upper())
    log.propagate = False


def _quoted(text: str) -> str:
    plain = text and text.isprintable() and not set(text) & {" ", '"', "="}
    return text if plain else '"' + text.encode("unicode_escape").decode().replace('"', '\\"') + '"'
