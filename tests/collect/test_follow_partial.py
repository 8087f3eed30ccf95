"""A last line without line feed: kept until it is whole, or its file was quiet long enough; then it is one for good."""

import gzip
import os
import time
from pathlib import Path

import pytest

from tests.collect.live_log import Server, Tail, by_copy_and_truncation, by_rename


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def server(log: Path):
    server = Server(log)
    yield server
    server.close()


def made_old(log: Path, seconds: float) -> None:
    os.utime(log, (time.time() - seconds, time.time() - seconds))


def test_it_is_kept_until_it_is_whole(log: Path, server: Server) -> None:
    tail = Tail(log, from_start=True)
    server.write_raw(b"000000 a li")
    assert tail.poll() == []
    server.write_raw(b"ne")
    assert tail.poll() == []
    server.write_raw(b"\n000001 an")
    assert tail.poll() == [0]
    tail.restart()
    assert tail.poll() == []
    server.write_raw(b"other\n")
    assert tail.poll() == [1]
    tail.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_once_its_file_was_quiet_it_is_whole_and_what_comes_is_another(
    log: Path, server: Server, restarted: bool
) -> None:
    server.write_raw(b"000000 a line\n000001 half a li")
    made_old(log, 59)
    early = Tail(log, from_start=True)
    assert early.poll() == [0]
    early.close()
    made_old(log, 61)
    tail = Tail(log, from_start=True)
    assert tail.poll() == [0, 1]
    if restarted:
        tail.restart()
    assert tail.poll() == []
    server.write_raw(b"000002 ne\n000003 and a whole one\n")
    assert tail.poll() == [2, 3]
    tail.close()


def test_a_running_process_goes_by_its_own_clock_not_by_the_times_of_the_file(log: Path, server: Server) -> None:
    tail = Tail(log, from_start=True, partial_line_s=0.3)
    tail.poll()
    server.write(1)
    server.write_raw(b"000001 half")
    begun = time.monotonic()
    assert tail.poll() == [0]
    made_old(log, 3600)  # a server's clock that is slow
    while not tail.poll():
        assert time.monotonic() < begun + 20
    assert time.monotonic() >= begun + 0.3
    assert tail.numbers == [0, 1]
    tail.close()


def test_only_the_line_feed_that_came_late_is_a_blank_line(log: Path, server: Server) -> None:
    server.write_raw(b"000000 a line")
    made_old(log, 100)
    tail = Tail(log, from_start=True)
    assert tail.poll() == [0]
    server.write_raw(b"\n000001 next\n")
    (block,) = tail.follower.poll()
    assert block.lines["line"].to_list() == ["", "000001 next"]
    tail.close()


@pytest.mark.parametrize("rotate", [by_rename, by_copy_and_truncation])
def test_a_file_that_was_rotated_with_half_a_line_is_read_to_its_end(log: Path, server: Server, rotate) -> None:
    tail = Tail(log, from_start=True)
    server.write(3)
    server.write_raw(b"000003 half")
    server.count = 4
    tail.poll()
    rotate(log, server)
    server.write(3)
    assert tail.poll() == [4, 5, 6]
    made_old(Path(f"{log}.1"), 100)
    tail.restart()
    assert tail.poll() == [3]
    tail.close()


def test_a_torn_end_of_a_compressed_file_is_no_line(tmp_path: Path) -> None:
    packed = tmp_path / "access.log.1.gz"
    whole = gzip.compress(b"".join(b"%06d %s\n" % (number, os.urandom(40).hex().encode()) for number in range(500)))
    packed.write_bytes(whole[: len(whole) // 2])
    made_old(packed, 1000)
    (tmp_path / "access.log").touch()
    tail = Tail(tmp_path, from_start=True)
    blocks = list(tail.follower.poll())
    assert [row for block in blocks for row in block.rejects["reason"]] == [
        "compressed file is cut off: its end is missing"
    ]
    tail.close()
