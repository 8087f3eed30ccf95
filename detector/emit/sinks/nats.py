"""Alerts to a JetStream stream of NATS."""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import nkeys
from nats.aio.client import Client
from nats.errors import Error
from nats.js.api import Header, PubAck
from nats.js.errors import APIError, NoStreamResponseError

from detector import clock
from detector.config import Credential, ToNats
from detector.emit.alert import Alert, render
from detector.emit.sinks import Receipt
from detector.emit.sinks.secure import read_secret, tls_context
from detector.errors import DetectorError

TOO_LARGE: Final = 10054
"""JetStream's number for a message above the stream's `max_msg_size`. Source: nats-server, errors.json."""

_FAREWELL_S: Final = 0.5
"""How long the end of a connection may take, when all that mattered on it is over."""

_HEADER_BYTES: Final = len("NATS/1.0\r\nNats-Msg-Id: \r\nNats-Expected-Stream: \r\n\r\n")
"""Of a message, besides the two values; the server counts headers where it limits a message."""

# The library makes TLS of a connection in a way that asyncio finds odd, and says so at the end of each.
logging.getLogger("asyncio").addFilter(
    lambda record: not str(record.msg).startswith("returning true from eof_received")
)


class NatsSink:
    """Messages with the alert's id as `Nats-Msg-Id`, by which the stream knows a repeat.

    Delivery: acknowledged by the stream, which keeps a repeat out within its duplicate window. Each batch has a
    connection of its own: nothing has to be kept alive between alerts, and secrets are read anew.
    """

    def __init__(self, options: ToNats) -> None:
        self.options = options
        self._tls = None if options.cleartext else tls_context(options.tls)
        _identity(options, _Client())

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        """Publish `alerts` and wait for their acknowledgements. Raises: OSError."""
        now = clock.now()
        return asyncio.run(self._write({one.id: render(self.options.format, one, now) for one in alerts}))

    def close(self) -> None:
        """No connection outlives its batch."""

    async def _write(self, texts: Mapping[str, bytes]) -> Receipt:
        client, faults = _Client(), _Faults()
        try:
            await self._connect(client, faults)
            return await self._publish(client, texts, faults)
        finally:
            with suppress(TimeoutError, OSError, Error):
                await asyncio.wait_for(client.close(), _FAREWELL_S)

    async def _connect(self, client: "_Client", faults: "_Faults") -> None:
        """Connect to one of the servers. Raises: OSError, whatever it is: no alert is to blame for it."""
        within_s = self.options.timeout_s
        identity = _identity(self.options, client)
        try:
            async with asyncio.timeout(within_s):
                await client.connect(
                    [f"nats://{one}" for one in self.options.servers],
                    error_cb=faults.hear,
                    closed_cb=faults.end,
                    name="portal-detector",
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=within_s,  # type: ignore[arg-type]  # it is a number of seconds like any other
                    tls=self._tls,
                    tls_hostname=self.options.tls.server_name,
                    **identity,
                )
        except TimeoutError:
            raise TimeoutError(f"no answer within {within_s:g} s") from None
        except Exception as fault:
            raise OSError(faults.last or _text(fault)) from None
        if self._tls:
            client.must_be_safe()
        faults.forget()

    async def _publish(self, client: "_Client", texts: Mapping[str, bytes], faults: "_Faults") -> Receipt:
        room = client.max_payload - _HEADER_BYTES - len(self.options.stream)
        refused = {
            one: f"{len(text):,} bytes, the server takes {room - len(one):,}"
            for one, text in texts.items()
            if len(text) > room - len(one)
        }
        stream = client.jetstream(timeout=self.options.timeout_s)
        answers = {
            one: asyncio.ensure_future(
                stream.publish(self.options.subject, text, stream=self.options.stream, headers={Header.MSG_ID: one})
            )
            for one, text in texts.items()
            if one not in refused
        }
        if answers:
            await faults.unless(answers.values(), self.options.timeout_s)
        return self._receipt(texts, answers, refused, faults.last)

    def _receipt(
        self,
        texts: Mapping[str, bytes],
        answers: Mapping[str, "asyncio.Future[PubAck]"],
        refused: dict[str, str],
        fault: str,
    ) -> Receipt:
        arrived = []
        for one, answer in answers.items():
            error = answer.exception() if answer.done() else TimeoutError()
            if error is None:
                arrived.append(one)
            elif isinstance(error, APIError) and error.err_code == TOO_LARGE:
                refused[one] = error.description or "too large for the stream"
            else:
                fault = fault or self._told(error)
        return Receipt(arrived=arrived, refused=refused, fault=fault)

    def _told(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError):
            return f"not acknowledged within {self.options.timeout_s:g} s"
        if isinstance(error, NoStreamResponseError):
            return f"no stream takes messages on {self.options.subject}, {self.options.stream} is required to"
        if isinstance(error, APIError):
            return f"stream {self.options.stream} on {self.options.subject}: {error.description} ({error.err_code})"
        return _text(error)


class _Client(Client):
    """A client that knows whether it speaks TLS.

    The library asks for the context when it begins to, and goes on without where the server, or whoever stands
    between, says that it does not.
    """

    safe = False

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """What the library makes TLS with."""
        self.safe = True
        return super().ssl_context

    def must_be_safe(self) -> None:
        """Raises: OSError where TLS is wanted and not spoken."""
        if not self.safe:
            raise OSError("the server does not speak TLS; `cleartext: true` would speak without")


class _Faults:
    """What the library calls back with."""

    def __init__(self) -> None:
        self.last = ""
        self._ended = asyncio.Event()

    async def hear(self, error: Exception) -> None:
        """Note an error that belongs to no message, such as a permission that is missing."""
        self.last = _text(error)
        self._ended.set()

    async def end(self) -> None:
        """Note that the connection is closed."""
        self._ended.set()

    def forget(self) -> None:
        """Begin anew: what was heard of servers that did not answer is over when one did."""
        self.last = ""
        self._ended.clear()

    async def unless(self, answers: Collection["asyncio.Future[PubAck]"], within_s: float) -> None:
        """Wait for all `answers`, unless the connection ends before; give up those that did not come."""
        ended = asyncio.ensure_future(self._ended.wait())
        every = asyncio.ensure_future(asyncio.wait(answers))
        await asyncio.wait([ended, every], timeout=within_s, return_when="FIRST_COMPLETED")
        ended.cancel()
        every.cancel()
        for one in answers:
            one.cancel()


def _identity(options: ToNats, client: _Client) -> dict[str, Any]:
    """Return how we say who we are; a secret is given away when TLS is spoken, where it is wanted.

    Raises: DetectorError for a secret that is not there.
    """

    def given(credential: Credential) -> Callable[[], str]:
        secret = read_secret(credential)

        def tell() -> str:
            if not options.cleartext:
                client.must_be_safe()
            return secret

        return tell

    if options.credentials:
        if not os.access(options.credentials, os.R_OK):
            raise DetectorError(f"{options.credentials}: a .creds file that we may read is required")
        return {"user_credentials": str(options.credentials)}
    if options.nkey:
        return {"nkeys_seed_str": _seed(options.nkey)}
    if options.token:
        return {"token": given(options.token)}
    if options.password:
        return {"user": options.user, "password": given(options.password)}
    return {}


def _seed(credential: Credential) -> str:
    seed = read_secret(credential)
    try:
        nkeys.from_seed(bytearray(seed.encode())).wipe()
    except (nkeys.NkeysError, ValueError):
        raise DetectorError(f"{credential.env or credential.file}: the seed of an nkey is required, SU...") from None
    return seed


def _text(error: BaseException) -> str:
    return str(error).removeprefix("nats: ") or type(error).__name__


open_sink = NatsSink
