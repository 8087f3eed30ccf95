"""A log that is a link to a file, and is set to another one."""

from pathlib import Path

import pytest

from tests.collect.live_log import Server, Tail


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("followed", ["links/current.log", "links", "links/*.log"])
def test_the_end_of_the_file_that_a_link_led_to_is_read(tmp_path: Path, followed: str, restarted: bool) -> None:
    link = tmp_path / "links" / "current.log"
    for name in ("links", "first", "second"):
        (tmp_path / name).mkdir()
    server = Server(tmp_path / "first" / "one.log")
    link.symlink_to(server.path)
    tail = Tail(tmp_path / followed, from_start=True)
    server.write(5)
    tail.poll()
    for name in ("second/two.log", "first/three.log"):
        server.write(5)
        if restarted:
            tail.restart()
        server.reopen(tmp_path / name)
        link.unlink()
        link.symlink_to(server.path)
        server.write(5)
        tail.poll()
        assert tail.poll() == []
    assert tail.numbers == list(range(server.count))
    assert tail.follower.lost == {}
    server.close()
    tail.close()


def test_a_file_that_a_link_led_to_is_read_though_nothing_of_it_was_yet(tmp_path: Path) -> None:
    link, server = tmp_path / "current.log", Server(tmp_path / "0.txt")
    link.symlink_to(server.path)
    tail = Tail(link, from_start=True)
    server.write(50)
    tail.poll()
    for number in (1, 2, 3):
        server.write(50)
        server.reopen(tmp_path / f"{number}.txt")
        link.unlink()
        link.symlink_to(server.path)
        tail.restart()
        tail.poll(1)
    server.write(50)
    while tail.poll():
        pass
    assert tail.numbers == list(range(server.count))
    server.close()
    tail.close()


@pytest.mark.parametrize("followed", ["links/current.log", "links"])
def test_the_file_that_a_link_led_to_is_named_where_it_is_gone(tmp_path: Path, followed: str) -> None:
    (tmp_path / "links").mkdir()
    link, server = tmp_path / "links" / "current.log", Server(tmp_path / "one.log")
    link.symlink_to(server.path)
    tail = Tail(tmp_path / followed, from_start=True)
    server.write(5)
    tail.poll()
    tail.restart()
    server.path.unlink()
    link.unlink()
    server.reopen(tmp_path / "two.log")
    link.symlink_to(server.path)
    server.write(5)
    assert tail.poll() == list(range(5, 10))
    assert list(tail.follower.lost) == [str(tmp_path / "one.log")]
    server.close()
    tail.close()


@pytest.mark.parametrize(
    "days", [["2026-03-30", "2026-03-31", "2026-04-01"], ["2026-03/30", "2026-03/31", "2026-04/01"]]
)
@pytest.mark.parametrize("restarted", [False, True])
def test_every_day_to_which_a_link_of_a_folder_led_is_read(tmp_path: Path, days: list[str], restarted: bool) -> None:
    for name in ("2026-03-29", "2026-03/29", "other", *days):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "access.log").write_text("999999 of another day\n" if name not in days else "")
    link, server = tmp_path / "current", Server(tmp_path / days[0] / "access.log")
    link.symlink_to(server.path.parent)
    tail = Tail(link / "access.log", from_start=True)
    server.write(100)
    tail.poll()
    if restarted:
        tail.restart()
    for day in days[1:]:
        server.write(50)
        server.reopen(tmp_path / day / "access.log")
        link.unlink()
        link.symlink_to(server.path.parent)
    server.write(20)
    tail.poll(1)
    tail.restart()
    tail.poll()
    assert tail.numbers == list(range(server.count))
    assert tail.follower.lost == {}
    tail.restart()
    assert tail.poll() == []
    server.close()
    tail.close()
