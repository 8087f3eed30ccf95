"""No descriptor is left for a connection: it waits, costs nothing, and is read when there is one again."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from detector import clock
from detector.collect.source.receive.inlets import _REST_S
from tests.collect.receive.inlet import inbox, until


@contextmanager
def no_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, hard))
    held = []
    try:
        with suppress(OSError):
            while True:
                held.append(os.dup(2))
        yield
    finally:
        for one in held:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_connection_waits_for_a_descriptor_and_is_read_then(tmp_path, caplog):
    path = str(tmp_path / "x.sock")
    with inbox(tmp_path, f"unix://{path}") as box, closing(socket.socket(socket.AF_UNIX)) as peer:
        peer.connect(path)
        peer.sendall(b"first\n")
        box.await_lines(1)
        with closing(socket.socket(socket.AF_UNIX)) as late:
            with no_descriptors():
                began_s = clock.monotonic_s()
                late.connect(path)
                late.sendall(b"waits\n")
                until(lambda: box.received.counts["connections_delayed"] > 1)
                tries, passed_s = box.received.counts["connections_delayed"], clock.monotonic_s() - began_s
                peer.sendall(b"goes on\n")
            assert set(box.await_lines(3)) == {b"first", b"goes on", b"waits"}
    assert tries <= 1 + passed_s / _REST_S
    assert len([one for one in caplog.messages if "Too many open files" in one]) == 1
