"""HTTP as the sinks speak it: one receiver, a connection kept open, every fault in words that hold no secret."""

import base64
import gzip
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, IncompleteRead
from urllib3.exceptions import TimeoutError as LateError

from detector import VERSION, clock
from detector.config import Credential, OverHttp
from detector.emit.sinks import Receipt, joined
from detector.emit.sinks.secure import read_secret, tls_context
from detector.errors import DetectorError
from detector.telemetry import log

MOST_ANSWER_BYTES: Final = 8_000_000
"""What is longer is no answer of a receiver of alerts."""

IDLE_S: Final = 30.0
"""After so long without a request a connection is made anew: what is between may have forgotten it without a word."""

SLOW_S: Final = 60.0
"""How long to wait after an answer that somebody has to mend first."""

DECLINED_ALONE: Final = 3
"""So many alerts declined one by one and none taken: it is not the alerts."""

_TO_MEND: Final = {
    401: "check the credentials",
    403: "check the credentials and what they may do",
    404: "check the URL",
    405: "check the URL",
    407: "the proxy wants credentials",
}


class Piece(NamedTuple):
    """An alert as it is sent."""

    id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said."""

    status: int
    body: bytes
    retry_after_s: float | None = None

    def tree(self) -> dict[str, Any]:
        """Return the JSON object of the body. Raises: AnswerError when it is none."""
        try:
            tree = json.loads(self.body)
        except (ValueError, RecursionError):
            tree = None
        if not isinstance(tree, dict):
            raise AnswerError(self, "an answer in JSON is required")
        return tree

    def said(self, *names: str) -> str:
        """Return the text that stands under `names` in the body if it is a few plain words: no value of an alert."""
        try:
            found: Any = json.loads(self.body)
        except (ValueError, RecursionError):
            return ""  # a proxy before the receiver speaks HTML
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return words(found)


class AnswerError(OSError):
    """An answer after which the alerts are kept. `said` is what the receiver gave as the reason, if that is known."""

    def __init__(self, answer: Answer, said: str = "") -> None:
        status = answer.status
        self.to_mend = status in _TO_MEND or 300 <= status < 400
        self.retry_after_s = answer.retry_after_s or (SLOW_S if self.to_mend else None)
        hint = "a redirect is not followed: say the final URL" if 300 <= status < 400 else _TO_MEND.get(status, "")
        super().__init__(": ".join(filter(None, (named(status), said, hint))))


class DeclinedError(OSError):
    """The receiver will not have this request, and it is not known which of its alerts are to blame."""


class HttpClient:
    """A connection to a receiver, made when it is needed. TLS is verified; redirects are not followed."""

    def __init__(self, options: OverHttp) -> None:
        self._options = options
        tls: dict[str, Any] = {"ssl_context": tls_context(options.tls)}
        if options.tls.server_name:
            tls["server_hostname"] = options.tls.server_name
        self._tls = tls
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._used_s = clock.monotonic_s()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body`, compressed if the section says so, and return the answer. Raises: OSError."""
        sent = dict(headers) | {"User-Agent": f"portal-detector/{VERSION}"}
        if self._options.gzip:
            body, sent["Content-Encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
        return self._exchange(url, body, sent)

    def post_form(self, url: str, body: bytes) -> Answer:
        """Send a form. Raises: OSError."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._exchange(url, body, headers)

    def close(self) -> None:
        """Let go of the connections."""
        for pool in self._pools.values():
            pool.clear()

    def _exchange(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        wait_s = self._options.timeout_s
        try:
            response = self._pool(url).urlopen(
                "POST",
                url,
                redirect=False,
                body=body,
                headers=headers,
                retries=False,
                timeout=urllib3.Timeout(connect=wait_s, read=wait_s),
                preload_content=False,
                decode_content=False,
            )
            return Answer(response.status, _body(response, wait_s), _retry_after_s(response.headers))
        except HTTPError as fault:
            raise OSError(f"{urlsplit(url).hostname}: {_why(fault)}") from None

    def _pool(self, url: str) -> urllib3.PoolManager:
        before_s, self._used_s = self._used_s, clock.monotonic_s()
        if self._used_s - before_s > IDLE_S:
            self.close()
        proxy = _proxy(self._options.proxy, url) or ""
        if proxy not in self._pools:
            self._pools[proxy] = _through(proxy, self._tls) if proxy else urllib3.PoolManager(**self._tls)
        return self._pools[proxy]


def deliver(options: OverHttp, pieces: Sequence[Piece], send: Callable[[Sequence[Piece]], Receipt]) -> Receipt:
    """Send `pieces` in requests of at most `request_bytes`; go on behind what is refused; return what became of each.

    What `send` names in its receipt is done; without a fault it goes on with the rest. A request that is declined is
    halved, down to the one alert that is to blame: that is refused when any other is taken, else all are kept.
    """
    receipts, parts, declined = list[Receipt](), list(_requests(pieces, options.request_bytes))[::-1], dict[str, str]()
    while parts and (len(declined) < DECLINED_ALONE or any(one.arrived for one in receipts)):
        part = parts.pop()
        try:
            receipt = send(part)
        except DeclinedError as fault:
            if len(part) == 1:
                declined[part[0].id] = str(fault)
            else:
                parts += [part[len(part) // 2 :], part[: len(part) // 2]]
            continue
        except (OSError, DetectorError) as fault:
            receipt = _kept(options.label, fault)
        receipts.append(receipt)
        if receipt.fault:
            break
        done = {*receipt.arrived, *receipt.refused}
        if rest := [one for one in part if one.id not in done]:
            parts.append(rest)
    known = any(one.arrived for one in receipts)
    return joined([*receipts, Receipt(refused=declined) if known else Receipt(fault=next(iter(declined.values()), ""))])


def secret_header(credential: Credential) -> str:
    """Return a secret that can stand in a header. Raises: DetectorError."""
    secret = read_secret(credential)
    if not secret.isascii():
        place = credential.file or f"environment variable {credential.env}"
        raise DetectorError(f"{place}: a secret in ASCII is required there: it is sent in a header")
    return secret


def basic(username: str, password: str) -> str:
    """Return the value of the header `Authorization` for a user. Source: RFC 7617."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def named(status: int) -> str:
    """Return a status with its name: `429 Too Many Requests`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def words(said: object) -> str:
    """Return what a receiver said if it is a few plain words, else nothing."""
    return said if isinstance(said, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_ ,.'-]{0,79}", said) else ""


def _requests(pieces: Sequence[Piece], most_bytes: int) -> Iterator[list[Piece]]:
    part, size = list[Piece](), 0
    for one in pieces:
        if part and size + len(one.data) > most_bytes:
            yield part
            part, size = [], 0
        part.append(one)
        size += len(one.data)
    if part:
        yield part


def _kept(label: str, fault: Exception) -> Receipt:
    if getattr(fault, "to_mend", False):
        log.error("receiver will not have us", extra={"sink": label, "reason": str(fault)})
    return Receipt(fault=str(fault), retry_after_s=getattr(fault, "retry_after_s", None))


def _body(response: urllib3.BaseHTTPResponse, wait_s: float) -> bytes:
    """Read to the end, however slowly it drips: within `wait_s` of its beginning. Raises: OSError."""
    end, parts, size = clock.monotonic_s() + wait_s, list[bytes](), 0
    try:
        while part := response.read1(65_536):
            parts.append(part)
            size += len(part)
            if size > MOST_ANSWER_BYTES:
                raise OSError(f"an answer of at most {MOST_ANSWER_BYTES:,} bytes is required, it is longer")
            if clock.monotonic_s() > end:
                raise OSError(f"the answer did not end within {wait_s:g} s")
    except BaseException:
        response.close()  # what is left of it must not be taken for the next answer
        raise
    response.release_conn()
    return b"".join(parts)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long to wait, said in seconds or as a date. Source: RFC 9110, section 10.2.3."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - clock.now()).total_seconds())
    except (TypeError, ValueError):  # none, no date, or a date without a zone
        return None


def _proxy(told: str | None, url: str) -> str | None:
    if told != "environment":
        return told
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _through(proxy: str, tls: Mapping[str, Any]) -> urllib3.ProxyManager:
    """Return connections through `proxy`; the environment may give it a user and a password."""
    parts = urllib3.util.parse_url(proxy)
    headers = urllib3.make_headers(proxy_basic_auth=parts.auth) if parts.auth else None
    return urllib3.ProxyManager(parts._replace(auth=None).url, proxy_headers=headers, **tls)


def _why(fault: BaseException) -> str:
    """Return what is wrong in words without the URL: the reason underneath where there is one."""
    found = list(_under(fault))
    for one in reversed(found):
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"TLS: certificate verify failed: {one.verify_message}"
        if isinstance(one, IncompleteRead):
            return "the answer broke off"
        if isinstance(one, ssl.SSLError) and one.reason:
            return f"TLS: {one.reason.replace('_', ' ').lower()}"
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
    late = any(isinstance(one, LateError | TimeoutError) for one in found)
    return "no answer in time" if late else f"no answer ({type(fault).__name__})"


def _under(fault: BaseException) -> Iterator[BaseException]:
    """Yield `fault` and what caused it, however the library keeps that."""
    yield fault
    for one in (*fault.args, getattr(fault, "original_error", None), fault.__cause__):
        if isinstance(one, BaseException):
            yield from _under(one)
