"""Find the client behind trusted proxies: X-Forwarded-For from right to left, believed from them alone."""

import ipaddress

import polars as pl

from detector.collect.enrich.address import parse_address
from detector.collect.enrich.memo import over_unique

HOPS_READ = 32
"""A longer chain is a forgery: its rightmost hops are read, the ones that trusted proxies wrote."""


class Proxies:
    """The proxies whose word is taken."""

    def __init__(self, trusted: tuple[str, ...]) -> None:
        self.networks = [ipaddress.ip_network(one) for one in trusted]

    def client(self, raw: pl.DataFrame) -> pl.Series:
        """Return the client's address as text, the peer's own where no trusted proxy names another.

        Shapes: RAW frame -> n texts, not yet read as addresses.
        """
        if not self.networks:
            return raw["source.ip"]
        keys = raw.select("source.ip", "portal.forwarded_for")
        return over_unique(keys, self._resolve)["client"]

    def _resolve(self, pairs: pl.DataFrame) -> pl.DataFrame:
        clients = [self.resolve(peer, header) for peer, header in pairs.iter_rows()]
        return pairs.with_columns(pl.Series("client", clients, dtype=pl.String))

    def resolve(self, peer: str | None, header: str | None) -> str | None:
        """Walk the hops from the peer leftwards while each is a trusted proxy."""
        if header is None or not self._trusts(peer):
            return peer
        client = peer
        for hop in reversed(header.rsplit(",", HOPS_READ)[-HOPS_READ:]):
            address = parse_address(hop)
            if address is None:  # garbage: nothing to its left can be believed
                return client
            client = str(address)
            if not self._trusts(client):
                return client
        return client

    def _trusts(self, text: str | None) -> bool:
        address = parse_address(text)
        return address is not None and any(address in network for network in self.networks)
