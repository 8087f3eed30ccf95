"""The alert itself, free of any SIEM's names, and the way it is kept in the outbox."""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from detector.language import Language

State = Literal["opened", "escalated", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason, in numbers: `surprise` is -log10 of a tail probability, None where a rule gave none."""

    feature: str
    observed: float | None
    expected: float | None
    unit: str | None
    surprise: float | None
    history_days: int | None
    baseline: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing the security team is told. Times are event times; `risk` is 0 to 100. `language` is what it speaks."""

    id: str
    timestamp: datetime
    start: datetime
    end: datetime
    level: str
    risk: float
    rule_id: str
    rule_name: str
    rule_category: str
    rule_version: str
    account: str | None
    users: tuple[str, ...]
    source_ip: str | None
    ips: tuple[str, ...]
    techniques: tuple[str, ...]
    tactics: tuple[str, ...]
    country: str | None
    network: str | None
    client: str | None
    message: str
    next_step: str
    incident_id: str
    state: State
    related_incidents: tuple[str, ...]
    reasons: tuple[Reason, ...]
    signals_count: int
    subjects_count: int
    language: Language = "en"

    def as_json(self) -> str:
        """Write the alert for the outbox: plain text, read back by `from_json` without loss."""
        return json.dumps(asdict(self), default=datetime.isoformat, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Alert":
        """Read what `as_json` wrote. Raises: KeyError where a field is missing."""
        tree: dict[str, Any] = json.loads(text)
        tree |= {name: datetime.fromisoformat(tree[name]) for name in ("timestamp", "start", "end")}
        tree["reasons"] = tuple(Reason(**reason) for reason in tree["reasons"])
        known = (one.name for one in fields(cls) if one.name in tree or one.default is MISSING)
        return cls(**{name: _frozen(tree[name]) for name in known})


Trimmed = Mapping[str, int]
"""How much of an alert was left out so that it fits: `users`, `addresses`, `reasons`, `characters` and the like."""

WHOLE: Final[Trimmed] = MappingProxyType({})

Writer = Callable[[Alert, datetime, Trimmed], Mapping[str, Any] | str]
"""Makes the document of an alert, or its line; the moment is when it is written (`event.created`)."""


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
