"""A strict HTTP server on a free loopback port, with the faults that receivers and what is before them have.

`faults` holds what goes wrong with the next requests, one each: a number is a status answered without taking anything;
the words are methods of `_Connection` called `fault_WORD`. A vendor's rules are in `http_vendors.py`.
"""

import contextlib
import gzip
import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SLOW_BYTES = 2000
"""What a slow receiver reads at a time."""


@dataclass(frozen=True)
class Request:
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    """Decompressed."""
    sent_bytes: int


@dataclass(frozen=True)
class Reply:
    status: int
    tree: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if isinstance(self.tree, str):
            return self.tree.encode()
        return b"" if self.tree is None else json.dumps(self.tree).encode()


class Receiver:
    """What a vendor's stub is made of: `answer` says what it makes of a request, `busy` and `lie` how it fails."""

    most_bytes = 10_000_000
    retry_after = "0"

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.faults: deque[int | str] = deque()
        self.taken: list[tuple[str, Any]] = []
        self.requests: list[Request] = []
        self.to_send_back: set[str] = set()
        self.refused: set[str] = set()
        self.hanging, self.lock = threading.Event(), threading.Lock()
        self._tls, self._server, self.port = tls, None, 0

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def busy(self, status: int) -> Reply:
        """Answer `status` as whoever is before the vendor's server does."""
        return Reply(status, "<html><body>Busy</body></html>", {"Retry-After": self.retry_after})

    def lie(self, request: Request) -> Reply:
        """Say 200, and take nothing."""
        return Reply(200, "<html><body>Welcome to this hotel's network</body></html>")

    def chance(self) -> int | str:
        """Return what goes wrong with a request when `faults` names nothing."""
        return ""

    def take(self, one: str, document: Any) -> None:
        self.taken.append((one, document))

    def ids(self) -> list[str]:
        with self.lock:
            return [one for one, _ in self.taken]

    def start(self) -> None:
        class Server(ThreadingHTTPServer):
            daemon_threads, block_on_close, allow_reuse_address, request_queue_size = True, False, True, 64

            def handle_error(self, request, client_address):
                """A connection that breaks is what these tests are about."""

        self._connections: set[socket.socket] = set()
        self._server = Server(("127.0.0.1", self.port), type("Connection", (_Connection,), {"receiver": self}))
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Go away: nobody listens, and every connection breaks."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        self._server = None
        for one in list(self._connections):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.hanging.clear()

    def hang(self) -> None:
        self.hanging.set()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


class _Connection(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        self.request.settimeout(30)
        if self.receiver._tls:
            self.request = self.receiver._tls.wrap_socket(self.request, server_side=True)
        self.receiver._connections.add(self.request)
        super().setup()

    def finish(self):
        self.receiver._connections.discard(self.request)
        with contextlib.suppress(OSError):
            super().finish()
        if self.receiver._tls:
            self.request.close()

    def log_message(self, *_):
        """Nothing: a test's output is the test's."""

    def do_GET(self):
        self._send(Reply(405))

    def do_POST(self):
        """Read, answer. What a fault makes of it stands in its method."""
        receiver = self.receiver
        fault = receiver.faults.popleft() if receiver.faults else receiver.chance()
        if isinstance(fault, int):
            self._read()
            self._send(receiver.busy(fault))
        else:
            getattr(self, f"fault_{fault or 'none'}")()

    def _length(self) -> int:
        return int(self.headers.get("Content-Length", 0))

    def _read(self) -> bytes:
        """Read the request; of one that breaks off nothing counts."""
        sent = self.rfile.read(self._length())
        if len(sent) < self._length():
            raise ConnectionError("the sender is gone")
        return sent

    def fault_none(self):
        self._send(self._answer(self._read()))

    def fault_slow_read(self):
        """Read a little at a time, so that the sender's writes wait for us."""
        parts, left = [], self._length()
        while left and (part := self.rfile.read(min(SLOW_BYTES, left))):
            parts.append(part)
            left -= len(part)
        self._send(self._answer(b"".join(parts)))

    def fault_reset_reading(self):
        """Reset while the request is being sent."""
        self.rfile.read(self._length() // 2)
        self._reset()

    def fault_reset_answering(self):
        """Take everything, and reset in the middle of saying so."""
        reply = self._answer(self._read())
        self._head(reply, len(reply.body) + 20)
        self.wfile.write(reply.body[: len(reply.body) // 2])
        self.wfile.flush()
        self._reset()

    def fault_cut(self):
        """Take everything, and close in the middle of saying so."""
        reply = self._answer(self._read())
        self._head(reply, len(reply.body) + 20)
        self.wfile.write(reply.body)
        self.close_connection = True

    def fault_drip(self):
        """Take everything, and answer so slowly that it would never end."""
        self._answer(self._read())
        self._head(Reply(200), 1_000_000)
        with contextlib.suppress(OSError):
            while not self.receiver.hanging.wait(0.05):
                self.wfile.write(b" ")
                self.wfile.flush()

    def fault_lie(self):
        self._send(self.receiver.lie(self._request(self._read())))

    def fault_redirect(self):
        self._read()
        self._send(Reply(307, None, {"Location": f"{self.receiver.url}/elsewhere"}))

    def _request(self, sent: bytes) -> Request:
        parts = urlsplit(self.path)
        body = gzip.decompress(sent) if self.headers.get("Content-Encoding") == "gzip" else sent
        return Request(parts.path, parse_qs(parts.query), self.headers, body, len(sent))

    def _answer(self, sent: bytes) -> Reply:
        receiver = self.receiver
        while receiver.hanging.is_set() and receiver._server is not None:
            threading.Event().wait(0.02)
        request = self._request(sent)
        with receiver.lock:
            receiver.requests.append(request)
            return Reply(413, "too large") if len(request.body) > receiver.most_bytes else receiver.answer(request)

    def _head(self, reply: Reply, length: int) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send(self, reply: Reply) -> None:
        self._head(reply, len(reply.body))
        if reply.status != 204:
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _reset(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        self.rfile.close()  # the socket is closed, and the reset sent, when nothing holds it any more
        with contextlib.suppress(OSError, ValueError):
            self.wfile.close()
