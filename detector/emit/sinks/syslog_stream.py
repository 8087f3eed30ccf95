"""A connection for one batch, and when the batch has arrived: what TCP and TLS can say of it."""

import fcntl
import os
import select
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, TypeVar

from detector import clock

_SIOCOUTQ: Final = 0x5411
"""Asks how many bytes the other side's kernel has not acknowledged. Source: Linux, tcp(7)."""

LOOK_S: Final = 0.005

FAREWELL_S: Final = 0.2
"""How long a receiver that need not close may take to do so all the same: a plain end is better than a reset."""

CHUNK_BYTES: Final = 65_536

T = TypeVar("T")


class Stream(Protocol):
    """What both kinds of connection do. Raises: OSError, all of it."""

    def send(self, data: bytes) -> None:
        """Send all of `data`."""

    def end(self) -> None:
        """Say that nothing more comes, and wait until the receiver has read to there and closes its side."""


class TcpStream:
    """A plain connection. A receiver that ends with bytes unread resets it."""

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        self._socket, self._timeout_s = connection, timeout_s

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self._socket.sendall(data)

    def end(self) -> None:
        """Close our side, and read to the end of theirs."""
        look = select.poll()
        look.register(self._socket, select.POLLIN)
        if look.poll(0) and self._socket.recv(1, socket.MSG_PEEK) == b"":
            raise ConnectionResetError("the receiver closed before it had everything")
        self._socket.shutdown(socket.SHUT_WR)
        while self._socket.recv(CHUNK_BYTES):
            pass
        await_acknowledged(self._socket, self._timeout_s)  # one that closed at once says so before it has our bytes


class TlsStream:
    """A connection in TLS, whose end has a word that nobody can forge or cut off (close_notify).

    `ssl.SSLSocket.unwrap` will not do: it takes a fatal alert, such as that our certificate is not accepted, for that
    word. Here the bytes pass through our hands, and the word is read like everything else.
    """

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._socket = connection
        self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._coming, self._going, server_hostname=name)
        self._drive(self._tls.do_handshake)

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        for start in range(0, len(data), CHUNK_BYTES):
            part = data[start : start + CHUNK_BYTES]
            self._drive(lambda part=part: self._tls.write(part))  # type: ignore[misc]

    def end(self) -> None:
        """Send our close_notify, and read to theirs."""
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
            raise ConnectionResetError("the receiver closed before it had everything")
        with suppress(ssl.SSLZeroReturnError):
            while self._drive(lambda: self._tls.read(CHUNK_BYTES)):
                pass

    def _drive(self, step: Callable[[], T]) -> T:
        """Do `step` until it needs no more bytes from the other side, and send what it leaves."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                pass
            finally:
                if self._going.pending:
                    self._socket.sendall(self._going.read())
            came = self._socket.recv(CHUNK_BYTES)
            self._coming.write(came) if came else self._coming.write_eof()


def await_acknowledged(connection: socket.socket, timeout_s: float) -> None:
    """Wait until the receiver's kernel has acknowledged every byte. Raises: OSError when it does not, or resets."""
    end = clock.monotonic_s() + timeout_s
    while struct.unpack("i", fcntl.ioctl(connection, _SIOCOUTQ, b"\0" * 4))[0]:
        if clock.monotonic_s() > end:
            raise TimeoutError("the receiver does not acknowledge what was sent")
        clock.pause(LOOK_S)
    if fault := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(fault, os.strerror(fault))
