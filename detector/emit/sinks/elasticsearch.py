"""Alerts to Elasticsearch or OpenSearch."""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from detector import clock
from detector.config import ToElasticsearch
from detector.emit.alert import Alert, render
from detector.emit.sinks import Receipt
from detector.emit.sinks.http import (
    DECLINED_ALONE,
    Answer,
    AnswerError,
    DeclinedError,
    HttpClient,
    Piece,
    basic,
    deliver,
    secret_header,
    words,
)
from detector.emit.sinks.secure import read_secret

TOLD: Final = "errors,items.*._id,items.*.status,items.*.error.type,error.type"
"""What is asked for of the answer: the reasons of faults quote values."""

OF_THE_INDEX: Final = {"validation_exception", "index_closed_exception", "invalid_index_name_exception"}
"""Errors with status 400 that no alert is to blame for: such as no room for another shard."""

Result = tuple[int, str]
"""Status and type of the error of one alert."""


class ElasticsearchSink:
    """Documents by `_bulk`, each created under its alert's id.

    Delivery: when the cluster says of each document that it is created (on the disk of its shard's copies), or that
    it was there already: a repeat changes nothing. A document that does not fit the mapping is refused; one that the
    cluster has no time or room for comes again. An answer that does not name every alert is believed in nothing.
    """

    def __init__(self, options: ToElasticsearch) -> None:
        self.options = options
        self._http = HttpClient(options)
        told = {"filter_path": TOLD} | ({"pipeline": options.pipeline} if options.pipeline else {})
        self._url = f"{options.url}/{options.index}/_bulk?{urlencode(told, safe='*,')}"

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        """Send `alerts`."""
        return deliver(self.options, [Piece(one.id, self._lines(one)) for one in alerts], self._send)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _lines(self, alert: Alert) -> bytes:
        action = json.dumps({"create": {"_id": alert.id}}, separators=(",", ":")).encode()
        return action + b"\n" + render(self.options.format, alert, clock.now()) + b"\n"

    def _send(self, part: Sequence[Piece]) -> Receipt:
        headers = {"Content-Type": "application/x-ndjson", **self._credentials()}
        answer = self._http.post(self._url, b"".join(one.data for one in part), headers)
        if answer.status == 413:
            raise DeclinedError("413 Content Too Large")
        if answer.status != 200:
            raise AnswerError(answer, answer.said("error", "type"))
        return _receipt(answer, _results(answer, part))

    def _credentials(self) -> dict[str, str]:
        if self.options.api_key is not None:
            return {"Authorization": f"ApiKey {secret_header(self.options.api_key)}"}
        if self.options.username is not None and self.options.password is not None:
            return {"Authorization": basic(self.options.username, read_secret(self.options.password))}
        return {}


open_sink = ElasticsearchSink


def _results(answer: Answer, part: Sequence[Piece]) -> dict[str, Result]:
    """Return what the answer says of each alert. Raises: AnswerError when it contradicts itself or what was sent."""
    tree = answer.tree()
    try:
        items = [item["create"] for item in tree["items"]]
        results = {one["_id"]: (int(one["status"]), words(one.get("error", {}).get("type"))) for one in items}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise AnswerError(answer, "an answer to _bulk is required") from None
    if len(items) != len(part) or set(results) != {one.id for one in part}:
        raise AnswerError(answer, f"a result for each of {len(part)} alerts is required, {len(items)} came")
    if tree.get("errors") is not any(status >= 300 for status, _ in results.values()):
        raise AnswerError(answer, "`errors` contradicts the results")
    return results


def _receipt(answer: Answer, results: dict[str, Result]) -> Receipt:
    arrived = [one for one, (status, _) in results.items() if status in (200, 201, 409)]
    refused = {
        one: f"400, {sort}" for one, (status, sort) in results.items() if status == 400 and sort not in OF_THE_INDEX
    }
    if len(refused) >= DECLINED_ALONE and not arrived:
        raise AnswerError(Answer(400, b""), f"every alert is refused: {next(iter(refused.values()))}")
    done = {*arrived, *refused}
    kept = [result for one, result in results.items() if one not in done]
    if not kept:
        return Receipt(arrived=arrived, refused=refused)
    status, sort = kept[0]
    fault = AnswerError(Answer(status, b"", answer.retry_after_s), sort)
    return Receipt(arrived=arrived, refused=refused, fault=str(fault), retry_after_s=fault.retry_after_s)
