"""Say what kind of network an address is in: hosting, VPN, Tor, relay, mobile, private."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl
import yaml

from detector.collect.enrich.network import NUMBER
from detector.collect.enrich.place import by_family
from detector.collect.enrich.ranges import prefix_ranges
from detector.config import shipped
from detector.config.yaml_text import problem_of, read_documents
from detector.errors import Fault, FaultsError, duplicate_keys

KINDS: Final = ("hosting", "vpn", "tor", "relay", "mobile", "private", "none")
"""`none` takes a network that ships in the list out of it."""

PRIVATE: Final = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
"""Source: RFC 1918, RFC 6598, RFC 1122, RFC 3927, RFC 4193, RFC 4291."""

Entry = tuple[str, str]


class NetworkKinds:
    """The shipped list and the user's, which has the last word."""

    def __init__(self, extra: Path | None = None) -> None:
        numbers: dict[int, str] = {}
        prefixes: list[Entry] = [(text, "private") for text in PRIVATE]
        for path in [shipped("config", "networks.yml"), extra]:
            if path is not None:
                asns, found = read_kinds(path)
                numbers |= asns
                prefixes += found
        self._ranges = prefix_ranges(prefixes)
        self._numbers = pl.DataFrame(
            {NUMBER: list(numbers), "kind": list(numbers.values())}, schema={NUMBER: pl.Int64, "kind": pl.String}
        )

    def kinds(self, addresses: pl.DataFrame, numbers: pl.Series) -> pl.Series:
        """Return the kind of each address's network; a prefix is heard before an ASN.

        Shapes: n rows of `address.SCHEMA`, n ASNs -> n String, null where no list names it.
        """
        by_number = numbers.to_frame(NUMBER).join(self._numbers, on=NUMBER, how="left", maintain_order="left")["kind"]
        both = pl.DataFrame({"prefix": by_family(self._ranges, addresses), "number": by_number})
        return both.select(pl.coalesce("prefix", "number").replace("none", None).alias("kind"))["kind"]


def read_kinds(path: Path) -> tuple[dict[int, str], list[Entry]]:
    """Read a list of kinds: kind -> {asns: numbers, prefixes: networks}, each a list or a mapping to a remark.

    Raises: `FaultsError` with every fault.
    """
    try:
        text = path.read_text("utf-8")
        nodes = [node for node, _ in read_documents(text)]
    except (OSError, UnicodeDecodeError) as fault:
        raise FaultsError([Fault(str(path), 1, f"cannot be read: {fault}")]) from None
    except yaml.YAMLError as fault:
        raise FaultsError([Fault(str(path), *problem_of(fault))]) from None
    node = nodes[0] if nodes else None
    faults = [Fault(str(path), line, message) for line, message in duplicate_keys(node)] if node else []
    asns: dict[int, str] = {}
    prefixes: list[Entry] = []
    for line, kind, what, value in _entries(node):
        wrong = _fault(kind, what, value)
        if wrong:
            faults.append(Fault(str(path), line, wrong))
        elif what == "asns":
            asns[int(value.upper().removeprefix("AS"))] = kind
        else:
            prefixes.append((value, kind))
    if faults:
        raise FaultsError(faults)
    return asns, prefixes


def _entries(node: yaml.Node | None) -> Iterator[tuple[int, str, str, str]]:
    for kind, parts in _items(node):
        for what, values in _items(parts):
            items = values.value if isinstance(values, yaml.SequenceNode) else [key for key, _ in _items(values)]
            for item in items:
                yield item.start_mark.line + 1, str(kind.value), str(what.value), str(item.value)


def _items(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return node.value if isinstance(node, yaml.MappingNode) else []


def _fault(kind: str, what: str, value: str) -> str | None:
    if kind not in KINDS:
        return f"{kind!r} is no kind of network, required one of {', '.join(KINDS)}"
    if what == "asns":
        number = value.upper().removeprefix("AS")
        return None if number.isdecimal() else f"{value!r} is no AS number, required such as 16509"
    if what != "prefixes":
        return f"{what!r} is not known here, required asns or prefixes"
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError as fault:
        return f"not a network: {fault}"
    return None
