"""Write a tiny .mmdb, to try tables of users with. Source: the MaxMind DB file format, version 2.0."""

import ipaddress
from collections.abc import Mapping
from typing import Any

Tree = list[list[Any]]


def encode(value: Any) -> bytes:
    if isinstance(value, Mapping):
        return _control(7, len(value)) + b"".join(encode(key) + encode(one) for key, one in value.items())
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(encode, value))
    if isinstance(value, str):
        return _control(2, len(value.encode())) + value.encode()
    size = (value.bit_length() + 7) // 8
    return _control(6 if size <= 4 else 9, size) + value.to_bytes(size, "big")


def _control(kind: int, size: int) -> bytes:
    assert size < 29 + 256
    small, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return (bytes([kind << 5 | small]) if kind < 8 else bytes([small, kind - 7])) + more


def mmdb(networks: Mapping[str, Mapping[str, Any]], *, built: int, ip_version: int = 6) -> bytes:
    """Return the file: network -> record. IPv4 lies below ::/96 where the tree is one of IPv6."""
    nodes: Tree = [[None, None]]
    data, places = b"", {}
    for text, record in networks.items():
        network = ipaddress.ip_network(text)
        bits = [int(network.network_address) >> (network.max_prefixlen - 1 - i) & 1 for i in range(network.prefixlen)]
        if network.version == 4 and ip_version == 6:
            bits = [0] * 96 + bits
        places[text] = len(data)
        data += encode(record)
        node = 0
        for bit in bits[:-1]:
            if nodes[node][bit] is None:
                nodes.append([None, None])
                nodes[node][bit] = len(nodes) - 1
            node = nodes[node][bit]
        nodes[node][bits[-1]] = ("data", places[text])
    count = len(nodes)
    tree = b"".join(_record(side, count) for node in nodes for side in node)
    facts = {
        "node_count": count, "record_size": 32, "ip_version": ip_version, "database_type": "Test",
        "languages": ["en"], "binary_format_major_version": 2, "binary_format_minor_version": 0,
        "build_epoch": built, "description": {"en": "test"},
    }  # fmt: skip
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + encode(facts)


def _record(side: Any, count: int) -> bytes:
    number = count if side is None else side if isinstance(side, int) else count + 16 + side[1]
    return int(number).to_bytes(4, "big")
