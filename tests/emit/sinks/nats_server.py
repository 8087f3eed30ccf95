"""The real nats-server with JetStream, on a free loopback port, its store in a folder of the test."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy

from detector import clock

PROGRAM = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin")

SUBJECT, STREAM = "portal.alerts", "ALERTS"


class NatsServer:
    """A server process. It comes back on the same port, with the same store."""

    def __init__(self, folder: Path, settings: str = "", **client: Any) -> None:
        self.folder, self._settings, self._client = folder, settings, client
        self.port = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._have: list[Msg] = []

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until the server says where it listens."""
        if PROGRAM is None:
            pytest.skip("nats-server is not installed")
        ports = self.folder / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir()
        told = f'listen: "{self.place}"\nports_file_dir: "{ports}"\njetstream {{ store_dir: "{self.folder}/store" }}\n'
        (self.folder / "nats.conf").write_text(told + self._settings)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([PROGRAM, "-c", self.folder / "nats.conf"], stdout=log, stderr=log)
        end = clock.monotonic_s() + 60
        while not (written := next(ports.glob("*.ports"), None)) or not written.read_text().endswith("}"):
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert clock.monotonic_s() < end, (self.folder / "log").read_text()
            clock.pause(0.02)
        (url,) = json.loads(written.read_text())["nats"]
        self.port = int(url.rpartition(":")[2])

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def with_stream(self, do: Callable[[JetStreamContext], Any]) -> Any:
        """Return what `do` does to JetStream."""

        async def talk() -> Any:
            async with await nats.connect(f"nats://{self.place}", **self._client) as client:
                return await do(client.jetstream())

        return asyncio.run(talk())

    def add_stream(self, **more: Any) -> None:
        self.with_stream(lambda js: js.add_stream(**{"name": STREAM, "subjects": [SUBJECT]} | more))

    def messages(self) -> list[Msg]:
        """Read what the stream holds by now and was not read before; return all of it, in its order."""

        async def read(js: JetStreamContext) -> None:
            missing = (await js.stream_info(STREAM)).state.messages - len(self._have)
            after = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=len(self._have) + 1)
            reader = await js.subscribe(SUBJECT, ordered_consumer=True, config=after)
            for _ in range(missing):
                self._have.append(await reader.next_msg(60))

        self.with_stream(read)
        return self._have

    def ids(self) -> list[str]:
        return [one.headers["Nats-Msg-Id"] for one in self.messages()]

    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(one.data) for one in self.messages()]


@contextlib.contextmanager
def server(folder: Path, settings: str = "", *, stream: bool = True, **client: Any) -> Iterator[NatsServer]:
    """Run a server for a while, with a stream of the alerts unless it is not wanted."""
    own = folder / "nats"
    own.mkdir()
    one = NatsServer(own, settings, **client)
    one.start()
    try:
        if stream:
            one.add_stream()
        yield one
    finally:
        one.stop()
