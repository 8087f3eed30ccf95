"""Judge what of the open incidents is safe to block."""

import ipaddress
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from detector.collect.enrich.address import read_addresses
from detector.collect.enrich.origin import Origins
from detector.config import Config
from detector.context.tenants import SOURCE
from detector.emit.alert.who import address
from detector.inquire.blocklist.record import Blocklist, Entry
from detector.inquire.state import OpenIncident, open_incidents, tenants
from detector.schema import LEVELS

KNOWN_DAYS: Final = 3
"""Days before an incident that the state must know to say who else uses an address. Assumption: an office that works
on weekdays shows on one of three days, weekend included."""

ACCOUNT: Final = "user.name"


def compiled(database: sqlite3.Connection, config: Config, *, least: str, made: datetime, hours: float) -> Blocklist:
    """Return what may be blocked of the incidents that are open in a state, of level `least` or worse."""
    grave = [one for one in open_incidents(database) if LEVELS.index(one.level) >= LEVELS.index(least)]
    grave.sort(key=lambda one: LEVELS.index(one.level), reverse=True)  # stable: of one level, the oldest first
    judge = Judge(database, config, grave, made)
    addresses: dict[str, Entry] = {}
    refused: dict[str, str] = {}
    for incident, found in _addresses(grave):
        reason = judge.against(found, incident)
        if reason:
            refused.setdefault(found, reason)
        else:
            addresses.setdefault(found, Entry(found, incident))
    accounts = {one.account: Entry(one.account, one) for one in reversed(grave) if one.account is not None}
    return Blocklist(
        made=made,
        until=made + timedelta(hours=hours),
        level=least,
        incidents_count=len(grave),
        addresses=tuple(entry for found, entry in addresses.items() if found not in refused),
        accounts=tuple(reversed(accounts.values())),
        left_out=Counter(refused.values()),
    )


def _addresses(incidents: Iterable[OpenIncident]) -> Iterator[tuple[OpenIncident, str]]:
    for incident in incidents:
        for found in dict.fromkeys(map(address, incident.addresses)):
            if found is not None:
                yield incident, found


class Judge:
    """Says what speaks against blocking an address. An IPv6 address shares the fate of its /64."""

    def __init__(
        self, database: sqlite3.Connection, config: Config, incidents: Iterable[OpenIncident], made: datetime
    ) -> None:
        self._zone = config.zone
        self._proxies = [ipaddress.ip_network(one) for one in config.input.trusted_proxies]
        today = made.astimezone(config.zone).date()
        allowed = (net for entry in config.allow if entry.until >= today for net in entry.networks)
        self._allowed = [ipaddress.ip_network(net) for net in allowed]
        incidents = list(incidents)
        self._suspects = {one.account for one in incidents if one.account is not None}
        self._known = _known(incidents, config)
        used = tenants(database)
        self._days = sorted(set(used.get_column("day")))
        sources = [source for source, _ in self._known.values()]
        self._used = used.filter(pl.col(SOURCE).is_in(sources))
        self._places = used.filter(pl.col(ACCOUNT).is_in(list(self._suspects)))

    def against(self, found: str, incident: OpenIncident) -> str | None:
        """Return why `found` must not be blocked for `incident`, None if nothing is known against it."""
        source, kind = self._known[found]
        ip = ipaddress.ip_address(found)
        if kind == "private" or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
            return "private or reserved"
        if any(ip in network for network in self._proxies):
            return "a trusted proxy"
        if any(ip in network for network in self._allowed):
            return "allowed by the configuration"
        if kind in ("mobile", "relay"):
            return "of a mobile carrier or a relay, which strangers share"
        return self._against_use(source, incident) or self._against_habit(found, incident)

    def _against_use(self, source: str, incident: OpenIncident) -> str | None:
        began = incident.start.astimezone(self._zone).date().toordinal()
        if sum(day < began for day in self._days) < KNOWN_DAYS:
            return f"the state knows fewer than {KNOWN_DAYS} days before the incident, and so not who else is there"
        there = self._used.filter(pl.col(SOURCE) == source)
        suspects = self._suspects | set(incident.users)
        if not there.filter(~pl.col(ACCOUNT).is_in(list(suspects))).is_empty():
            return "used by accounts without an incident"
        if not there.filter(pl.col("day") < began).is_empty():
            return "used by its accounts before the incident"
        return None

    def _against_habit(self, found: str, incident: OpenIncident) -> str | None:
        if incident.account is None or found in map(address, incident.raised_by):
            return None
        began = incident.start.astimezone(self._zone).date().toordinal()
        before = (pl.col(ACCOUNT) == incident.account) & (pl.col("day") < began)
        if self._places.filter(before).is_empty():
            return "raised no alert, and the account's own places are not known yet"
        return None


def _known(incidents: Iterable[OpenIncident], config: Config) -> dict[str, tuple[str, str | None]]:
    """Return for each address what the state calls it, and the kind of its network."""
    texts = pl.Series("text", sorted({found for _, found in _addresses(incidents)}), dtype=pl.String)
    kinds = Origins(config.networks).describe(texts).get_column("portal.network_kind")
    return dict(zip(texts, zip(read_addresses(texts).get_column(SOURCE), kinds, strict=True), strict=True))
