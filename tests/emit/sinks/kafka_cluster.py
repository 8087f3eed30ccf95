"""librdkafka's mock cluster: three brokers that speak Kafka's protocol, in a process of their own.

As a program it is that process: it reads commands, one a line, and answers each with a line. The library that
confluent-kafka brings is called through ctypes, as Python's side of it shows nothing of the mock.
"""

import asyncio
import contextlib
import ctypes
import json
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, TopicPartition

PRODUCE = 0
"""Number of the request. Source: Kafka's protocol guide."""

BROKERS = (1, 2, 3)

READER = {"group.id": "reader", "enable.partition.eof": True, "fetch.wait.max.ms": 10, "log_level": 2}

STILL_S = 60.0


class Cluster:
    """The process, and what was read of its topic."""

    def __init__(self, topic: str = "alerts", partitions: int = 4) -> None:
        self.topic, self.partitions = topic, partitions
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.emit.sinks.kafka_cluster"],
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.servers = self._answer().split(",")
        self.tell(f"topic {topic} {partitions}")
        self._next = dict.fromkeys(range(partitions), 0)
        self.messages: list[confluent_kafka.Message] = []

    def tell(self, command: str) -> None:
        answer = self.ask(command)
        assert answer == "done", answer

    def ask(self, command: str) -> str:
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    @contextlib.contextmanager
    def in_tls(self, certificates: Path) -> Iterator[list[str]]:
        """Let the brokers speak TLS for a while; give their names meanwhile."""
        real = " ".join(one.rpartition(":")[2] for one in self.servers)
        ports = self.ask(f"tls {certificates} {real}")
        self.tell(f"advertise {ports}")
        yield [f"127.0.0.1:{port}" for port in ports.split()]
        self.tell(f"advertise {real}")

    def stop(self) -> None:
        """Let all brokers go away: connections break, and none is taken. What they had they keep."""
        self.tell("down")

    def start(self) -> None:
        self.tell("up")

    def answer_produce(self, *errors: int) -> None:
        """Let the next requests to produce fail so, one after the other."""
        self.tell(" ".join(map(str, ("errors", PRODUCE, *errors))))

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def read(self) -> list[confluent_kafka.Message]:
        """Read what is there by now and was not read before; return all messages, those of a key in their order."""
        consumer = Consumer(READER | {"bootstrap.servers": ",".join(self.servers)})
        consumer.assign([TopicPartition(self.topic, one, offset) for one, offset in self._next.items()])
        unread = set(self._next)
        while unread:
            message = consumer.poll(STILL_S)
            assert message is not None, "the brokers do not answer"
            if message.error() is None:
                self.messages.append(message)
                self._next[message.partition()] = message.offset() + 1
            elif message.error().code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition())
        consumer.close()
        return self.messages

    def ids(self) -> list[str]:
        return [dict(one.headers())["event.id"].decode() for one in self.read()]

    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(one.value()) for one in self.read()]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=60)

    def _answer(self) -> str:
        return self._process.stdout.readline().decode().strip()


@contextlib.contextmanager
def cluster(**more: object) -> Iterator[Cluster]:
    one = Cluster(**more)
    try:
        yield one
    finally:
        one.close()


async def offer_tls(certificates: Path, ports: list[int], offered: Callable[[list[int]], None]) -> None:
    """Put TLS, which the mock does not know, before each broker, for clients with a certificate of ours."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates / "ca.pem")
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(65536):
                writer.write(part)
                await writer.drain()
        writer.close()

    async def bridge(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, ours), pump(theirs, writer))

    servers = [await asyncio.start_server(partial(bridge, port), "127.0.0.1", 0, ssl=context) for port in ports]
    offered([one.sockets[0].getsockname()[1] for one in servers])
    await asyncio.Event().wait()


def serve() -> None:
    """Be the cluster."""
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    (path,) = folder.glob("librdkafka*.so*")
    library = ctypes.CDLL(str(path))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    said = ctypes.create_string_buffer(512)
    handle = ctypes.c_void_p(library.rd_kafka_new(0, ctypes.c_void_p(library.rd_kafka_conf_new()), said, len(said)))
    mock = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(handle, len(BROKERS)))
    print(library.rd_kafka_mock_cluster_bootstraps(mock).decode(), flush=True)
    for line in sys.stdin:
        match line.split():
            case ["topic", name, partitions]:
                library.rd_kafka_mock_topic_create(mock, name.encode(), int(partitions), len(BROKERS))
            case ["down" | "up" as way]:
                for broker in BROKERS:
                    getattr(library, f"rd_kafka_mock_broker_set_{way}")(mock, broker)
            case ["tls", certificates, *ports]:
                offer = offer_tls(Path(certificates), list(map(int, ports)), lambda there: print(*there, flush=True))
                threading.Thread(target=asyncio.run, args=(offer,), daemon=True).start()
                continue
            case ["advertise", *ports]:
                for broker, port in zip(BROKERS, ports, strict=True):
                    library.rd_kafka_mock_broker_set_host_port(mock, broker, b"127.0.0.1", int(port))
            case ["errors", request, *errors]:
                codes = (ctypes.c_int * len(errors))(*map(int, errors))
                library.rd_kafka_mock_push_request_errors_array(
                    mock, ctypes.c_int16(int(request)), ctypes.c_size_t(len(errors)), codes
                )
        print("done", flush=True)


if __name__ == "__main__":
    serve()
