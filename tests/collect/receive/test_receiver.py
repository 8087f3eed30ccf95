"""Receiving at real sockets: every message is one line, whatever the peer does, and none is lost in the spool."""

import errno
import os
import socket
import stat
from contextlib import closing

import pytest

from detector.collect.source.follow import Follower
from detector.collect.source.receive.spool import Spool
from detector.config import Input
from detector.errors import InputError
from tests.collect.receive.inlet import free_port, inbox, open_descriptors, until

LINE = b"<190>Nov 22 11:00:00 portal nginx: line %d"


def connect(path: str) -> socket.socket:
    scheme, _, place = path.partition("://")
    if scheme.startswith("unix"):
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if scheme == "unix" else socket.SOCK_DGRAM)
        one.connect(place)
        return one
    host, _, port = place.rpartition(":")
    family = socket.AF_INET6 if "[" in host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM)
    one.connect((host.strip("[]"), int(port)))
    return one


@pytest.fixture(params=["tcp", "tcp6", "udp", "udp6", "unix", "unixgram"])
def address(request, tmp_path):
    if request.param.startswith("unix"):
        return f"{request.param}://{tmp_path}/x.sock"
    kind = socket.SOCK_STREAM if request.param.startswith("tcp") else socket.SOCK_DGRAM
    host = "[::1]" if request.param.endswith("6") else "127.0.0.1"
    return f"{request.param[:3]}://{host}:{free_port(kind)}"


def test_messages_are_spooled_a_line_each_and_nobody_else_may_read_them(address, tmp_path):
    before = open_descriptors()
    with inbox(tmp_path, address) as box:
        with connect(address) as peer:
            for number in range(100):
                peer.send(LINE % number + b"\n")
            lines = box.await_lines(100)
        (file,) = box.files()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == stat.S_IMODE(file.parents[1].stat().st_mode) == 0o700
    assert lines == [LINE % number for number in range(100)]
    assert open_descriptors() == before
    assert not (tmp_path / "x.sock").exists()


def test_a_datagram_is_one_line_whatever_is_in_it(tmp_path):
    address = f"unixgram://{tmp_path}/x.sock"
    with inbox(tmp_path, address, max_line_bytes=1024) as box, connect(address) as peer:
        for message in (b"a\nGET /forged\n", b"b\0c\0", b"\x1f\x8b gzip", b"x" * 5000, b"last"):
            peer.send(message)
        lines = box.await_lines(5)
    assert lines == [rb"a\x0AGET /forged", rb"b\x00c", b"\x1f\x8b gzip", b"x" * 1025, b"last"]


def test_what_begins_like_a_compressed_file_hides_nothing(tmp_path):
    address = f"unixgram://{tmp_path}/x.sock"
    with inbox(tmp_path, address) as box, connect(address) as peer:
        peer.send(b"BZh91AY&SY\x1f\x8b\x08")
        peer.send(b"after it")
        box.await_lines(2)
        with closing(Follower(box.received.paths, Input(), begin_at_start=box.received.begin_at_start)) as follower:
            (block,) = follower.poll()
    assert block.lines["line"][-1] == "after it"


def test_a_peer_that_goes_ends_its_line_one_that_breaks_off_does_not(tmp_path):
    address = f"tcp://127.0.0.1:{free_port()}"
    with inbox(tmp_path, address) as box:
        with connect(address) as ends:
            ends.sendall(b"whole\nlast")
        assert box.await_lines(2) == [b"whole", b"last"]
        with connect(address) as breaks:
            breaks.sendall(b"9 <13>whole30 <13>half")
            box.await_lines(3)
            breaks.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        until(lambda: box.received.counts["messages_cut_off"])
        assert box.lines()[2:] == [b"<13>whole"]


def test_connections_are_bounded_and_the_silent_give_way(tmp_path):
    address = f"tcp://127.0.0.1:{free_port()}"
    with inbox(tmp_path, address, max_connections=3, idle_s=3600) as box:
        peers = [connect(address) for _ in range(4)]
        until(lambda: box.received.counts["connections_refused"] == 1)
        assert peers[3].recv(1) == b""
        for peer in peers:
            peer.close()
    with inbox(tmp_path, address, max_connections=3, idle_s=0) as box:
        peers = [connect(address) for _ in range(3)]
        for peer in peers:
            peer.sendall(b"here\n")
        box.await_lines(3)
        peers.append(connect(address))
        peers[3].sendall(b"new\n")
        box.await_lines(4)
        assert peers[0].recv(1) == b""
        for peer in peers:
            peer.close()


def test_a_full_spool_holds_the_peer_and_loses_nothing(tmp_path):
    """Two megabytes for a spool of one: the rest waits at the peer until what was read is forgotten."""
    address, sent = f"unix://{tmp_path}/x.sock", 20_000
    with inbox(tmp_path, address, spool_bytes=1024**2) as box, connect(address) as peer:
        peer.setblocking(False)
        stream = memoryview(b"".join(b"%0100d\n" % number for number in range(sent)))
        follower = Follower(box.received.paths, Input(), begin_at_start=box.received.begin_at_start)
        numbers, most = [], 0

        def drain():
            for block in follower.poll():
                numbers.extend(int(line) for line in block.lines["line"] if line)
                box.received.forget({block.stream: block.position})
            return len(numbers) >= sent

        def step():
            nonlocal stream, most
            try:
                stream = stream[peer.send(stream) :]
            except BlockingIOError:
                most = max(most, sum(path.stat().st_size for path in box.files()))
                drain()
            return not stream

        until(step)
        until(drain)
        follower.close()
        assert most < 1024**2 + 300_000
        assert numbers == list(range(sent))
        assert len(box.files()) < 64


def test_dropped_datagrams_are_counted(tmp_path):
    address = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    with inbox(tmp_path, address, spool_bytes=1024**2) as box, connect(address) as peer:
        message = b"x" * 60_000
        for _ in range(1200):
            peer.send(message)
        until(lambda: box.received.counts["datagrams_dropped"])
        lines = len(box.lines())
    assert 0 < lines < 1200


def test_a_restart_goes_on_where_reading_was(tmp_path):
    address, positions, got = f"unix://{tmp_path}/x.sock", {}, []
    for run in range(5):
        with inbox(tmp_path, address, spool_bytes=1024**2) as box:
            follower = Follower(box.received.paths, Input(chunk_bytes=5000), positions,
                                begin_at_start=box.received.begin_at_start)  # fmt: skip
            with connect(address) as peer:
                peer.sendall(b"".join(b"%d %s\n" % (number, b"x" * 90) for number in range(run * 500, run * 500 + 500)))
            box.await_lines(1)
            for _, block in zip(range(7), follower.poll(), strict=False):  # the rest is for the next run
                got += [int(line.split()[0]) for line in block.lines["line"] if line]
                positions[block.stream] = block.position
                box.received.forget(positions)
            follower.close()
    with inbox(tmp_path, "access.log") as box:  # received at no more: what is left is read all the same
        follower = Follower(box.received.paths[1:], Input(), positions, begin_at_start=box.received.begin_at_start)
        got += [int(line.split()[0]) for block in follower.poll() for line in block.lines["line"] if line]
        follower.close()
    assert got == list(range(2500))


def test_lines_that_were_read_stay_no_longer_than_until_the_next_file(tmp_path, monkeypatch):
    monkeypatch.setattr("detector.collect.source.receive.spool._RENEW_S", 0)
    address, follower, positions = f"unix://{tmp_path}/x.sock", None, {}
    with inbox(tmp_path, address) as box, connect(address) as peer:
        follower = Follower(box.received.paths, Input(), begin_at_start=box.received.begin_at_start)
        peer.sendall(b"names somebody\n")
        box.await_lines(1)

        def read():
            for block in follower.poll():
                positions[block.stream] = block.position
                box.received.forget(positions)
            return not box.lines() and [path.stat().st_size for path in box.files()] == [1]

        until(read)
        assert len(box.files()) == 1
        peer.sendall(b"left to the next run\n")
        box.await_lines(1)
        follower.close()
    with inbox(tmp_path, address) as box:
        follower = Follower(box.received.paths, Input(), box.received.known(positions),
                            begin_at_start=box.received.begin_at_start)  # fmt: skip
        got = [line for block in follower.poll() for line in block.lines["line"] if line]
        assert (got, follower.lost) == (["left to the next run"], {})
        box.received.forget(follower.positions())
        follower.close()
    assert box.lines() == []


@pytest.mark.parametrize("linked", [False, True])
def test_what_was_received_at_an_address_of_before_goes_when_it_is_read(tmp_path, linked):
    state = tmp_path / "disk"
    state.mkdir()
    if linked:
        state = tmp_path / "state"
        state.symlink_to(tmp_path / "disk")
    address = f"unix://{tmp_path}/x.sock"
    with inbox(state, address) as box, connect(address) as peer:
        peer.sendall(b"one\ntwo\n")
        box.await_lines(2)
    with inbox(state, "-") as box:
        follower = Follower(box.received.paths, Input(), begin_at_start=box.received.begin_at_start)
        positions, got = {}, []
        for block in follower.poll():
            got += [line for line in block.lines["line"] if line]
            positions[block.stream] = block.position
        assert got == ["one", "two"]
        box.received.forget(positions)
        assert {path.parent.name for path in box.files()} == {"stdin"}
        list(follower.poll())
        follower.close()
    assert [path.name for path in (state / "received").iterdir()] == ["stdin"]


def test_a_line_half_written_by_a_crash_is_cut_off(tmp_path):
    spool = Spool(tmp_path / "x", 1024**2)
    spool.write(b"whole\n")
    spool.close()
    (file,) = spool.folder.iterdir()
    with file.open("ab") as torn:
        torn.write(b"half of")
    again = Spool(tmp_path / "x", 1024**2)
    again.write(b"next\n")
    again.close()
    assert file.read_bytes() == b"\nwhole\nnext\n"


def test_a_full_disk_holds_the_peer_and_is_said_once(tmp_path, monkeypatch, caplog):
    """The kernel's own answers: part of the lines, then none, then room again."""
    answers, write = [25, None, None], os.write

    def tight(fd, data):
        if not answers:
            return write(fd, data)
        fits = answers.pop(0)
        if fits is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[:fits])

    spool = Spool(tmp_path / "x", 1024**2)
    (file,) = spool.folder.iterdir()
    monkeypatch.setattr(os, "write", tight)
    monkeypatch.setattr("detector.collect.source.receive.spool._RETRY_S", 0)
    spool.write(b"".join(b"line number %d\n" % number for number in range(5)))
    assert file.read_bytes() == b"\nline number 0\n"
    assert not spool.settled
    until(spool.has_room)
    spool.close()
    assert file.read_bytes() == b"\n" + b"".join(b"line number %d\n" % number for number in range(5))
    assert [one.getMessage().partition(":")[0] for one in caplog.records] == [
        "what is received cannot be written",
        "what is received is written again",
    ]


FAULTS = {
    "udp://0.0.0.0:5514": "not a loopback address",
    "tcp://192.0.2.1:5514": "not a loopback address",
    "udp://127.0.0.1": "an address and a port are required",
    "tcp://127.0.0.1:99999": "a port from 1 to 65535 is required, 99999 came",
    "tcp://localhost:5514": "is no address",
    "http://127.0.0.1:80": "no such transport",
    "unix://x.sock": "absolute path",
    "unix:///" + "x" * 200: "at most 107 bytes",
}


def test_faults_of_all_addresses_are_told_at_once(tmp_path):
    with pytest.raises(InputError) as caught, inbox(tmp_path, *FAULTS, "access.log"):
        pass
    told = str(caught.value).splitlines()
    assert len(told) == len(FAULTS)
    for line, (path, why) in zip(told, FAULTS.items(), strict=True):
        assert line.startswith(f"{path}: ")
        assert why in line


def test_sockets_that_cannot_be_had_are_told_at_once(tmp_path):
    port, here = free_port(), tmp_path / "listens.sock"
    (tmp_path / "file").write_text("")
    with socket.create_server(("127.0.0.1", port)), socket.socket(socket.AF_UNIX) as listens:
        listens.bind(str(here))
        listens.listen()
        paths = [f"tcp://127.0.0.1:{port}", f"unix://{here}", f"unix://{tmp_path}/file", f"unix://{tmp_path}/no/x"]
        before = open_descriptors()
        with pytest.raises(InputError) as caught, inbox(tmp_path, *paths):
            pass
        assert open_descriptors() == before
    told = [line.rpartition(": ")[2] for line in str(caught.value).splitlines()]
    assert told == ["another program listens there"] * 2 + ["there is a file that is no socket", "no such folder"]
    assert here.exists()


def test_a_stale_socket_is_replaced_and_its_rights_are_the_umasks(tmp_path):
    for kind, scheme in ((socket.SOCK_STREAM, "unix"), (socket.SOCK_DGRAM, "unixgram")):
        path = tmp_path / scheme
        with socket.socket(socket.AF_UNIX, kind) as stale:
            stale.bind(str(path))
        for mask, mode in ((0o007, 0o660), (0o077, 0o600)):
            before = os.umask(mask)
            try:
                with inbox(tmp_path, f"{scheme}://{path}"):
                    assert stat.S_IMODE(path.stat().st_mode) == mode
            finally:
                os.umask(before)


def test_an_address_others_reach_is_received_at_where_the_configuration_says_so(tmp_path):
    with inbox(tmp_path, f"udp://0.0.0.0:{free_port(socket.SOCK_DGRAM)}", allow_remote=True) as box:
        assert not box.received.over
