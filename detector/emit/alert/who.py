"""Whom and what an alert is about, in the terms that every format asks for."""

import ipaddress

from detector.emit.alert.record import Alert


def user_of(alert: Alert) -> str | None:
    """Return the account the alert is about; of a source that touched exactly one account, that one."""
    if alert.account is not None:
        return alert.account
    return alert.users[0] if len(alert.users) == 1 else None


def address(text: str | None) -> str | None:
    """Return `text` as a SIEM's address field takes it, None if it is no address: one bad value loses the document."""
    try:
        return str(ipaddress.ip_address((text or "").partition("%")[0]))
    except ValueError:
        return None


def addresses(alert: Alert) -> list[str]:
    """Return the addresses that are evidence, each once."""
    return list(dict.fromkeys(found for found in map(address, alert.ips) if found))


def hosts(alert: Alert) -> list[str]:
    """Return what stood where an address is expected and is none: kept, but never in an address field."""
    given = (alert.source_ip, *alert.ips)
    return list(dict.fromkeys(text for text in given if text and address(text) is None))


def as_number(network: str | None) -> int | None:
    """Return the number of an autonomous system written `AS3215`."""
    number = (network or "").removeprefix("AS")
    return int(number) if network != number and number.isascii() and number.isdecimal() and len(number) < 11 else None
