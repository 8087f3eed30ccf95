"""A blocklist: entries, and what was left out of it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from detector.clock import rfc3339
from detector.emit.alert.plain import printable
from detector.inquire.state import OpenIncident


@dataclass(frozen=True, slots=True)
class Entry:
    """An address or an account, and the gravest open incident that it is listed for."""

    value: str
    incident: OpenIncident

    @property
    def why(self) -> str:
        """What it is listed for, in one printable line."""
        one = self.incident
        return printable(f"incident {one.id}, {one.level}, since {rfc3339(one.start)}: {one.rule_name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocklist:
    """What may be blocked from `made` until `until`."""

    made: datetime
    until: datetime
    level: str
    incidents_count: int
    addresses: tuple[Entry, ...]
    accounts: tuple[Entry, ...]
    left_out: Counter[str]
    """Reason: number of addresses or accounts."""

    def remarks(self) -> list[str]:
        """Return what a reader of the list must know, a line each."""
        lines = [
            f"portal-detector, {rfc3339(self.made)}: {_number(len(self.addresses), 'address', 'es')} and"
            f" {_number(len(self.accounts), 'account')} of {_number(self.incidents_count, 'open incident')}"
            f" of level {self.level} or worse.",
            f"Good until {rfc3339(self.until)}; export it anew before. Nothing is blocked by itself: look at it first.",
        ]
        return lines + [f"Left out: {count}: {reason}." for reason, count in sorted(self.left_out.items())]


def _number(count: int, what: str, more: str = "s") -> str:
    return f"{count} {what}{more if count != 1 else ''}"
