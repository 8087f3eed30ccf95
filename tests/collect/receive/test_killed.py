"""The real detector is killed while a server sends to it: what had reached the spool is judged, and judged once."""

import socket
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import log  # noqa: F401  a fixture
from tests.cli.in_process import delivered, tail, tailed
from tests.cli.test_batch import batch, ids
from tests.collect.receive.inlet import free_port, until

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def send(kind: socket.SocketKind, port: int, lines: list[bytes], *, settled: bool = False) -> None:
    with socket.socket(socket.AF_INET, kind) as peer:
        until(lambda: peer.connect_ex(("127.0.0.1", port)) == 0 and reaches(peer))
        for line in lines:
            peer.sendall(line)
        if settled and kind == socket.SOCK_STREAM:
            peer.shutdown(socket.SHUT_WR)
            assert peer.recv(1) == b""  # all of it is in the spool


def reaches(peer: socket.socket) -> bool:
    """Whether anybody receives: on loopback a datagram that nobody takes is refused to the one after it."""
    with suppress(ConnectionRefusedError):
        return all(peer.send(b"\n") for _ in range(2))
    return False


def is_committed(state: Path) -> bool:
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{state}/state.sqlite?mode=ro", uri=True)) as database:
        told = database.execute("SELECT body FROM snapshot WHERE name = 'reader.positions'").fetchone()
        return told is not None and b'"offset": ' in told[0]
    return False


@pytest.mark.parametrize("transport", ["tcp", pytest.param("udp", marks=pytest.mark.slow)])
def test_what_reached_the_spool_of_a_killed_detector_is_judged_once(log, tmp_path, transport):  # noqa: F811
    lines = log.read_bytes().splitlines(keepends=True)
    port = free_port(KINDS[transport])
    address = f"{transport}://127.0.0.1:{port}"
    with subprocess.Popen(tail(address, tmp_path)) as process:
        until(lambda: is_committed(tmp_path / "state"), 120)
        send(KINDS[transport], port, lines[:600])
        until(lambda: spooled(tmp_path).count(b"\n") > 400)
        send(KINDS[transport], port, lines[600:1000])
        process.kill()
    before = spooled(tmp_path)
    assert 400 < len([line for line in before.split(b"\n") if line]) <= 1000
    with subprocess.Popen(tail(address, tmp_path)) as process:
        send(KINDS[transport], port, lines[1000:], settled=True)
        process.terminate()
    assert process.returncode == 0
    again = tailed(address, tmp_path, "--once")
    assert again.exit_code == 0, again.stderr
    whole = tmp_path / "received.log"
    whole.write_bytes(before[: before.rfind(b"\n") + 1] + b"".join(lines[1000:]))
    assert delivered(tmp_path) == set(ids(batch(whole).stdout))
    assert spooled(tmp_path).strip() == b""


def spooled(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((folder / "state" / "received").glob("*/received-*")))
