"""Read MITRE ATT&CK's tactics and techniques out of Sigma tags."""

import re
from collections.abc import Iterable
from typing import Final

TACTICS: Final = {
    "reconnaissance": "TA0043",
    "resource-development": "TA0042",
    "initial-access": "TA0001",
    "execution": "TA0002",
    "persistence": "TA0003",
    "privilege-escalation": "TA0004",
    "defense-evasion": "TA0005",
    "credential-access": "TA0006",
    "discovery": "TA0007",
    "lateral-movement": "TA0008",
    "collection": "TA0009",
    "exfiltration": "TA0010",
    "command-and-control": "TA0011",
    "impact": "TA0040",
}
"""Tactic's name in a tag: its id. Source: ATT&CK Enterprise v17; older rules write underscores."""


def techniques(tags: Iterable[str]) -> tuple[str, ...]:
    """Give the technique ids, `T1078.004`, in the order of the tags."""
    return tuple(tag[7:].upper() for tag in tags if re.fullmatch(r"attack\.t\d{4}(\.\d{3})?", tag.lower()))


def tactics(tags: Iterable[str]) -> tuple[str, ...]:
    """Give the tactic ids, `TA0006`, in the order of the tags."""
    names = (tag.lower().removeprefix("attack.").replace("_", "-") for tag in tags if tag.lower().startswith("attack."))
    return tuple(TACTICS[name] for name in names if name in TACTICS)
