"""What lines come in by: a stream, a datagram socket, a listening one. Each is read as far as it is ready."""

import errno
import os
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from detector import clock
from detector.collect.source.receive.framing import Framing, lines_of
from detector.collect.source.receive.sockets import dropped, remove
from detector.collect.source.receive.spool import Spool
from detector.telemetry import log

_AT_ONCE_BYTES: Final = 1024 * 1024
_DATAGRAM_BYTES: Final = 512
"""Of datagrams so much is taken before the others have their turn; each counts for so much beside what is in it."""
_SPARE: Final = 32
"""Descriptors that connections leave to all else: a run that cannot open its files would end."""
_REST_S: Final = 1.0
"""How long no connection is taken where there is nothing left to take it with: the next try would fail at once."""
_SAY_S: Final = 600.0
_BUFFER: Final = memoryview(bytearray(256 * 1024))
"""What all are read into: one thread reads."""


class Inlet(Protocol):
    """Something to read from, into a spool."""

    @property
    def spool(self) -> Spool:
        """Where its lines go."""

    def fileno(self) -> int:
        """Return what to wait on."""

    def take(self) -> bool:
        """Read what is there, without waiting, and write its lines to the spool; whether more may come."""

    def close(self) -> None:
        """Let go of it."""


class Stream:
    """A connection that somebody has made; standard input, where there is none."""

    def __init__(self, spool: Spool, framing: Framing, connection: socket.socket | None = None) -> None:
        self.spool, self.heard_s = spool, clock.monotonic_s()
        self._framing, self._connection = framing, connection
        if connection is not None:
            connection.setblocking(False)
            if connection.family != socket.AF_UNIX:  # a peer whose machine is gone says no end
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    @property
    def fault(self) -> str | None:
        """Why it cannot be read to its end."""
        return self._framing.fault

    @property
    def within(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._framing.within

    def fileno(self) -> int:
        """Return what to wait on."""
        return 0 if self._connection is None else self._connection.fileno()

    def take(self) -> bool:
        """Read what is there and write its lines to the spool; whether more may come."""
        try:
            size = os.readv(self.fileno(), [_BUFFER])
        except BlockingIOError:
            return True
        except OSError:  # it was broken off
            return False
        self.heard_s = clock.monotonic_s()
        self.spool.write(self._framing.feed(bytes(_BUFFER[:size])) if size else self._framing.finish())
        return size > 0 and self.fault is None

    def close(self) -> None:
        """Close the connection; standard input is not ours."""
        if self._connection is not None:
            self._connection.close()


class Datagrams:
    """A socket at which every datagram is a message."""

    def __init__(self, spool: Spool, bound: socket.socket, longest: int) -> None:
        self.spool = spool
        self._socket = bound
        self._buffer = _BUFFER[: longest + 1]  # one byte more shows that it is too long

    @property
    def dropped(self) -> int:
        """How many datagrams the kernel dropped for want of room."""
        return dropped(self._socket)

    def fileno(self) -> int:
        """Return what to wait on."""
        return self._socket.fileno()

    def take(self) -> bool:
        """Take the datagrams that are there and write them to the spool, a line each."""
        receive, buffer = self._socket.recv_into, self._buffer
        messages: list[bytes] = []
        room = _AT_ONCE_BYTES
        with suppress(BlockingIOError):
            while room > 0:
                size = receive(buffer)
                messages.append(bytes(buffer[:size]))
                room -= size + _DATAGRAM_BYTES
        self.spool.write(lines_of(messages))
        return True

    def close(self) -> None:
        """Close the socket and remove its file."""
        remove(self._socket)


class Listener:
    """A socket at which connections are made.

    `delayed` counts how often none could be taken for want of descriptors: it waits in the kernel meanwhile.
    """

    def __init__(self, spool: Spool, bound: socket.socket, admit: Callable[[Spool, socket.socket], None]) -> None:
        self.spool, self.delayed = spool, 0
        self._socket, self._admit = bound, admit
        self._rests_until_s = self._said_until_s = 0.0

    @property
    def rests(self) -> bool:
        """Whether it is too early to try again."""
        return clock.monotonic_s() < self._rests_until_s

    def fileno(self) -> int:
        """Return what to wait on."""
        return self._socket.fileno()

    def take(self) -> bool:
        """Take a connection."""
        try:
            _require_spare()
            connection = self._socket.accept()[0]
        except (BlockingIOError, ConnectionAbortedError):  # it is gone again
            return True
        except OSError as fault:
            self._rest(fault)
            return True
        with suppress(OSError):  # it is gone again
            self._admit(self.spool, connection)
        return True

    def _rest(self, fault: OSError) -> None:
        """Leave off for a while, and say so now and then."""
        now_s = clock.monotonic_s()
        if now_s >= self._said_until_s:
            said = "connections wait until one can be taken: raise LimitNOFILE, or lower input.receive.max_connections"
            log.error(f"{fault.strerror}: {said}", extra={"path": str(self.spool.folder)})
            self._said_until_s = now_s + _SAY_S
        self._rests_until_s = now_s + _REST_S
        self.delayed += 1

    def close(self) -> None:
        """Close the socket and remove its file."""
        remove(self._socket)


def _require_spare() -> None:
    """Require that enough descriptors are free. Raises: OSError."""
    lowest = os.dup(2)
    os.close(lowest)
    if lowest + _SPARE >= resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
