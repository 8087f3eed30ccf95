"""Receivers as their vendors document them: each refuses what the real one refuses, in its words."""

import base64
import hashlib
import hmac
import json
import re
import uuid
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from detector import clock
from detector.config import shipped
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


class Webhook(Receiver):
    """Source: Standard Webhooks 1.0, verifying webhooks."""

    key = b"webhooks are signed with this key"
    secret = "whsec_" + base64.b64encode(key).decode()

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.known: set[str] = set()
        self.accepted = Reply(204)

    def answer(self, request: Request) -> Reply:
        if request.headers.get("Content-Type") != "application/json":
            return Reply(415)
        one, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        if abs(clock.now().timestamp() - int(stamp)) > 300:
            return Reply(401, {"message": "Message timestamp too old"})
        wanted = hmac.digest(self.key, f"{one}.{stamp}.".encode() + request.body, hashlib.sha256)
        version, _, signature = request.headers["webhook-signature"].partition(",")
        if version != "v1" or not hmac.compare_digest(base64.b64decode(signature), wanted):
            return Reply(401, {"message": "No matching signature found"})
        if request.headers.get("Idempotency-Key") != one:
            return Reply(400, {"message": "Idempotency-Key is missing"})
        return self.judge(one, json.loads(request.body))

    def judge(self, one: str, document: Any) -> Reply:
        if one in self.to_send_back:
            self.to_send_back.discard(one)
            return Reply(429, "Too many", {"Retry-After": self.retry_after})
        if one in self.refused:
            return Reply(422, {"message": "Unknown field"})
        self.take(one, document)
        return self.accepted


def require(true: Any, what: str) -> None:
    """Refuse a document, as its vendor does."""
    if not true:
        raise ValueError(what)


class Strict(Receiver):
    """A receiver that judges a document by `check`, and answers `bad` where that finds fault."""

    accepted = Reply(200)

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.documents: dict[str, Any] = {}

    def check(self, document: Any, request: Request) -> str:
        """Return the id of the document. Raises: ValueError."""
        raise NotImplementedError

    def bad(self, why: str) -> Reply:
        raise NotImplementedError

    def answer(self, request: Request) -> Reply:
        if request.headers.get("Content-Type") != "application/json":
            return Reply(415)
        document = json.loads(request.body)
        try:
            one = self.check(document, request)
        except (ValueError, KeyError) as fault:
            return self.bad(str(fault))
        self.take(one, document)
        return self.accepted


class Slack(Strict):
    """Source: Slack, incoming webhooks; Block Kit reference: header, section, text objects and their limits."""

    accepted = Reply(200, "ok")

    def bad(self, why: str) -> Reply:
        return Reply(400, "invalid_blocks")

    def lie(self, request: Request) -> Reply:
        return Reply(200, "<html>Sign in</html>")

    def check(self, document: Any, request: Request) -> str:
        require(request.path == "/services/T000/B000/secret", "no_service")
        require(document["text"] and not re.search("[<>]", document["text"]), "no_text")
        texts = []
        for block in document["blocks"]:
            require(block["type"] in ("header", "section"), "invalid_blocks")
            texts += [(block["text"], 150 if block["type"] == "header" else 3000)] if "text" in block else []
            require(len(block.get("fields", [])) <= 10, "invalid_blocks")
            texts += [(one, 2000) for one in block.get("fields", [])]
        for text, most in texts:
            require(text["type"] == "plain_text", "mrkdwn makes links and mentions")
            require(1 <= len(text["text"]) <= most, "invalid_blocks")
            require(not re.search(r"[<>]|&(?!amp;|lt;|gt;)|://", text["text"]), "not escaped")
        return texts[-1][0]["text"].rpartition("\n")[2]


class Teams(Strict):
    """Source: Adaptive Cards schema 1.4; Teams, Create an incoming webhook with Workflows (28 KB)."""

    accepted = Reply(202)

    def bad(self, why: str) -> Reply:
        return Reply(400, {"error": {"code": "InvalidBotAdaptiveCard", "message": why}})

    def check(self, document: Any, request: Request) -> str:
        require(len(request.body) <= 28_000, "too large")
        require(document["type"] == "message", "message")
        (attachment,) = document["attachments"]
        require(attachment["contentType"] == "application/vnd.microsoft.card.adaptive", "card")
        card = attachment["content"]
        require((card["type"], card["version"]) == ("AdaptiveCard", "1.4"), "card")
        require("entities" not in card["msteams"], "mentions")
        for block in card["body"]:
            require(block["type"] == "RichTextBlock", "TextBlock and FactSet know Markdown")
            for run in block["inlines"]:
                require(set(run) <= {"type", "text", "weight", "size"} and run["type"] == "TextRun", "run")
                require("://" not in run["text"], "link")
        return card["body"][-1]["inlines"][-1]["text"]


class PagerDuty(Strict):
    """Source: PagerDuty, Events API v2; the key is 32 characters long."""

    key = "0123456789abcdef0123456789abcdef"
    accepted = Reply(202, {"status": "success", "message": "Event processed", "dedup_key": "x"})

    def bad(self, why: str) -> Reply:
        return Reply(400, {"status": "invalid event", "message": "Event object is invalid", "errors": [why]})

    def check(self, document: Any, request: Request) -> str:
        require(request.path == "/v2/enqueue", "path")
        require(document["routing_key"] == self.key, "Invalid routing key")
        require(0 < len(document["dedup_key"]) <= 255, "dedup_key")
        require(document["event_action"] in ("trigger", "resolve"), "event_action")
        if document["event_action"] == "resolve":
            return document["dedup_key"]
        payload = document["payload"]
        require(0 < len(payload["summary"]) <= 1024, "summary")
        require(payload["source"], "source")
        require(payload["severity"] in ("critical", "error", "warning", "info"), "severity")
        datetime.fromisoformat(payload["timestamp"])
        return payload["custom_details"]["Alert"]


class TheHive(Strict):
    """Source: TheHive 5 API, Create Alert: required fields, lengths, one alert for a type, source and sourceRef."""

    key = "thehive-key-0001"
    lengths = (("type", 32), ("source", 128), ("sourceRef", 128), ("title", 512), ("description", 1_048_576))

    def bad(self, why: str) -> Reply:
        if why == "known":
            return Reply(400, {"type": "CreateError", "message": "Alert a:b:c already exist in organisation"})
        return Reply(400, {"type": "BadRequest", "message": why})

    accepted = Reply(201, {"_id": "~1", "_type": "Alert"})

    def answer(self, request: Request) -> Reply:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return Reply(401, {"type": "AuthenticationError", "message": "Authentication failure"})
        return super().answer(request)

    def check(self, document: Any, request: Request) -> str:
        require(request.path == "/api/v1/alert", "path")
        for name, most in self.lengths:
            require(1 <= len(document[name]) <= most, name)
        require(
            document["severity"] in (1, 2, 3, 4) and document["tlp"] in range(5) and document["pap"] in range(4), "n"
        )
        require(document["date"] > 1_000_000_000_000, "milliseconds")
        require(all(1 <= len(one) <= 128 for one in document["tags"]), "tags")
        found = [(one["dataType"], one["data"]) for one in document["observables"]]
        require(
            len(set(found)) == len(found) and all(sort in ("ip", "other") and data for sort, data in found), "twice"
        )
        require(document["sourceRef"] not in {one for one, _ in self.taken}, "known")
        return document["sourceRef"]


def columns() -> dict[str, str]:
    """The stream's columns, as the rule that ships for Sentinel declares them."""
    resource = json.loads(shipped("config", "siem", "sentinel", "dcr.json").read_text("utf-8"))["resources"][0]
    declared = resource["properties"]["streamDeclarations"]["Custom-PortalAlerts_CL"]["columns"]
    return {one["name"]: one["type"] for one in declared}


class Sentinel(Receiver):
    """Source: Azure Monitor, Logs Ingestion API (1 MB a call, 64 KB a field); Entra ID, client credentials."""

    most_bytes = 1_048_576
    client, secret, rule = "5a17ed00-0000-4000-8000-000000000001", "Zx8Q~client.secret", "dcr-0123456789abcdef"

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.tokens: dict[str, bool] = {}
        self.lasts_s = 3599
        self.sorts = columns()

    def busy(self, status: int) -> Reply:
        return Reply(status, {"error": {"code": "Throttled", "message": "x"}}, {"Retry-After": self.retry_after})

    def answer(self, request: Request) -> Reply:
        if request.path == "/contoso.example.org/oauth2/v2.0/token":
            return self._token(request)
        if not self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer ")):
            return self._error(401, "InvalidToken")
        if request.path != f"/dataCollectionRules/{self.rule}/streams/Custom-PortalAlerts_CL":
            return self._error(404, "NotFound")
        if request.query.get("api-version") != ["2023-01-01"]:
            return self._error(400, "MissingApiVersionParameter")
        if request.headers.get("Content-Type") != "application/json":
            return self._error(415, "UnsupportedMediaType")
        rows = json.loads(request.body)
        if not isinstance(rows, list) or not rows or any(self._fault(row) for row in rows):
            return self._error(400, "InvalidPayload")
        for row in rows:
            self.take(row["EventUid"], row)
        return Reply(204)

    def withdraw(self) -> None:
        """Make every token invalid before its time."""
        self.tokens = dict.fromkeys(self.tokens, False)

    def _token(self, request: Request) -> Reply:
        if request.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            return Reply(400, {"error": "invalid_request"})
        form = {name: value[0] for name, value in parse_qs(request.body.decode(), strict_parsing=True).items()}
        if form["grant_type"] != "client_credentials" or form["scope"] != "https://monitor.azure.com//.default":
            return Reply(400, {"error": "invalid_scope"})
        if (form["client_id"], form["client_secret"]) != (self.client, self.secret):
            return Reply(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"})
        token = f"eyJ.token-{len(self.tokens)}"
        self.tokens[token] = True
        return Reply(200, {"token_type": "Bearer", "expires_in": self.lasts_s, "access_token": token})

    def _fault(self, row: Any) -> bool:
        known = {"string": str, "int": int, "datetime": str, "dynamic": dict}
        if row["EventUid"] in self.refused or "TimeGenerated" not in row:
            return True
        return any(
            name not in self.sorts or not isinstance(value, known[self.sorts[name]]) or len(json.dumps(value)) > 65_536
            for name, value in row.items()
        )

    @staticmethod
    def _error(status: int, code: str) -> Reply:
        return Reply(status, {"error": {"code": code, "message": "a value of an alert: u1"}})
