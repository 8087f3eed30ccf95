"""Cut an alert down to what one syslog message carries: by field and by name, never through the middle of the JSON.

What was left out is counted, so that nobody takes a part for the whole.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from detector.emit.alert.record import Alert, Reason, Trimmed

MOST_BYTES: Final = 7_800
"""A rendered alert has no more bytes.

Source: rsyslog's default `$MaxMessageSize` of 8,096 bytes, less a syslog header; it splits what is longer.
"""


@dataclass(frozen=True, slots=True)
class Room:
    """What an alert may hold: bytes a list of names, reasons, bytes a text; bytes as JSON in ASCII has them."""

    names: int
    reasons: int
    text: int


ROOMS: Final = (
    Room(3000, 12, 1000),
    Room(1500, 12, 800),
    Room(800, 12, 600),
    Room(800, 8, 400),
    Room(400, 5, 300),
    Room(200, 3, 200),
    Room(120, 1, 100),
)
"""Tried in this order. The first holds whatever `emit` makes of ordinary names; the last fits in 4,500 bytes."""

_ELLIPSIS: Final = "…"
_OURS: Final = {"id", "incident_id", "level", "state", "rule_category", "language"}
"""Made by this program: short, and not to be touched."""

_LISTS: Final = {"users": "users", "ips": "addresses", "techniques": "techniques", "tactics": "tactics",
                 "related_incidents": "incidents"}  # fmt: skip


def fit(alert: Alert, write: Callable[[Alert, Trimmed], bytes], most: int = MOST_BYTES) -> bytes:
    """Return what `write` makes of as much of `alert` as fits; it is told how much of what was left out."""
    line = b""
    for room in ROOMS:
        part, trimmed = within(alert, room)
        line = write(part, trimmed)
        if len(line) <= most:
            break
    return line


def within(alert: Alert, room: Room) -> tuple[Alert, Trimmed]:
    """Return the part of `alert` that `room` holds, and counts: of names, reasons and characters left out."""
    cut: Counter[str] = Counter()
    part: dict[str, Any] = {}
    for one in fields(alert):
        value = getattr(alert, one.name)
        if isinstance(value, str) and one.name not in _OURS:
            part[one.name] = _shortened(value, room.text, cut)
        elif one.name in _LISTS:
            part[one.name] = kept = _first(value, room, cut)
            cut[_LISTS[one.name]] += len(value) - len(kept)
    part["reasons"] = tuple(_reason(one, room, cut) for one in alert.reasons[: room.reasons])
    cut["reasons"] += len(alert.reasons) - len(part["reasons"])
    return replace(alert, **part), {what: count for what, count in cut.items() if count}


def short(text: str, most: int) -> str:
    """Return `text` in at most `most` bytes as JSON writes it, an ellipsis in the place of what was cut off."""
    if 12 * len(text) <= most:  # an emoji is two escapes of six bytes
        return text
    head = text[:most]
    if len(head) == len(text) and _written(text) <= most:
        return text
    room = most - _written(_ELLIPSIS)
    return head[: bisect_right(range(len(head) + 1), room, key=lambda n: _written(head[:n])) - 1] + _ELLIPSIS


def _written(text: str) -> int:
    return len(json.dumps(text)) - 2


def _shortened(text: str, most: int, cut: Counter[str]) -> str:
    kept = short(text, most)
    cut["characters"] += _lost(text, kept)
    return kept


def _lost(text: str, kept: str) -> int:
    return 0 if kept == text else len(text) - len(kept) + len(_ELLIPSIS)


def _first(names: Iterable[str], room: Room, cut: Counter[str]) -> tuple[str, ...]:
    """Return the first names, as many as there is room for; at least two, as one would pass for the only one."""
    kept: list[str] = []
    left = room.names
    for name in names:
        given = short(name, room.text)
        left -= _written(given) + 3  # quotes and a comma
        if left < 0 and len(kept) > 1:
            break
        kept.append(given)
        cut["characters"] += _lost(name, given)
    return tuple(kept)


def _reason(reason: Reason, room: Room, cut: Counter[str]) -> Reason:
    return replace(
        reason,
        feature=_shortened(reason.feature, room.text, cut),
        unit=reason.unit and _shortened(reason.unit, room.text, cut),
        baseline=reason.baseline and _shortened(reason.baseline, room.text, cut),
        text=_shortened(reason.text, room.text, cut),
    )
