"""Answer over HTTP how the detector is: `/metrics` to Prometheus, `/health` to people and to those who watch it.

Contract: answers are made of a record that the loop has put down, in threads of their own, few and with an end, so that
whoever asks, however slowly or often, holds nothing up and takes no memory. They hold no account, address or path.
"""

import json
import socket
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Thread, Timer
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from detector.errors import DetectorError
from detector.pipeline.watching.figures import Figures, sentence
from detector.pipeline.watching.metrics import DetectorCollector
from detector.pipeline.watching.watch import Watch
from detector.telemetry import log

MOST_CONNECTIONS: Final = 8
DEADLINE_S: Final = 5.0
"""After which a connection is cut, whoever is to blame: a request is one packet, an answer some dozen."""

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"

Answer = tuple[HTTPStatus, str, bytes]
"""Status, content type, body."""


class Exporter:
    """Serves while it is open. Raises: DetectorError where nothing can listen at `address`."""

    def __init__(self, address: tuple[str, int], watch: Watch) -> None:
        self._watch = watch
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(DetectorCollector(self._asked))
        ProcessCollector(registry=self._registry)
        answers: dict[str, Callable[[str], Answer]] = {
            "/metrics": self._metrics,
            "/health": self._health,
            "/-/healthy": self._turning,
            "/-/ready": self._reading,
        }
        handler = type("_Bound", (_Handler,), {"answers": answers})
        try:
            self._server = _Server(address, handler)
        except OSError as fault:
            where = f"metrics.listen: {address[0]} port {address[1]}"
            raise DetectorError(f"{where}: cannot listen there: {fault.strerror}") from None
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _asked(self) -> tuple[Figures, set[str]]:
        return self._watch.figures, {one.code for one in self._watch.concerns()}

    def _metrics(self, accepted: str) -> Answer:
        encode, content_type = choose_encoder(accepted)
        return HTTPStatus.OK, content_type, encode(self._registry)

    def _health(self, _: str) -> Answer:
        """Tell every concern: for those who watch it."""
        found = self._watch.concerns()
        told = {
            "status": "unhealthy" if found else "healthy",
            "concerns": [{"code": one.code, "text": one.text, "advice": one.advice} for one in found],
            "figures": sentence(self._watch.figures),
        }
        return _status(not found), JSON, json.dumps(told, indent=2).encode() + b"\n"

    def _turning(self, _: str) -> Answer:
        """Tell whether the loop turns: for those who would restart it, which helps against nothing else."""
        stalled = [one.text for one in self._watch.concerns() if one.code == "stalled"]
        return _status(not stalled), TEXT, ("\n".join(stalled) or "healthy").encode() + b"\n"

    def _reading(self, _: str) -> Answer:
        """Tell whether it has taken up its state and keeps up with the writers."""
        lacks = [one.text for one in self._watch.concerns() if one.code in ("stalled", "behind", "outbox", "refused")]
        lacks += [] if self._watch.looked else ["it begins"]
        return _status(not lacks), TEXT, ("\n".join(lacks) or "ready").encode() + b"\n"


def _status(well: bool) -> HTTPStatus:
    return HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE


class _Handler(BaseHTTPRequestHandler):
    """One request a connection: HTTP/1.0, as `http.server` speaks it unless told otherwise."""

    answers: ClassVar[dict[str, Callable[[str], Answer]]]
    timeout = DEADLINE_S
    server_version, sys_version = "portal-detector", ""

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        answer = self.answers.get(path)
        if answer is None:
            self._send(HTTPStatus.NOT_FOUND, TEXT, ("known are " + " ".join(self.answers) + "\n").encode())
        else:
            self._send(*answer(self.headers.get("Accept", "")))

    do_HEAD = do_GET  # noqa: N815  # as the base class looks for it

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse without repeating what was asked."""
        self._send(HTTPStatus(code), TEXT, f"{code} {HTTPStatus(code).phrase}\n".encode())

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if status is HTTPStatus.NOT_IMPLEMENTED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base class names it
        """Say nothing: who asks how often is no news."""


class _Server(ThreadingMixIn, TCPServer):
    """A thread a connection, for as many as there are slots; more are let go at once."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 2 * MOST_CONNECTIONS

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._slots = BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread, if there is a slot."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer within the deadline: one that sends a letter a second is cut off as well."""
        deadline = Timer(DEADLINE_S, _cut, [request])
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a fault of ours; of clients that go away, nothing."""
        fault = sys.exc_info()[1]
        if not isinstance(fault, OSError):
            log.error("a question over HTTP is not answered", extra={"fault": repr(fault)})


def _cut(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already
