"""What a scope is asked for: accounts, sessions, addresses, a span of time; by name, or by an incident's id."""

import ipaddress
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from detector.collect.enrich.address import parse_address
from detector.errors import DetectorError
from detector.inquire.chronicle import find, incidents
from detector.inquire.state import alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose requests are looked at: of any of these accounts, sessions (as logged) or addresses (canonical).

    What comes from an address or session asked for is the attacker's. `suspect` addresses raised alerts: what comes
    from there is the attacker's unless the account sends claims from there too.
    """

    accounts: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    suspect: frozenset[str] = frozenset()
    incident: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def canonical(texts: Iterable[str]) -> frozenset[str]:
    """Return addresses as events spell them. Raises: DetectorError for what is no address."""
    found = {text: parse_address(text) for text in texts}
    wrong = [text for text, address in found.items() if address is None]
    if wrong:
        raise DetectorError("\n".join(f"{text!r} is no address; required one such as 192.0.2.7" for text in wrong))
    return frozenset(map(str, found.values()))


def of_incident(database: sqlite3.Connection, asked: str) -> Asked:
    """Return the id and the accounts of an incident, and as suspect the addresses that raised its alerts.

    `asked` is its id, one of its alerts', or the beginning of either. Raises: InputError when the state keeps none.
    """
    told = find(incidents(alerts(database)), asked)
    accounts = {name for alert in told.alerts for name in (alert.account, *alert.users) if name is not None}
    raised = canonical(alert.source_ip for alert in told.alerts if alert.source_ip is not None)
    return Asked(accounts=frozenset(accounts), suspect=raised, incident=told.id)


def spellings(address: str) -> set[str]:
    """Return how logs spell an address: IPv6 shortened or in full, in either case."""
    read = ipaddress.ip_address(address)
    if read.version == 4:
        return {address}
    plain = ":".join(f"{int(part, 16):x}" for part in read.exploded.split(":"))
    return {text for one in (address, read.exploded, plain) for text in (one, one.upper())}
