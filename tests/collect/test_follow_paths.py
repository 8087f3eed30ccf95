"""Paths that are missing, vanish, return, change hands, or are the same file twice."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from detector.collect.source import find, follow, followed, scan
from tests.collect.live_log import Server, Tail, by_copy_compressed, by_rename, every_rotation, packed


def test_a_folder_that_is_missing_at_the_start_is_waited_for(tmp_path: Path) -> None:
    paths = [tmp_path / "later" / "access.log", tmp_path / "folder", f"{tmp_path}/*/deep/*.log"]
    tail = Tail(*paths)
    assert tail.poll() == []
    assert tail.follower.awaited == [str(path) for path in paths]
    for folder in ("later", "folder", "x/deep"):
        (tmp_path / folder).mkdir(parents=True)
    servers = [Server(tmp_path / name) for name in ("later/access.log", "folder/a.log", "x/deep/b.log")]
    for number, server in enumerate(servers):
        server.count = 10 * number
        server.write(3)
    assert sorted(tail.poll()) == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    assert tail.follower.awaited == []
    for one in (tail, *servers):
        one.close()


def test_a_log_in_a_folder_that_comes_later_begins_at_its_start(tmp_path: Path) -> None:
    tail = Tail(tmp_path)
    tail.poll()
    (tmp_path / "new" / "deeper").mkdir(parents=True)
    server = Server(tmp_path / "new" / "deeper" / "access.log")
    server.write(5)
    assert tail.poll() == list(range(5))
    tail.restart()
    by_rename(server.path, server)
    server.write(5)
    assert tail.poll() == list(range(5, 10))
    server.close()
    tail.close()


@pytest.mark.parametrize("followed", ["logs", "logs/*.log"])
@pytest.mark.parametrize("known", ["nothing", "another log", "a missing folder"])
def test_a_log_that_came_between_two_runs_begins_at_its_start(tmp_path: Path, followed: str, known: str) -> None:
    if known != "a missing folder":
        (tmp_path / "logs").mkdir()
    if known == "another log":
        (tmp_path / "logs" / "other.log").write_text("999999 long ago\n")
    tail = Tail(tmp_path / followed)
    assert tail.poll() == []
    tail.restart()
    (tmp_path / "logs").mkdir(exist_ok=True)
    server = Server(tmp_path / "logs" / "access.log")
    server.write(5)
    assert tail.poll() == list(range(5))
    server.close()
    tail.close()


def test_a_log_that_is_there_when_a_folder_is_followed_first_begins_at_its_end(tmp_path: Path) -> None:
    servers = [Server(tmp_path / name) for name in ("access.log", "old.log")]
    tail = Tail(servers[0].path)
    tail.poll()
    servers[1].write(5)
    tail.close()
    again = Tail(tmp_path)
    again.saved = tail.saved
    again.restart()
    assert again.poll() == []
    for one in (again, *servers):
        one.close()


@pytest.mark.parametrize("how", ["folder", "glob", "file"])
def test_what_was_written_before_a_log_was_deleted_is_read(tmp_path: Path, how: str) -> None:
    (tmp_path / "logs").mkdir()
    server = Server(tmp_path / "logs" / "access.log")
    tail = Tail({"folder": tmp_path / "logs", "glob": f"{tmp_path}/logs/*.log", "file": server.path}[how])
    tail.poll()
    server.write(3)
    tail.poll()
    server.write(4)
    shutil.rmtree(tmp_path / "logs")
    assert tail.poll() == [3, 4, 5, 6]
    (tmp_path / "logs").mkdir()
    server.reopen()
    server.write(2)
    assert tail.poll() == [7, 8]
    server.close()
    tail.close()


def test_a_deleted_log_is_let_go_when_it_is_quiet_and_known_when_it_returns(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    (tmp_path / "access.log.1").write_text("999999 long ago\n")
    server = Server(log)
    tail = Tail(tmp_path, partial_line_s=0.001)
    tail.poll()
    server.write(3)
    tail.poll()
    log.unlink()
    while _open_files(log):
        assert tail.poll() == []
    assert tail.poll() == []
    tail.restart()
    assert tail.poll() == []
    server.reopen()
    server.write(2)
    assert tail.poll() == [3, 4]
    server.close()
    tail.close()


def _open_files(log: Path) -> list[str]:
    """The names this process has read handles of: Linux says `(deleted)` behind."""
    here = Path("/proc/self/fd")
    found = []
    for one in here.iterdir():
        try:
            name, mode = os.readlink(one), (Path("/proc/self/fdinfo") / one.name).read_text()
        except OSError:
            continue
        if name.startswith(str(log)) and int(mode.split("flags:")[1].split()[0], 8) & os.O_ACCMODE == os.O_RDONLY:
            found.append(name)
    return found


@pytest.mark.parametrize("restarts", [1, 2])
@pytest.mark.parametrize("away", [".", "logs"])
def test_a_log_that_is_away_at_a_restart_and_comes_back_as_a_copy_is_known(
    tmp_path: Path, away: str, restarts: int
) -> None:
    (tmp_path / "logs").mkdir()
    server = Server(tmp_path / "logs" / "access.log")
    server.write(5)
    tail = Tail(server.path, from_start=True)
    assert tail.poll() == list(range(5))
    by_rename(server.path, server)
    server.write(5)
    assert tail.poll() == list(range(5, 10))
    server.close()
    server.path.rename(tmp_path / away / "away")
    for _ in range(restarts):
        tail.restart()
        assert tail.poll() == []
        assert list(tail.follower.lost) == ([str(server.path)] if away == "." else [])
    shutil.copy2(tmp_path / away / "away", server.path)
    server.reopen()
    server.write(5)
    assert tail.poll() == list(range(10, 15))
    assert tail.follower.lost == {}
    server.close()
    tail.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_that_is_lost_and_comes_back(tmp_path: Path) -> None:
    server = Server(tmp_path / "access.log")
    tail = Tail(tmp_path)
    tail.poll()
    server.write(2)
    by_rename(server.path, server)
    server.path.chmod(0)
    server.write(2)
    assert tail.poll() == [0, 1]
    assert list(tail.follower.refused) == [str(server.path)]
    server.path.chmod(0o600)
    assert tail.poll() == [2, 3]
    server.close()
    tail.close()


def test_a_name_that_is_no_rotation_takes_the_file_over_where_it_was_read_to(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    server = Server(log)
    tail = Tail(tmp_path, from_start=True)
    server.write(3)
    tail.poll()
    for restarted in (False, True):
        server.write(2)
        if restarted:
            tail.restart()
        log.rename(tmp_path / f"retired-{restarted}.log")
        server.write(1)
        server.reopen()
        server.write(2)
        tail.poll()
    assert sorted(tail.numbers) == list(range(server.count))
    server.close()
    tail.close()


@pytest.mark.parametrize("name", ["access.log.old", "access-1.log", "access.1.log", ".bak", "access.log-1773126000"])
@pytest.mark.parametrize("restarts", [1, 2])
def test_a_named_file_is_read_to_its_end_whatever_name_it_gets(tmp_path: Path, name: str, restarts: int) -> None:
    log = tmp_path / "access.log"
    server = Server(log)
    tail = Tail(log, from_start=True)
    for _ in range(3):
        server.write(50)
        tail.poll()
        server.write(30)
        tail.restart()
        log.rename(tmp_path / name)
        server.reopen()
        server.write(20)
        for _ in range(restarts):
            tail.poll(1)
            tail.restart()
        tail.poll()
        assert tail.numbers == list(range(server.count))
        assert tail.follower.lost == {}
    server.close()
    tail.close()


def test_every_file_that_is_named_after_the_second_is_read(tmp_path: Path) -> None:
    """As logrotate's `dateformat -%s` names them."""
    log = tmp_path / "access.log"
    server = Server(log)
    tail = Tail(log, from_start=True)
    server.write(50)
    tail.poll()
    tail.restart()
    for second in (1773126000, 1773129600):
        server.write(30)
        log.rename(f"{log}-{second}")
        packed(Path(f"{log}-{second}"))
        server.reopen()
    server.write(20)
    assert tail.poll() == list(range(50, 130))
    server.close()
    tail.close()


def test_what_is_nowhere_any_more_is_told_with_how_far_it_was_read(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    server = Server(log)
    tail = Tail(log, from_start=True)
    server.write(50)
    tail.poll()
    read_bytes = log.stat().st_size
    server.write(50)
    tail.restart()
    log.unlink()
    (tmp_path / "other.log").write_text("999999 of another log\n")
    server.reopen()
    server.write(5)
    assert tail.poll() == list(range(100, 105))
    assert list(tail.follower.lost) == [str(log)]
    assert f"read up to byte {read_bytes:,}" in tail.follower.lost[str(log)]
    server.close()
    tail.close()


@pytest.mark.parametrize("link", [os.link, os.symlink])
@pytest.mark.parametrize("name", ["a.log", "z.log"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_file_under_two_names_is_one_whichever_goes(tmp_path: Path, link, name: str, restarted: bool) -> None:
    log, other = tmp_path / "portal.log", tmp_path / name
    server = Server(log)
    tail = Tail(tmp_path, log, other, f"{tmp_path}/*.log", from_start=True)
    server.write(3)
    tail.poll()
    link(log, other)
    server.write(3)
    tail.poll()
    if restarted:
        tail.restart()
    if link is os.link:
        log.unlink()
        server.write(2)
        tail.poll()
        server.reopen()
    else:
        other.unlink()
    server.write(2)
    tail.poll()
    assert sorted(tail.numbers) == list(range(server.count))
    server.close()
    tail.close()


@pytest.fixture(params=["other numbers at every look", "no numbers"])
def numberless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that keeps no inode numbers, as some of FUSE and of Windows shares are."""
    counted = iter(range(10**9, 10**12))

    def look(path: str) -> find.Found | None:
        found = find.look(path)
        return found and replace(found, inode=next(counted) if "other" in request.param else 0)

    for module in (scan, followed):
        monkeypatch.setattr(module, "look", look)


@every_rotation
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.usefixtures("numberless")
def test_files_without_numbers_are_known_by_what_they_hold(tmp_path: Path, rotate, restarted: bool) -> None:
    log = tmp_path / "access.log"
    server = Server(log)
    tail = Tail(tmp_path, from_start=True)
    for lines in (3, 70, 5, 120):
        server.write(lines)
        tail.poll()
        server.write(2)
        if restarted:
            tail.restart()
        rotate(log, server)
        server.write(lines + 3)
        tail.poll()
        assert tail.poll() == []
    assert sorted(tail.numbers) == list(range(server.count))
    server.close()
    tail.close()


def test_a_log_that_is_copied_anew_each_time_is_one_log(tmp_path: Path) -> None:
    origin, log = Server(tmp_path / "origin"), tmp_path / "logs" / "access.log"
    log.parent.mkdir()
    tail = Tail(log, from_start=True)
    for lines in (3, 50, 1, 200):
        origin.write(lines)
        shutil.copy(origin.path, tmp_path / "new")
        (tmp_path / "new").replace(log)
        tail.poll()
    assert tail.numbers == list(range(origin.count))
    origin.close()
    tail.close()


def test_a_named_path_that_was_missing_and_is_rotated_before_it_is_seen(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    (tmp_path / "access.log-20260101").write_text("999999 long ago\n")
    tail = Tail(log)
    assert tail.poll() == []
    tail.restart()  # that nothing was there is known too
    server = Server(log)
    server.write(5)
    log.rename(tmp_path / "access.log-20260102")
    server.reopen()
    server.write(5)
    assert tail.poll() == list(range(10))
    server.close()
    tail.close()


def test_what_is_deleted_while_a_backlog_is_read_is_in_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK_S", 0.0)
    server = Server(tmp_path / "access.log")
    tail = Tail(tmp_path, from_start=True, chunk_bytes=100)
    server.write(100)

    tail.follower.refresh()
    stream = str(server.path)
    blocks = [tail.follower.read(stream)]
    for _ in range(2):
        server.write(20)
        by_rename(server.path, server)
    server.write(20)
    blocks.append(tail.follower.read(stream))
    for path in tmp_path.iterdir():
        path.unlink()
    blocks += iter(lambda: tail.follower.read(stream), None)
    assert [int(line[:6]) for block in blocks if block for line in block.lines["line"]] == list(range(server.count))
    server.close()
    tail.close()


@pytest.mark.parametrize("days", [29, 31])
def test_how_far_a_log_was_read_is_known_for_a_month_after_it_went(tmp_path: Path, days: int) -> None:
    log = tmp_path / "worker-1.log"
    server = Server(log)
    server.now_s = time.time() - days * 86_400
    server.write(3)
    tail = Tail(tmp_path, from_start=True, partial_line_s=0.001)
    tail.poll()
    log.rename(tmp_path / ".away")
    tail.restart()
    assert tail.poll() == []
    tail.saved = tail.follower.positions()
    assert tail.logs == ([str(log)] if days < 30 else [])
    tail.restart()
    (tmp_path / ".away").rename(log)
    server.write(2)
    assert tail.poll() == list(range(3 if days < 30 else 0, 5))
    server.close()
    tail.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_folder_that_is_moved_within_a_followed_one_takes_its_logs_along(tmp_path: Path, restarted: bool) -> None:
    log = tmp_path / "logs" / "access.log"
    log.parent.mkdir()
    server = Server(log)
    tail = Tail(tmp_path, from_start=True)
    for here, there in (("logs", "away"), ("away", "logs")):
        server.write(5)
        tail.poll()
        by_copy_compressed(tmp_path / here / "access.log", server)
        server.write(5)
        (tmp_path / here).rename(tmp_path / there)
        if restarted:
            tail.restart()
        tail.poll()
        assert tail.logs == [str(tmp_path / there / "access.log")]
    assert tail.numbers == list(range(server.count))
    server.close()
    tail.close()


def test_the_highest_number_may_be_the_newest(tmp_path: Path) -> None:
    """As log4j 2 rotates: file N is written for the Nth time that the log was moved."""
    server = Server(tmp_path / "access.log")
    tail = Tail(server.path)
    tail.poll()
    given: list[int] = []
    for number in range(1, 8):
        server.write(10)
        if number % 3:
            given += tail.poll()
        if number == 5:
            tail.restart()
        server.path.rename(f"{server.path}.{number}")
        os.utime(f"{server.path}.{number}", (60 * number, 60 * number))
        server.reopen()
    given += tail.poll()
    assert given == list(range(70))
    server.close()
    tail.close()


@pytest.mark.parametrize("lines", [3, 100])
@pytest.mark.parametrize("returns", [False, True])
def test_the_reader_of_a_file_that_changed_hands_is_the_one_that_came_farther(
    tmp_path: Path, lines: int, returns: bool
) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    server = Server(first)
    tail = Tail(tmp_path, from_start=True)
    server.write(lines)
    tail.poll()
    tail.restart()
    first.rename(second)
    first.touch()
    server.write(100)
    tail.poll()
    tail.restart()
    if returns:
        second.replace(first)
    else:
        server.reopen(first)
    server.write(5)
    tail.poll()
    assert tail.numbers == list(range(server.count))
    server.close()
    tail.close()


@pytest.mark.parametrize("restarts", [1, 2])
def test_a_file_that_gets_the_number_of_one_that_went_is_read_once(tmp_path: Path, restarts: int) -> None:
    server = Server(tmp_path / "first.log")
    tail = Tail(tmp_path, from_start=True)
    server.write(500)
    tail.poll()
    os.truncate(server.path, 0)
    server.path.rename(tmp_path / "second.log")
    server.write(100)
    tail.poll()
    for _ in range(restarts):
        tail.restart()
        server.write(5)
        tail.poll()
    assert tail.numbers == list(range(server.count))
    server.close()
    tail.close()


def test_a_file_that_is_compressed_while_one_looks_is_read_before_newer_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name was listed, and is gone when one looks at it: the next look would read it late."""
    server = Server(tmp_path / "access.log")
    tail = Tail(server.path, from_start=True)
    server.write(20)
    assert tail.poll() == list(range(20))
    for _ in range(2):
        by_rename(server.path, server)
        server.write(20)
    look, middle = scan.look, tmp_path / "access.log.1"

    def too_late(path: str) -> find.Found | None:
        if path == str(middle) and middle.exists():
            packed(middle)
        return look(path)

    monkeypatch.setattr(scan, "look", too_late)
    assert tail.poll() == list(range(20, 60))
    server.close()
    tail.close()
