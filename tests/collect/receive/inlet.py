"""A receiver at work, and what its spools hold."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from detector import clock
from detector.collect.source.receive import Received, receiving
from detector.config import Input


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], object], deadline_s: float = 60.0) -> None:
    """Look until it is so."""
    end = clock.monotonic_s() + deadline_s
    while not true():
        assert clock.monotonic_s() < end, "it did not come to that"
        clock.pause(0.005)


class Inbox:
    """What was received at one address, read from its spool."""

    def __init__(self, received: Received, state: Path) -> None:
        self.received, self.state = received, state

    def files(self) -> list[Path]:
        return sorted(path for path in (self.state / "received").rglob("*") if path.is_file())

    def lines(self) -> list[bytes]:
        return [line for path in self.files() for line in _read(path).split(b"\n") if line]

    def await_lines(self, count: int) -> list[bytes]:
        until(lambda: len(self.lines()) >= count)
        return self.lines()


def _read(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


@contextmanager
def inbox(state: Path, *paths: str, **settings: object) -> Iterator[Inbox]:
    lengths = {"max_line_bytes": settings.pop("max_line_bytes", 65536)}
    with receiving(paths, state, Input(receive=settings, **lengths)) as received:
        yield Inbox(received, state)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
