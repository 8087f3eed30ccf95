"""What shall raise nothing: the configured exceptions, each with its reason and its end."""

import ipaddress
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from detector.config import Allow
from detector.emit.evidence import Signal


class AllowList:
    """The exceptions that hold at a signal's event time.

    An entry fits when everything it names fits: its accounts, its networks, its rules. A campaign has no account of its
    own: there the entry must name all of its accounts, or all of their addresses.
    """

    def __init__(self, entries: Sequence[Allow], zone: ZoneInfo) -> None:
        self._zone = zone
        self._entries = [(one, [ipaddress.ip_network(net) for net in one.networks]) for one in entries]

    def allows(self, signal: Signal) -> bool:
        """Say whether an entry covers the signal. Its last day counts whole, in local time."""
        if not self._entries:
            return False
        users, addresses = _of(signal)
        moment: datetime = signal["@timestamp"]
        day = moment.astimezone(self._zone).date()
        return any(
            day <= entry.until
            and (not entry.accounts or set(users) <= set(entry.accounts))
            and (not nets or all(_inside(address, nets) for address in addresses))
            and (not entry.rules or signal["rule.id"] in entry.rules or signal["rule.name"] in entry.rules)
            for entry, nets in self._entries
        )


def _of(signal: Signal) -> tuple[list[str | None], list[str | None]]:
    """Return the accounts and the addresses that an entry must cover."""
    if signal["signal.kind"] == "model" and signal["user.name"] is None:
        return signal["related.user"] or [None], signal["related.ip"] or [None]
    return [signal["user.name"]], [signal["source.ip"]]


def _inside(text: str | None, nets: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return False
    return any(address in net for net in nets)
