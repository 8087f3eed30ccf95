"""Receivers as their vendors document them: each refuses what the real one refuses, in its words."""

import json
import uuid
from typing import Any

from tests.emit.sinks.http_receiver import Receiver, Reply, Request

TOKEN = "5a17ed00-0000-4000-8000-c0ffee5ec2e7"


def id_of(document: Any) -> str:
    """The alert's id, wherever the format keeps it."""
    if "event" in document:
        return document["event"]["id"]
    return document.get("id") or document.get("EventUid") or document["finding_info"]["uid"]


class SplunkHec(Receiver):
    """Source: Splunk, Format events for HTTP Event Collector; its possible error codes; indexer acknowledgement."""

    def __init__(self, acknowledgement: bool = False, index: str | None = None, **more: Any) -> None:
        super().__init__(**more)
        self.acknowledgement, self.index = acknowledgement, index
        self.requests_taken, self.withheld, self.asked = 0, 0, 0
        self.channels: set[str] = set()

    def busy(self, status: int) -> Reply:
        return Reply(status, {"text": "Server is busy", "code": 9}, {"Retry-After": self.retry_after})

    def answer(self, request: Request) -> Reply:
        said = request.headers.get("Authorization")
        if said is None:
            return Reply(401, {"text": "Token is required", "code": 2})
        if not said.startswith("Splunk "):
            return Reply(401, {"text": "Invalid authorization", "code": 3})
        if said != f"Splunk {TOKEN}":
            return Reply(403, {"text": "Invalid token", "code": 4})
        channel = request.headers.get("X-Splunk-Request-Channel")
        if self.acknowledgement or request.path.endswith("/ack"):
            if channel is None:
                return Reply(400, {"text": "Data channel is missing", "code": 10})
            if str(uuid.UUID(channel)) != channel:
                return Reply(400, {"text": "Invalid data channel", "code": 11})
            self.channels.add(channel)
        if request.path == "/services/collector/ack":
            return self._acks(request)
        if request.path != "/services/collector/event":
            return Reply(404, {"text": "The requested URL was not found on this server.", "code": 404})
        return self._events(request)

    def _acks(self, request: Request) -> Reply:
        if not self.acknowledgement:
            return Reply(400, {"text": "ACK is disabled", "code": 14})
        numbers = json.loads(request.body)["acks"]
        self.asked += 1
        if self.withheld:
            self.withheld -= 1
            return Reply(200, {"acks": {str(one): False for one in numbers}})
        return Reply(200, {"acks": {str(one): 0 < one <= self.requests_taken for one in numbers}})

    def _events(self, request: Request) -> Reply:
        text, at, number = request.body.decode(), 0, 0
        if not text.strip():
            return Reply(400, {"text": "No data", "code": 5})
        while at < len(text):
            try:
                event, at = json.JSONDecoder().raw_decode(text, at)
            except ValueError:
                return self._bad(6, "Invalid data format", number)
            if fault := self._fault(event):
                return self._bad(*fault, number)
            self.take(id_of(event["event"]), event)
            at += len(text) - at - len(text[at:].lstrip("\r\n "))
            number += 1
        self.requests_taken += 1
        acknowledged = {"ackId": self.requests_taken} if self.acknowledgement else {}
        return Reply(200, {"text": "Success", "code": 0} | acknowledged)

    def _fault(self, event: Any) -> tuple[int, str] | None:
        if not isinstance(event, dict) or "event" not in event:
            return 12, "Event field is required"
        if event["event"] in ("", None, {}):
            return 13, "Event field cannot be blank"
        known = {"time": float, "host": str, "source": str, "sourcetype": str, "index": str, "event": dict}
        if any(name not in known or not isinstance(value, known[name]) for name, value in event.items()):
            return 6, "Invalid data format"
        if event.get("index") != self.index:
            return 7, "Incorrect index"
        return (6, "Invalid data format") if id_of(event["event"]) in self.refused else None

    @staticmethod
    def _bad(code: int, text: str, number: int) -> Reply:
        return Reply(400, {"text": text, "code": code, "invalid-event-number": number})


class Elasticsearch(Receiver):
    """Source: Elasticsearch, Bulk API; OpenSearch, Bulk. `mended` names the errors an item may have."""

    api_key = "QVBJS0VZOnRoaXMtaXMtYS1zZWNyZXQ="

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.documents: dict[str, Any] = {}
        self.authorization: str | None = f"ApiKey {self.api_key}"
        self.refusal = (400, "strict_dynamic_mapping_exception")
        self.pipelines = {"portal-alerts"}

    def busy(self, status: int) -> Reply:
        error = {"type": "es_rejected_execution_exception", "reason": "rejected execution of coordinating operation"}
        return Reply(status, {"error": error, "status": status}, {"Retry-After": self.retry_after})

    def lie(self, request: Request) -> Reply:
        """Say that all went well of all but the last, and take nothing."""
        ids = [json.loads(line)["create"]["_id"] for line in request.body.splitlines()[::2]]
        return Reply(200, {"errors": False, "items": [{"create": {"_id": one, "status": 201}} for one in ids[:-1]]})

    def answer(self, request: Request) -> Reply:
        if request.headers.get("Authorization") != self.authorization:
            return self._error(401, "security_exception")
        if request.path != "/portal-alerts/_bulk":
            return self._error(405, "method_not_allowed")
        if request.headers.get("Content-Type") not in ("application/x-ndjson", "application/json"):
            return self._error(406, "media_type_header_exception")
        if not request.body.endswith(b"\n"):
            return self._error(400, "illegal_argument_exception")
        lines = request.body.decode().split("\n")[:-1]
        actions = [json.loads(line) for line in lines[::2]]
        if len(lines) % 2 or any(list(one) != ["create"] or set(one["create"]) != {"_id"} for one in actions):
            return self._error(400, "illegal_argument_exception")
        found = {name for name in request.query.get("pipeline", []) if name not in self.pipelines}
        wrong = (400, "illegal_argument_exception") if found else None
        items = [
            self._item(action["create"]["_id"], line, wrong) for action, line in zip(actions, lines[1::2], strict=True)
        ]
        return Reply(200, {"errors": any("error" in one["create"] for one in items), "items": items})

    def _item(self, one: str, line: str, wrong: tuple[int, str] | None) -> Any:
        document = json.loads(line)
        assert "@timestamp" in document or "time" in document
        if one in self.to_send_back:
            self.to_send_back.discard(one)
            wrong = 429, "es_rejected_execution_exception"
        elif one in self.refused:
            wrong = self.refusal
        elif one in self.documents:
            wrong = 409, "version_conflict_engine_exception"
        if wrong:
            return {"create": {"_id": one, "status": wrong[0], "error": {"type": wrong[1]}}}
        self.documents[one] = document
        self.take(one, document)
        return {"create": {"_id": one, "status": 201}}

    @staticmethod
    def _error(status: int, sort: str) -> Reply:
        return Reply(status, {"error": {"type": sort, "reason": "a value of an alert: u1"}, "status": status})
