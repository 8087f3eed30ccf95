"""Say from which address a request comes: a line, a carrier that moves, a hospital's egress, a proxy of an attacker.

Prefixes are real allocations (`networks.csv`: checked against the table of `@ip-location-db/asn`, June 2026), so that
tables of countries and networks answer sensibly; which host is used inside one is drawn at random and means nobody.
An address is one 64-bit number: IPv4 as it is, IPv6 by its /64 (always above 2**60, for 2000::/3 starts there).
"""

import ipaddress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Final

import numpy as np
import polars as pl

from detector.lab.simulate.rhythm import Floats, Ints, Words, mix

FOREVER: Final = 1 << 40
V6: Final = 1 << 60


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The prefixes of one kind of network. Arrays of one value a prefix."""

    base: Words
    size: Words
    weight: Floats
    network: tuple[str, ...]

    def pick(self, count: int, rng: np.random.Generator) -> Ints:
        """Draw prefixes by weight."""
        return rng.choice(len(self.base), count, p=self.weight).astype(np.int64)


@cache
def prefixes(kind: str) -> Prefixes:
    """Read the prefixes of a kind: home, home6, mobile, egress, vendor, proxy, hosting, vpn, tor, abroad, travel."""
    table = pl.read_csv(BytesIO((files(__package__) / "networks.csv").read_bytes())).filter(pl.col("kind") == kind)
    nets = [ipaddress.ip_network(text) for text in table["prefix"]]
    shift = [64 if net.version == 6 else 0 for net in nets]
    weight = table["weight"].to_numpy().astype(np.float64)
    return Prefixes(
        np.array([int(net[0]) >> by for net, by in zip(nets, shift, strict=True)], np.uint64),
        np.array([net.num_addresses >> by for net, by in zip(nets, shift, strict=True)], np.uint64),
        weight / weight.sum(),
        tuple(f"AS{row['asn']} {row['network']} {row['country']}" for row in table.iter_rows(named=True)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """From where requests can come. Arrays of one value a place.

    The address is one of `size` from `base` on, another one every `period_s`; `key` makes places differ, and
    places with one key and base (a shared practice) have one address.
    """

    base: Words
    size: Words
    period_s: Ints
    key: Words

    def address(self, place: Ints, seconds: Ints) -> Words:
        """Return the address of each request made from `place` at Unix `seconds`."""
        key = self.key[place]
        phase = (key % np.uint64(1 << 20)).astype(np.int64)
        turn = (seconds + phase) // self.period_s[place]
        return self.base[place] + mix(key, turn) % self.size[place]

    @staticmethod
    def join(parts: "list[Places]") -> "Places":
        """Put places behind each other; numbers of the second part start where the first ends."""
        return Places(
            base=np.concatenate([part.base for part in parts]),
            size=np.concatenate([part.size for part in parts]),
            period_s=np.concatenate([part.period_s for part in parts]),
            key=np.concatenate([part.key for part in parts]),
        )


def draw(kind: str, count: int, rng: np.random.Generator, *, pool: int = 1, period_s: int | Ints = FOREVER) -> Places:
    """Draw `count` places in networks of a kind, each with a pool of addresses that it changes between."""
    table = prefixes(kind)
    chosen = table.pick(count, rng)
    size = np.minimum(np.uint64(pool), table.size[chosen])
    room = np.maximum(table.size[chosen] // size, np.uint64(1))
    base = table.base[chosen] + (rng.integers(0, 1 << 62, count).astype(np.uint64) % room) * size
    period = np.broadcast_to(np.asarray(period_s, np.int64), (count,)).copy()
    return Places(base=base, size=size, period_s=period, key=rng.integers(0, 1 << 62, count).astype(np.uint64))


def text(address: int, host: int) -> str:
    """Write an address; in IPv6 `host` is the half that names the device."""
    if address < V6:
        return str(ipaddress.IPv4Address(address))
    return str(ipaddress.IPv6Address((address << 64) | host))


def network_of(address: int) -> str:
    """Name the network an address was drawn from: `AS3215 Orange FR`."""
    table = pl.read_csv(BytesIO((files(__package__) / "networks.csv").read_bytes()))
    plain = ipaddress.ip_address(text(address, 1))
    for row in table.iter_rows(named=True):
        net = ipaddress.ip_network(row["prefix"])
        if net.version == plain.version and plain in net:
            return f"AS{row['asn']} {row['network']} {row['country']}"
    return "unknown"
