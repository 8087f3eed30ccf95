"""Find who else shares an incident's evidence: the same address, the same rare network and client, an incident."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import polars as pl

from detector.collect.enrich.address import read_addresses
from detector.context.day import ACCOUNT
from detector.context.tenants import SOURCE
from detector.inquire.chronicle import Incident
from detector.inquire.memory import Memory
from detector.inquire.state import tenants

MOST_SHARING: Final = 20
"""Accounts at one network with one client beyond which sharing it says nothing."""

_NETWORK, _CLIENT = "portal.network", "portal.client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """Another account (or address) with the same evidence: why, and its own incident, if there is one."""

    account: str
    why: tuple[str, ...]
    incident: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address of the evidence and the accounts that had success there while the incident lasted."""

    ip: str
    entered: tuple[str, ...]


def addresses(memory: Memory, incident: Incident) -> tuple[Address, ...]:
    """Return who entered from each address of `incident`, of the days that the state remembers."""
    if not incident.addresses:
        return ()
    texts = pl.Series("text", incident.addresses, dtype=pl.String)
    sources = read_addresses(texts).get_column(SOURCE).to_list()
    first, last = (_day(memory, moment).toordinal() for moment in (incident.start, incident.last))
    used = tenants(memory.database).filter(pl.col("day").is_between(first, last) & pl.col(SOURCE).is_in(sources))
    entered = dict(used.group_by(SOURCE).agg(pl.col(ACCOUNT).unique().sort()).iter_rows())
    pairs = zip(incident.addresses, sources, strict=True)
    return tuple(Address(ip=ip, entered=tuple(entered.get(source, ()))) for ip, source in pairs)


def companions(memory: Memory, incident: Incident, every: Sequence[Incident]) -> tuple[Companion, ...]:
    """Return the others with the evidence of `incident`, those with an incident of their own first."""
    words = memory.words
    why: dict[str, dict[str, None]] = {}
    for one in addresses(memory, incident):
        for account in one.entered if len(one.entered) <= MOST_SHARING else ():
            why.setdefault(account, {})[words.say("shares.address", address=one.ip)] = None
    for account, network, client in _same_clients(memory, incident):
        why.setdefault(account, {})[words.say("shares.pair", network=network, client=client)] = None
    for other in every:
        if other.id in incident.related or incident.id in other.related:
            related = words.say("shares.incident", incident=other.id, rule=other.alert.rule_name)
            why.setdefault(other.who, {})[related] = None
    why.pop(incident.who, None)
    own = {one.who: one.id for one in reversed(every)}
    found = [Companion(account=name, why=tuple(told), incident=own.get(name)) for name, told in why.items()]
    return tuple(sorted(found, key=lambda one: (one.incident is None, -len(one.why), one.account)))


def _same_clients(memory: Memory, incident: Incident) -> list[tuple[str, str, str]]:
    """Return account, network and client of those who used a pair of the evidence that few use."""
    pairs = rare_pairs(memory, [incident])
    return [(account, *pair) for pair, accounts in sorted(pairs.items()) for account in accounts]


def rare_pairs(memory: Memory, some: Sequence[Incident]) -> dict[tuple[str, str], list[str]]:
    """Return the pairs of network and client in the evidence that few accounts used meanwhile, and who did."""
    told = {(one.network, one.client) for incident in some for one in incident.alerts if one.network and one.client}
    if not told:
        return {}
    since = min(_day(memory, one.start) for one in some)
    until = max(_day(memory, one.last) for one in some)
    pairs = pl.DataFrame(sorted(told), schema={_NETWORK: pl.String, _CLIENT: pl.String}, orient="row")
    alike = pl.col(_NETWORK).is_in(pairs[_NETWORK].implode()) & pl.col(_CLIENT).is_in(pairs[_CLIENT].implode())
    used = memory.places(alike, since, until).join(pairs, on=[_NETWORK, _CLIENT])
    each = used.group_by(_NETWORK, _CLIENT).agg(pl.col(ACCOUNT).unique().sort())
    return {(network, client): who for network, client, who in each.iter_rows() if len(who) <= MOST_SHARING}


def _day(memory: Memory, moment: datetime) -> date:
    return moment.astimezone(memory.config.zone).date()
