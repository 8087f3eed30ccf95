"""Alerts as webhooks."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit

from detector import clock
from detector.config import Signature, ToWebhook
from detector.config.sinks.http import is_safe
from detector.emit.alert import Alert, render
from detector.emit.sinks import Receipt
from detector.emit.sinks.http import Answer, AnswerError, HttpClient, Piece, deliver, named, secret_header, words
from detector.emit.sinks.secure import read_secret
from detector.emit.sinks.webhook_templates import body
from detector.errors import DetectorError


class WebhookSink:
    """One request an alert, in order, signed, with the alert's id as its idempotency key.

    Delivery: when the receiver has said so in the way it is known to: 2xx and no web page for plain alerts, `ok` of
    Slack, 202 of Teams and PagerDuty, 201 of TheHive. What it says it will never take is refused; anything else is
    kept, and those behind it wait.
    """

    def __init__(self, options: ToWebhook) -> None:
        self.options = options
        self._http = HttpClient(options)

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        """Send `alerts` one after the other. Raises: DetectorError."""
        return deliver(self.options, [Piece(one.id, self._body(one)) for one in alerts], self._send_first)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _body(self, alert: Alert) -> bytes:
        options = self.options
        if options.template == "alert":
            return render(options.format, alert, clock.now())
        token = read_secret(options.token) if options.template == "pagerduty" and options.token else None
        return body(options.template, alert, token)

    def _send_first(self, part: Sequence[Piece]) -> Receipt:
        one = part[0]
        answer = self._http.post(self._url(), one.data, self._headers(one))
        if _has_it(self.options.template, answer):
            return Receipt(arrived=[one.id])
        if answer.status in self.options.refused_statuses and not _of_the_key(self.options.template, answer):
            return Receipt(refused={one.id: ": ".join(filter(None, (named(answer.status), _said(answer))))})
        raise AnswerError(answer, _said(answer))

    def _url(self) -> str:
        if self.options.url_from is None:
            return self.options.urls[0]
        url, place = read_secret(self.options.url_from), self.options.url_from.file or self.options.url_from.env
        try:
            known = bool(urlsplit(url).hostname) and (is_safe(url) or self.options.cleartext) and url.isascii()
        except ValueError:
            known = False
        if not known or not url.startswith(("https://", "http://")):
            raise DetectorError(f"{place}: an https URL is required there")
        return url

    def _headers(self, one: Piece) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": one.id}
        if self.options.token is not None and self.options.template != "pagerduty":
            headers["Authorization"] = f"Bearer {secret_header(self.options.token)}"
        if self.options.signature is not None:
            headers |= signed(one, self.options.signature, int(clock.now().timestamp()))
        return headers


open_sink = WebhookSink


def signed(one: Piece, signature: Signature, time_s: int) -> dict[str, str]:
    """Return the headers that prove who sent `one`, and when. Source: Standard Webhooks 1.0, for scheme `standard`."""
    secret, stamp = read_secret(signature.secret), str(time_s)
    headers = {signature.id_header: one.id, signature.timestamp_header: stamp}
    if signature.scheme == "hex":
        digest = hmac.new(secret.encode(), stamp.encode() + b"." + one.data, hashlib.sha256)
        return headers | {signature.signature_header: f"sha256={digest.hexdigest()}"}
    digest = hmac.new(_key(secret), f"{one.id}.{stamp}.".encode() + one.data, hashlib.sha256)
    return headers | {signature.signature_header: "v1," + base64.b64encode(digest.digest()).decode()}


def _key(secret: str) -> bytes:
    """Return the key: of `whsec_...` what the base64 behind it says, of any other secret its bytes."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise DetectorError("the signature's secret: base64 is required behind whsec_") from None


def _has_it(template: str, answer: Answer) -> bool:
    """Return whether the receiver has the alert, now or from a time before."""
    status, text = answer.status, answer.body.strip()
    match template:
        case "slack":
            return status == 200 and text in (b"ok", b'{"ok":true}')
        case "teams":
            return status == 202 or (status == 200 and text in (b"", b"1"))
        case "pagerduty":
            return status == 202 and answer.said("status") == "success"
        case "thehive":
            return status == 201 or (
                status == 400 and answer.said("type") == "CreateError" and b"already exist" in text
            )
    return 200 <= status < 300 and not text.lower().startswith((b"<!doctype html", b"<html"))  # a page to log in


def _of_the_key(template: str, answer: Answer) -> bool:
    """Return whether PagerDuty says 400 of the routing key: no alert is to blame for that."""
    return template == "pagerduty" and b"routing" in answer.body.lower()


def _said(answer: Answer) -> str:
    return answer.said("message") or words(answer.body[:100].decode("ascii", "replace").strip())
