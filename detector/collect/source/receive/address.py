"""Read the PATHs of `detector tail` that are no files: addresses to receive at, and standard input."""

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from detector.collect.source.find import STDIN
from detector.config import Receive
from detector.errors import InputError

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+]*)://(.*)", re.DOTALL)
_INET: Final = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[^:]*)):(?P<port>[0-9]+)")
_TRANSPORTS: Final = ("udp", "tcp", "unix", "unixgram")
_LONGEST_SOCKET_PATH: Final = 107
"""Bytes. Source: Linux, unix(7): sun_path has 108, the last of them a NUL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to receive. `place` is a path for Unix sockets, host and port for the others, empty for standard input."""

    given: str
    transport: str
    place: str | tuple[str, int] = ""

    @property
    def name(self) -> str:
        """A file name of its own for each address."""
        return quote(self.given, safe="[]:").replace(":%2F%2F", ":") if self.place else "stdin"


def is_address(path: str) -> bool:
    """Whether a PATH is received at, rather than followed. A file of that very name would stand below `udp:`."""
    return path == STDIN or _SCHEME.fullmatch(path) is not None


def read_addresses(paths: Sequence[str], settings: Receive) -> list[Address]:
    """Return what the addresses among `paths` say, each once. Raises: `InputError` with what is wrong with any."""
    faults, found = list[str](), dict[str, Address]()
    for path in filter(is_address, paths):
        try:
            found[path] = _read(path, settings)
        except ValueError as fault:
            faults.append(f"{path}: {fault}")
    if faults:
        raise InputError("\n".join(faults))
    return list(found.values())


def _read(path: str, settings: Receive) -> Address:
    if path == STDIN:
        return Address(given=path, transport="stdin")
    scheme = _SCHEME.fullmatch(path)
    transport, rest = scheme.groups() if scheme else ("", "")
    if transport not in _TRANSPORTS:
        known = ", ".join(f"{one}://" for one in _TRANSPORTS)
        raise ValueError(f"no such transport; required is a file, a folder, a pattern, - or one of {known}")
    place = _socket_path(rest) if transport.startswith("unix") else _host_and_port(rest, settings)
    return Address(given=path, transport=transport, place=place)


def _socket_path(path: str) -> str:
    if not os.path.isabs(path) or "\0" in path:
        raise ValueError("the absolute path of a socket is required, as in unix:///run/detector/log.sock")
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise ValueError(f"the path of a socket has at most {_LONGEST_SOCKET_PATH} bytes")
    return path


def _host_and_port(text: str, settings: Receive) -> tuple[str, int]:
    match = _INET.fullmatch(text)
    if match is None:
        raise ValueError("an address and a port are required, as in udp://127.0.0.1:5514 or tcp://[::1]:5514")
    host, port = match["v6"] or match["v4"], int(match["port"])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{host!r} is no address; required is one of this machine, such as 127.0.0.1") from None
    if not 0 < port < 1 << 16:
        raise ValueError(f"a port from 1 to 65535 is required, {port} came")
    if not address.is_loopback and not settings.allow_remote:
        raise ValueError(
            "not a loopback address: whoever reaches it could write log lines. Let rsyslog or stunnel take them over "
            "TLS and hand them on to 127.0.0.1, or set input.receive.allow_remote: true"
        )
    return str(address), port
