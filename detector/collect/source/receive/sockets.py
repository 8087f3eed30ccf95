"""Open the sockets that messages are received at."""

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from detector.collect.source.receive.address import Address
from detector.telemetry import log

_BACKLOG: Final = 64
_QUEUE: Final = Path("/proc/sys/net/unix/max_dgram_qlen")
_FEW: Final = 256
_BUFFER_BYTES: Final = 16 * 1024 * 1024
"""Asked for datagrams that wait; the kernel gives `net.core.rmem_max` at most, unless we are privileged."""
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_DROPS: Final = slice(8 * 4, 9 * 4)
"""Source: Linux, asm-generic/socket.h; sock_diag.h: SK_MEMINFO_DROPS is the ninth of the numbers."""

_WHY: Final = {
    errno.EADDRINUSE: "another program listens there",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "not allowed: a port below 1024 needs root or CAP_NET_BIND_SERVICE, a socket a folder to write to",
    errno.ENOENT: "no such folder",
}


def listen(address: Address) -> socket.socket:
    """Return a socket that is bound to `address`, and never waits. Raises: OSError that says why it cannot be."""
    stream = address.transport in ("tcp", "unix")
    family = socket.AF_UNIX
    if isinstance(address.place, tuple):
        family = socket.AF_INET6 if ":" in address.place[0] else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    try:
        _bind(bound, address)
        bound.setblocking(False)
        if stream:
            bound.listen(_BACKLOG)
        elif family == socket.AF_UNIX:
            _caution(address)
        else:
            _widen(bound)
    except OSError as fault:
        bound.close()
        known = _WHY.get(fault.errno or 0)
        raise OSError(fault.errno, known or fault.strerror or str(fault)) from None
    return bound


def dropped(bound: socket.socket) -> int:
    """Return how many datagrams the kernel dropped for want of room."""
    try:
        return int.from_bytes(bound.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)[_DROPS], "little")
    except OSError:  # a kernel before 4.12
        return 0


def remove(bound: socket.socket) -> None:
    """Close a socket, and remove its file unless it is another's by now."""
    kind, path = bound.type, bound.getsockname() if bound.family == socket.AF_UNIX else ""
    bound.close()
    if path:
        with suppress(OSError):
            _remove_stale(path, kind)


def _bind(bound: socket.socket, address: Address) -> None:
    if isinstance(address.place, str):
        _bind_path(bound, address.place)
        return
    if bound.type == socket.SOCK_STREAM:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    bound.bind(address.place)


def _bind_path(bound: socket.socket, path: str) -> None:
    """Bind to a path, with the rights that the umask leaves of rw-rw----: whoever may write there may write lines."""
    with suppress(FileNotFoundError):
        _remove_stale(path, bound.type)
    os.fchmod(bound.fileno(), 0o660)  # Linux takes the rights of the file from here: there is no moment without them
    bound.bind(path)


def _remove_stale(path: str, kind: int) -> None:
    """Remove a socket's file at which nobody listens. Raises: OSError for any other file, and where somebody does."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise OSError(errno.EEXIST, "there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:  # of the other kind, its queue is full, or it is not ours to ask
            raise OSError(errno.EADDRINUSE, _WHY[errno.EADDRINUSE]) from None
        else:
            raise OSError(errno.EADDRINUSE, _WHY[errno.EADDRINUSE])


def _widen(bound: socket.socket) -> None:
    """Let many datagrams wait, as many as the kernel allows."""
    try:
        bound.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except PermissionError:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)


def _caution(address: Address) -> None:
    """Say when so few datagrams may wait at a Unix socket that a server that does not wait will drop some."""
    with suppress(OSError, ValueError):
        if (few := int(_QUEUE.read_text("ascii"))) < _FEW:
            said = (
                "no more datagrams than net.unix.max_dgram_qlen wait here, and nginx drops the others: raise it to 4096"
            )
            log.warning(f"{said}, or receive at udp://127.0.0.1", extra={"path": address.given, "datagrams": few})
