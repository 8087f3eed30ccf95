"""Alerts to Splunk's HTTP Event Collector."""

import json
import socket
import uuid
from collections.abc import Sequence
from typing import Any, Final

from detector import clock
from detector.config import ToSplunkHec
from detector.emit.alert import Alert, render
from detector.emit.sinks import Receipt
from detector.emit.sinks.http import (
    Answer,
    AnswerError,
    DeclinedError,
    HttpClient,
    Piece,
    deliver,
    secret_header,
)

BAD_EVENT: Final = {6, 12, 13, 15}
"""Codes that blame one event: invalid data, `event` missing, `event` blank, indexed fields.

Source: Splunk, Troubleshoot HTTP Event Collector, possible error codes.
"""

LOOK_S: Final = (0.1, 5.0)
"""The first pause between two looks for an acknowledgement, and the longest: each is twice the one before."""


class SplunkHecSink:
    """Events in JSON, many a request, to /services/collector/event.

    Delivery: when the collector has said 200: the event is then in its memory, not on its disk. With `acknowledge`,
    when it is indexed. An event that it names as bad is refused; those behind it are sent anew, and with `acknowledge`
    those before it too: else they have arrived. All else is kept and tried again; a repeat has the same id.
    """

    def __init__(self, options: ToSplunkHec) -> None:
        self.options = options
        self._http = HttpClient(options)
        self._channel, self._acknowledges = str(uuid.uuid4()), False
        about = {"host": options.host or socket.gethostname(), "source": options.source}
        about |= {"sourcetype": options.sourcetype} | ({"index": options.index} if options.index else {})
        self._about = json.dumps(about, separators=(",", ":"))[1:-1]

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        """Send `alerts`."""
        pieces = [Piece(one.id, self._event(one)) for one in alerts]
        return deliver(self.options, pieces, self._send)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _event(self, alert: Alert) -> bytes:
        head = f'{{"time":{alert.timestamp.timestamp():.3f},{self._about},"event":'
        return head.encode() + render(self.options.format, alert, clock.now()) + b"}\n"

    def _send(self, part: Sequence[Piece]) -> Receipt:
        if self.options.acknowledge and not self._acknowledges:
            self._indexed(0)  # a token without acknowledgement says so before it is given anything
            self._acknowledges = True
        answer = self._post("event", b"".join(one.data for one in part))
        if answer.status == 413:
            raise DeclinedError("413 Content Too Large")
        if answer.status == 400:
            receipt = _blamed(answer, part)
            # what stands before a bad event is accepted, and has no acknowledgement to wait for
            return Receipt(refused=receipt.refused) if self.options.acknowledge else receipt
        tree = _success(answer)
        if self.options.acknowledge:
            self._await_indexed(answer, tree.get("ackId"))
        return Receipt(arrived=[one.id for one in part])

    def _await_indexed(self, answer: Answer, number: object) -> None:
        """Wait for the acknowledgement. Raises: OSError when it does not come."""
        if not isinstance(number, int):
            raise AnswerError(answer, "ackId is required")
        end, pause_s = clock.monotonic_s() + self.options.acknowledge_s, LOOK_S[0]
        while not self._indexed(number):
            if clock.monotonic_s() + pause_s > end:
                raise TimeoutError(f"not indexed within {self.options.acknowledge_s:g} s")
            clock.pause(pause_s)
            pause_s = min(2 * pause_s, LOOK_S[1])

    def _indexed(self, number: int) -> bool:
        answer = self._post("ack", json.dumps({"acks": [number]}).encode())
        if answer.status != 200:
            raise AnswerError(answer, answer.said("text"))
        acks = answer.tree().get("acks")
        return isinstance(acks, dict) and acks.get(str(number)) is True

    def _post(self, what: str, body: bytes) -> Answer:
        headers = {
            "Authorization": f"Splunk {secret_header(self.options.token)}",
            "Content-Type": "application/json",
        }
        if self.options.acknowledge:
            headers["X-Splunk-Request-Channel"] = self._channel
        return self._http.post(f"{self.options.url}/services/collector/{what}", body, headers)


open_sink = SplunkHecSink


def _success(answer: Answer) -> dict[str, Any]:
    """Return the answer that says that all is well. Raises: AnswerError when it does not."""
    if answer.status != 200:
        raise AnswerError(answer, answer.said("text"))
    tree = answer.tree()
    if tree.get("code") != 0:
        raise AnswerError(answer, answer.said("text"))
    return tree


def _blamed(answer: Answer, part: Sequence[Piece]) -> Receipt:
    """Return what became of a batch with a bad event. Raises: AnswerError when it is not the event, DeclinedError."""
    tree = answer.tree()
    code, number, said = tree.get("code"), tree.get("invalid-event-number"), answer.said("text")
    if code not in BAD_EVENT:
        raise AnswerError(answer, said)
    if not isinstance(number, int) or not 0 <= number < len(part):
        raise DeclinedError(f"400, code {code}: {said}")
    return Receipt(arrived=[one.id for one in part[:number]], refused={part[number].id: f"400, code {code}: {said}"})
