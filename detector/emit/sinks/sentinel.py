"""Alerts to Microsoft Sentinel."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from detector import clock
from detector.config import ToSentinel
from detector.emit.alert import Alert, render
from detector.emit.sinks import Receipt
from detector.emit.sinks.http import Answer, AnswerError, DeclinedError, HttpClient, Piece, deliver
from detector.emit.sinks.secure import read_secret

API_VERSION: Final = "2023-01-01"

EARLY_S: Final = 120.0
"""How long before its end a token is renewed: clocks differ, and a request takes its time."""


class SentinelSink:
    """Rows to a table by the Logs Ingestion API of Azure Monitor, with a token of a registered application.

    Delivery: when the API has said 204: the rows are then accepted, and in the table within minutes; a repeat is a
    second row with the same `EventUid`. A request that is refused is halved to find the row that is to blame.
    """

    def __init__(self, options: ToSentinel) -> None:
        self.options = options
        self._http = HttpClient(options)
        self._rows = f"{options.url}/dataCollectionRules/{options.rule}/streams/{options.stream}"
        self._rows += f"?api-version={API_VERSION}"
        self._token, self._valid_until_s = "", 0.0

    def __repr__(self) -> str:
        return f"SentinelSink({self.options.label})"

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        """Send `alerts`."""
        now = clock.now()
        rows = [Piece(one.id, render(self.options.format, one, now) + b",") for one in alerts]
        return deliver(self.options, rows, self._send)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _send(self, part: Sequence[Piece]) -> Receipt:
        body = b"[" + b"".join(one.data for one in part)[:-1] + b"]"
        answer = self._post(body)
        if answer.status == 401:  # the token may have been withdrawn before its time
            self._valid_until_s = 0.0
            answer = self._post(body)
        if answer.status == 204:
            return Receipt(arrived=[one.id for one in part])
        said = answer.said("error", "code")
        if answer.status in (400, 413):
            raise DeclinedError(f"{answer.status}: {said}" if said else str(answer.status))
        raise AnswerError(answer, said or "204 is required")

    def _post(self, body: bytes) -> Answer:
        if clock.monotonic_s() >= self._valid_until_s:
            self._renew_token()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return self._http.post(self._rows, body, headers)

    def _renew_token(self) -> None:
        """Ask for a token. Raises: AnswerError, DetectorError. Source: OAuth 2.0 client credentials, Entra ID v2.0."""
        options = self.options
        form = {
            "grant_type": "client_credentials",
            "client_id": options.client_id,
            "client_secret": read_secret(options.client_secret),
            "scope": options.scope,
        }
        asked_s = clock.monotonic_s()
        answer = self._http.post_form(
            f"{options.authority}/{options.tenant}/oauth2/v2.0/token", urlencode(form).encode()
        )
        if answer.status != 200:
            raise AnswerError(answer, f"no token: {answer.said('error')}")
        tree = answer.tree()
        token, lasts_s = tree.get("access_token"), tree.get("expires_in")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not isinstance(lasts_s, int):
            raise AnswerError(answer, "no token: access_token and expires_in are required")
        self._token, self._valid_until_s = token, asked_s + max(lasts_s - EARLY_S, lasts_s / 2)


open_sink = SentinelSink
