"""Every line once, in the order written, through every way a log is rotated, and through restarts in between."""

import bz2
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.collect.source import followed, locate
from detector.collect.source.block import Position
from detector.collect.source.find import Found
from detector.collect.source.logfile import LogFile
from detector.errors import InputError
from tests.collect.live_log import (
    Server,
    Tail,
    by_rename,
    every_rotation,
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "access.log"


@pytest.fixture
def server(log: Path):
    server = Server(log)
    yield server
    server.close()


@pytest.fixture
def tail(log: Path, server: Server):
    tail = Tail(log, from_start=True)
    yield tail
    tail.close()


@every_rotation
@pytest.mark.parametrize("restarted", [False, True])
def test_all_200_of_200_lines_around_a_rotation(
    log: Path, server: Server, tail: Tail, rotate: Callable[[Path, Server], None], restarted: bool
) -> None:
    # Lines written between the last look and the rotation are those that a naive follower never returns.
    server.write(96)
    tail.poll()
    server.write(4)
    if restarted:
        tail.restart()
    rotate(log, server)
    server.write(200 - server.count)
    tail.poll()
    assert tail.numbers == list(range(200))


@every_rotation
@pytest.mark.parametrize("restarted", [False, True])
def test_the_new_file_may_be_longer_than_the_old(
    log: Path, server: Server, tail: Tail, rotate: Callable[[Path, Server], None], restarted: bool
) -> None:
    server.write(50)
    tail.poll()
    if restarted:
        tail.restart()
    rotate(log, server)
    server.write(500)
    tail.poll()
    assert tail.numbers == list(range(server.count))


@every_rotation
@pytest.mark.parametrize("restarted", [False, True])
def test_several_rotations_between_two_looks(
    log: Path, server: Server, tail: Tail, rotate: Callable[[Path, Server], None], restarted: bool
) -> None:
    server.write(50)
    tail.poll()
    if restarted:
        tail.restart()
    for _ in range(3):
        server.write(60)
        rotate(log, server)
    server.write(7)
    tail.poll()
    assert tail.numbers == list(range(server.count))


def test_a_server_may_write_to_the_renamed_file_long_after_the_new_one_is_there(
    log: Path, server: Server, tail: Tail
) -> None:
    server.write(10)
    tail.poll()
    log.rename(f"{log}.1")
    other = Server(log)
    other.count = 20
    other.write(5)
    tail.poll()
    server.write(10)
    tail.restart()
    assert tail.poll() == list(range(10, 20))
    other.close()


def test_without_from_start_reading_begins_after_the_last_whole_line(log: Path, server: Server) -> None:
    server.write(10)
    server.write_raw(b"000010 half")
    tail = Tail(log)
    assert tail.poll() == []
    tail.restart()  # nothing was read yet, and still it is known where to go on
    server.write_raw(b" a line\n")
    server.count = 11
    server.write(3)
    assert tail.poll() == [10, 11, 12, 13]
    tail.close()


def test_from_start_a_named_file_is_read_alone_and_a_folder_with_its_rotations(log: Path, server: Server) -> None:
    server.write(5)
    by_rename(log, server)
    server.write(5)
    named, folder, pattern = (
        Tail(log, from_start=True),
        Tail(log.parent, from_start=True),
        Tail(f"{log}*", from_start=True),
    )
    assert named.poll() == list(range(5, 10))
    assert folder.poll() == pattern.poll() == list(range(10))
    for tail in (named, folder, pattern):
        tail.close()


def test_a_log_that_is_missing_at_the_start_is_read_from_its_start_when_it_comes(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "access.log")
    assert tail.poll() == []
    server = Server(tmp_path / "access.log")
    server.write(5)
    assert tail.poll() == list(range(5))
    server.close()
    tail.close()


def test_a_log_that_vanishes_and_returns(log: Path, server: Server, tail: Tail) -> None:
    server.write(5)
    tail.poll()
    server.write(5)
    log.unlink()
    assert tail.poll() == list(range(5, 10))
    assert tail.poll() == []
    server.reopen()
    server.write(5)
    assert tail.poll() == list(range(10, 15))


def test_a_folder_that_is_away_for_a_while_is_no_new_log(log: Path, server: Server, tail: Tail) -> None:
    server.write(5)
    tail.poll()
    away = log.parent.with_name("away")
    log.parent.rename(away)
    tail.restart()
    assert tail.poll() == []
    away.rename(log.parent)
    server.write(5)
    assert tail.poll() == list(range(5, 10))


def test_new_logs_and_new_days_in_a_folder(tmp_path: Path) -> None:
    tail = Tail(tmp_path)
    server = Server(tmp_path / "u_ex260102.log")
    server.write(5)
    assert tail.poll() == []  # it was there at the first look: from its end
    server.write(5)
    server.reopen(tmp_path / "u_ex260103.log")
    server.write(5)
    assert tail.poll() == list(range(5, 15))
    tail.restart()
    server.write(2)
    server.reopen(tmp_path / "u_ex260104.log")
    server.write(3)
    (tmp_path / "labels.csv").write_text("no log\n")
    assert tail.poll() == list(range(15, 20))
    server.reopen(tmp_path / "other.log")
    server.write(1)
    assert tail.poll() == [20]
    assert len(tail.logs) == 2
    server.close()
    tail.close()


def test_a_dated_file_that_is_named_is_followed_to_the_next_day(tmp_path: Path) -> None:
    (tmp_path / "access-2026-01-01.log").write_text("999999 long ago\n")
    server = Server(tmp_path / "access-2026-01-02.log")
    server.write(5)
    tail = Tail(tmp_path / "access-2026-01-02.log", from_start=True)
    assert tail.poll() == list(range(5))
    server.reopen(tmp_path / "access-2026-01-03.log")
    server.write(5)
    assert tail.poll() == list(range(5, 10))
    server.close()
    tail.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_link_that_is_set_to_the_next_file(tmp_path: Path, restarted: bool) -> None:
    (tmp_path / "data").mkdir()
    link = tmp_path / "current.log"
    server = Server(tmp_path / "data" / "run.2026-01-02.log")
    link.symlink_to(server.path)
    tail = Tail(link, from_start=True)
    server.write(5)
    tail.poll()
    server.write(5)
    if restarted:
        tail.restart()
    server.reopen(tmp_path / "data" / "run.2026-01-03.log")
    link.unlink()
    link.symlink_to(server.path)
    server.write(5)
    tail.poll()
    assert tail.numbers == list(range(15))
    assert list(tail.saved) == [str(link)]
    server.close()
    tail.close()


def test_an_inode_that_is_used_again_is_another_file(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("000000 a line\n")
    tail = Tail(log, from_start=True)
    tail.poll()
    inode = log.stat().st_ino
    tail.follower.close()
    log.unlink()
    log.write_text("000001 quite another line\n000002 and one more\n")
    position = tail.saved[str(log)]
    (mark,) = position.files
    reused = {**position.to_dict(), "files": [{**position.to_dict()["files"][0], "inode": log.stat().st_ino}]}
    tail.saved[str(log)] = Position.from_dict(reused)
    tail.restart()
    assert tail.poll() == [1, 2]
    assert mark.inode == inode
    tail.close()


def test_what_was_rotated_away_while_nobody_looked_is_told(log: Path, server: Server, tail: Tail) -> None:
    server.write(5)
    tail.poll()
    tail.follower.close()
    server.write(5)
    log.unlink()
    server.reopen()
    server.write(2)
    tail.restart()
    assert tail.poll() == [10, 11]
    assert list(tail.follower.lost) == [str(log)]


def test_how_far_behind_it_is_counts_files_in_hand_and_rotated_ones(log: Path, server: Server) -> None:
    tail = Tail(log, from_start=True, chunk_bytes=25)
    server.write(2)
    by_rename(log, server)
    server.write(3)
    tail.follower.refresh()
    (size,) = {len(line) for line in log.read_bytes().splitlines(keepends=True)}
    assert tail.follower.behind_bytes == 3 * size
    tail.poll(most=1)
    assert tail.follower.behind_bytes == 2 * size
    server.write(4)
    by_rename(log, server)
    server.write(5)
    tail.follower.refresh()
    assert tail.follower.behind_bytes == 11 * size
    tail.poll()
    assert tail.follower.behind_bytes == 0
    server.write_raw(b"half a line")
    tail.poll()
    assert tail.follower.behind_bytes == 11
    tail.close()


def test_an_old_compressed_file_beside_the_log_is_not_read(log: Path, server: Server) -> None:
    Path(f"{log}.3.bz2").write_bytes(bz2.compress(b"999999 long ago\n"))
    tail = Tail(log.parent)
    tail.poll()
    server.write(3)
    assert tail.poll() == [0, 1, 2]
    Path(f"{log}.3.bz2").rename(f"{log}.4.bz2")
    by_rename(log, server)
    server.write(2)
    assert tail.poll() == [3, 4]
    tail.close()


def test_standard_input_cannot_be_followed() -> None:
    with pytest.raises(InputError, match="standard input"):
        Tail("-")


def test_a_writer_that_goes_on_at_its_old_place_in_a_truncated_file(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with log.open("wb", buffering=0) as file:  # not opened to append: after truncation a hole of NULs comes first
        file.write(b"".join(b"%06d a line of the log\n" % number for number in range(4000)))
        tail = Tail(log, from_start=True, chunk_bytes=65536)
        tail.poll()
        file.write(b"004000 between\n")
        shutil.copy(log, f"{log}.1")
        os.truncate(log, 0)
        file.write(b"004001 behind the hole\n004002 and on\n")
        tail.poll()
    assert tail.numbers == list(range(4003))
    tail.close()


def test_a_copy_is_known_though_the_log_is_cut_down_while_one_looks(
    log: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tail = Tail(log, from_start=True, chunk_bytes=65536)
    server.write(4000)
    tail.poll()
    by_rename(log, server)
    server.write(4000)
    tail.poll()
    log.with_name("access.log.1").rename(log.with_name("access.log.2"))
    shutil.copy(log, f"{log}.1")

    def cut_down(members: list[Found], place: int) -> bool:
        os.truncate(log, 0)
        return locate.is_copy(members, place)

    with monkeypatch.context() as amid:
        amid.setattr(followed, "is_copy", cut_down)
        tail.poll()
    server.write(5)
    tail.poll()
    assert tail.numbers == list(range(8005))
    tail.close()


def test_a_copy_is_read_of_what_came_after_a_truncation_that_nobody_saw(log: Path, server: Server) -> None:
    server.write(4000)
    tail = Tail(log, from_start=True, chunk_bytes=65536)
    assert tail.poll() == list(range(4000))
    written_s = log.stat().st_mtime
    os.truncate(log, 0)
    server.write(5)
    shutil.copy(log, f"{log}.1")
    os.utime(f"{log}.1", (written_s + 1, written_s + 1))
    os.truncate(log, 0)
    server.write(5)
    os.utime(log, (written_s + 2, written_s + 2))
    assert tail.poll() == list(range(4000, 4010))
    tail.close()


@pytest.mark.parametrize("later", [0, 5, 400])
def test_a_log_that_is_cut_down_at_a_restart_between_the_look_and_its_opening(
    log: Path, server: Server, tail: Tail, monkeypatch, later: int
) -> None:
    class CutDown(LogFile):
        def __init__(self, path: str, *args: Any, **more: Any) -> None:
            if not Path(f"{log}.1").exists():
                shutil.copy2(log, f"{log}.1")
                os.truncate(log, 0)
                server.write(later)
            super().__init__(path, *args, **more)

    server.write(200)
    assert tail.poll() == list(range(200))
    server.write(50)
    tail.restart()
    monkeypatch.setattr(followed, "LogFile", CutDown)
    assert tail.poll() + tail.poll() == list(range(200, 250 + later))
    assert tail.follower.lost == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("from_start", [False, True])
def test_a_log_that_cannot_be_read_is_told_at_the_first_look(log: Path, server: Server, from_start: bool) -> None:
    server.write(1)
    log.chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        Tail(log, from_start=from_start).poll()
