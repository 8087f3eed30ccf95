"""What shall raise nothing: the configured exceptions, each with its reason and its end."""

import ipaddress
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from detector.config import Allow
from detector.emit.evidence import Signal


class AllowList:
    """The exceptions that hold at a signal's event time.

    An entry fits when everything it names fits: its accounts, its networks, its rules.
    """

    def __init__(self, entries: Sequence[Allow], zone: ZoneInfo) -> None:
        self._zone = zone
        self._entries = [(one, [ipaddress.ip_network(net) for net in one.networks]) for one in entries]

    def allows(self, signal: Signal) -> bool:
        """Say whether an entry covers the signal. Its last day counts whole, in local time."""
        if not self._entries:
            return False
        moment: datetime = signal["@timestamp"]
        day = moment.astimezone(self._zone).date()
        return any(
            day <= entry.until
            and (not entry.accounts or signal["user.name"] in entry.accounts)
            and (not nets or _inside(signal["source.ip"], nets))
            and (not entry.rules or signal["rule.id"] in entry.rules or signal["rule.name"] in entry.rules)
            for entry, nets in self._entries
        )


def _inside(text: str | None, nets: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return False
    return any(address in net for net in nets)
