"""A number at the end of a name is a rotation's where its live log is, or was, beside it; else it is another log's."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.collect.live_log import Server, Tail, by_copy_compressed, by_rename, by_rename_compressed, packed, shift

NAMES = [[f"worker.{number}" for number in range(1, 6)], [f"access_log.{port}" for port in (8081, 8082, 8083)]]


def close(tail: Tail, *servers: Server) -> None:
    tail.close()
    for server in servers:
        server.close()


def write_all(servers: Sequence[Server], tail: Tail, lines: int = 20) -> None:
    """Let every server write; numbers are never written twice."""
    for server in servers:
        server.count = max(one.count for one in servers)
        server.write(lines)
    tail.poll()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("how", ["folder", "glob", "named"])
@pytest.mark.parametrize("names", NAMES)
def test_logs_whose_names_end_in_a_number_are_read_once_each(
    tmp_path: Path, names: list[str], how: str, restarted: bool
) -> None:
    servers = [Server(tmp_path / name) for name in names]
    named = [str(server.path) for server in servers]
    tail = Tail(*{"folder": [str(tmp_path)], "glob": [f"{tmp_path}/*.*"], "named": named}[how], from_start=True)
    for turn in range(6):
        write_all(servers, tail)
        if restarted:
            tail.restart()
        if turn == 3:
            by_rename_compressed(servers[0].path, servers[0])  # a rotation of its own
    assert sorted(tail.numbers) == list(range(servers[-1].count))
    assert tail.logs == [str(server.path) for server in servers]
    assert tail.follower.lost == {}
    close(tail, *servers)


@pytest.mark.parametrize("lines", [20, 2000])
@pytest.mark.parametrize("names", [["worker", "worker.1", "worker.2"], ["worker.1", "worker.2.gz", "worker.3"]])
def test_files_that_seem_to_be_rotations_and_grow_are_read_once(tmp_path: Path, names: list[str], lines: int) -> None:
    servers = [Server(tmp_path / name) for name in names]
    tail = Tail(tmp_path, from_start=True, chunk_bytes=65_536)
    for turn in range(6):
        write_all(servers, tail, lines)
        if turn % 2:
            tail.restart()
    assert sorted(tail.numbers) == list(range(servers[-1].count))
    close(tail, *servers)


def test_one_of_numbered_logs_is_followed_alone(tmp_path: Path) -> None:
    servers = [Server(tmp_path / f"worker.{number}") for number in (1, 2, 3)]
    tail = Tail(servers[1].path, from_start=True)
    for _ in range(3):
        write_all(servers, tail)
    assert tail.numbers == [number for start in (20, 80, 140) for number in range(start, start + 20)]
    close(tail, *servers)


@pytest.mark.parametrize("restarts", [0, 1, 2])
@pytest.mark.parametrize("followed", ["", "access.log", "access.log*"])
def test_a_log_stands_for_a_moment_without_its_live_file(tmp_path: Path, followed: str, restarts: int) -> None:
    server = Server(tmp_path / "access.log")
    tail = Tail(f"{tmp_path}/{followed}", from_start=True)
    for _ in range(4):
        server.write(5)
        tail.poll()
        server.write(5)
        shift(server.path)
        server.path.rename(f"{server.path}.1")
        for _ in range(restarts):
            tail.restart()
            tail.poll()
        tail.poll()
        server.write(5)
        server.reopen()
        server.write(5)
        tail.poll()
    assert tail.numbers == list(range(server.count))
    assert tail.follower.lost == {}
    server.close()
    tail.close()


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
def test_rotations_in_a_folder_of_their_own_are_read_once(tmp_path: Path, pack: bool, restarted: bool) -> None:
    """As logrotate's `olddir` keeps them."""
    server, old = Server(tmp_path / "access.log"), tmp_path / "old" / "access.log"
    old.parent.mkdir()
    tail = Tail(tmp_path, from_start=True)
    for _ in range(5):
        server.write(5)
        tail.poll()
        server.write(5)
        if restarted:
            tail.restart()
        shift(old, pack=pack)
        server.path.rename(f"{old}.1")
        server.reopen()
        server.write(5)
        tail.poll()
    assert sorted(tail.numbers) == list(range(server.count))
    server.close()
    tail.close()


def test_rotations_that_are_there_before_their_log_are_read_once(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    first = Server(tmp_path / "access.log.2")
    first.write(5)
    second = Server(tmp_path / "access.log.1")
    second.count = first.count
    second.write(5)
    tail = Tail(tmp_path, from_start=True)
    assert sorted(tail.poll()) == list(range(10))
    server = Server(log)
    server.count = second.count
    server.write(5)
    assert tail.poll() == list(range(10, 15))
    tail.restart()
    by_copy_compressed(log, server)
    server.write(5)
    assert tail.poll() == list(range(15, 20))
    assert tail.logs == [str(log)]
    close(tail, first, second, server)


def test_an_archive_of_compressed_rotations_is_one_log(tmp_path: Path) -> None:
    server, archive = Server(tmp_path / "access.log"), tmp_path / "archive"
    archive.mkdir()
    tail = Tail(archive, from_start=True)
    for _ in range(4):
        server.write(5)
        by_rename(server.path, server)
        shift(archive / "access.log")
        shutil.copy2(tmp_path / "access.log.1", archive)
        packed(archive / "access.log.1")
        tail.poll()
        tail.restart()
    assert tail.numbers == list(range(server.count))
    assert tail.logs == [str(archive / "access.log")]
    server.close()
    tail.close()
