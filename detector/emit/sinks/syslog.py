"""Alerts as syslog messages."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

from detector import clock
from detector.config import ToSyslog
from detector.emit.alert import Alert
from detector.emit.sinks import Receipt
from detector.emit.sinks.secure import tls_context
from detector.emit.sinks.syslog_message import message
from detector.emit.sinks.syslog_stream import FAREWELL_S, Stream, TcpStream, TlsStream, await_acknowledged

DATAGRAM_ANSWER_S = 0.02
"""How long a machine near by may take to say that nobody listens; one further off says it at the next batch."""


class SyslogSink:
    """RFC 5424 over TLS (RFC 5425), TCP (RFC 6587), UDP (RFC 5426) or a datagram socket of this machine.

    Delivery: syslog has no answer, so each batch has a connection of its own, and has arrived when the receiver,
    told that nothing more comes, closes its side too: it has then read all. What it does before it is on its disk is
    its own. When a connection fails, the batch before is sent once more, with the same ids, as the receiver may have
    ended with it unwritten. UDP: sent, no more.
    """

    def __init__(self, options: ToSyslog) -> None:
        self.options = options
        self._tls = tls_context(options.tls) if options.transport == "tls" else None
        self._last = self._doubtful = b""

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        """Send `alerts` and wait until they are taken. Raises: OSError."""
        now, size = clock.now(), self.options.max_bytes
        made = {one.id: message(one, self.options, now) for one in alerts}
        refused = {
            one: f"{len(text):,} bytes, at most {size:,} are sent" for one, text in made.items() if len(text) > size
        }
        fitting = {one: text for one, text in made.items() if one not in refused}
        if self.options.transport in ("tcp", "tls"):
            self._stream(b"".join(map(self._framed, fitting.values())))
        else:
            self._datagrams(list(fitting.values()))
        return Receipt(arrived=list(fitting), refused=refused)

    def close(self) -> None:
        """No connection outlives its batch."""

    def _framed(self, text: bytes) -> bytes:
        return text + b"\n" if self.options.framing == "newline" else b"%d %b" % (len(text), text)

    def _stream(self, data: bytes) -> None:
        try:
            with socket.create_connection(self.options.peer, self.options.timeout_s) as connection:
                stream = self._opened(connection)
                stream.send(self._doubtful + data)
                self._await_arrival(connection, stream)
        except OSError:
            self._doubtful = self._last
            raise
        self._last, self._doubtful = data, b""

    def _opened(self, connection: socket.socket) -> Stream:
        if self._tls is None:
            return TcpStream(connection, self.options.timeout_s)
        return TlsStream(connection, self._tls, self.options.tls.server_name or self.options.peer[0])

    def _await_arrival(self, connection: socket.socket, stream: Stream) -> None:
        if self.options.confirm == "closed":
            stream.end()
            return
        await_acknowledged(connection, self.options.timeout_s)
        connection.settimeout(FAREWELL_S)
        with suppress(TimeoutError):
            stream.end()

    def _datagrams(self, texts: Sequence[bytes]) -> None:
        """Send each by itself. What comes back comes late, so that an error may be of any of them."""
        with self._connect_datagrams() as connection:
            for text in texts:
                connection.send(text)
            connection.settimeout(DATAGRAM_ANSWER_S)
            with suppress(TimeoutError):
                connection.recv(1)

    def _connect_datagrams(self) -> socket.socket:
        family, address = socket.AF_UNIX, cast(Any, str(self.options.socket))
        if self.options.transport == "udp":
            family, *_, address = socket.getaddrinfo(*self.options.peer, type=socket.SOCK_DGRAM)[0]
        connection = socket.socket(family, socket.SOCK_DGRAM)
        try:
            connection.settimeout(self.options.timeout_s)
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection


open_sink = SyslogSink
