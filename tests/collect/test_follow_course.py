"""Any course of a server's, an administrator's and the machine's doings gives every line once."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from detector.collect.source import find, follow, followed, scan
from tests.collect.live_log import (
    ROTATIONS,
    Server,
    Tail,
    by_date_in_the_rotated_name,
    by_rename,
    by_rename_and_late_reopen,
)

SEEDS = range(int(os.environ.get("FOLLOW_SEEDS", "10")))
NUMBERED = [one for one in ROTATIONS if one is not by_date_in_the_rotated_name]
FREE = {by_rename, by_rename_and_late_reopen, by_date_in_the_rotated_name}
"""Rotations that may come at any time, several between two looks and in the midst of reading."""
HARD = "FOLLOW_HARD" in os.environ
"""Ask more of every course, not of each other one: copies at any time, headers, files without numbers."""
HEADERS = [b"", b"#Software: a portal\n#Fields: number text\n", b"#Fields: " + b"field " * 400 + b"\n"]


class Course:
    """One random course; `step` does one thing."""

    def __init__(self, folder: Path, seed: int, *, hard: bool) -> None:
        self.rng = random.Random(seed)
        self.log = folder / "logs" / "access.log"
        self.log.parent.mkdir()
        self.header = self.rng.choice(HEADERS) if hard else b""
        self.rotations = self.rng.choice([NUMBERED, [by_date_in_the_rotated_name], *([one] for one in NUMBERED)])
        self.server = Server(self.log)
        self.server.now_s = time.time()
        self.server.write_raw(self.header)
        pattern = f"{folder}/logs/**/*"
        self.hard, self.free = hard, set(self.rotations) <= FREE
        paths = self.rng.choice([[self.log], [self.log.parent], [pattern], [self.log.parent, self.log]])
        self.tail = Tail(*paths, from_start=True, chunk_bytes=self.rng.choice([7, 100, 65537]))
        self.tail.poll()
        self.late = False  # whether lines may come in another order: those of a file written to after its rotation
        self.half = False

    def write(self) -> None:
        self.server.now_s += 10
        if self.half:
            self.server.write_raw(b"\n")
        self.half = False
        self.server.write(self.rng.choice([1, 3, 30, 200]))

    def write_half(self) -> None:
        if not self.half:
            self.server.write(1, end=b"")
            self.half = True

    def rotate(self) -> None:
        if not self.log.exists() or not self.log.stat().st_size or sum(1 for _ in self.log.parent.iterdir()) >= 8:
            return
        if self.half:
            self.server.write_raw(b"\n")
        self.half = False
        if not self.hard and not self.free:
            self.poll()  # and not twice between two looks
        self.server.now_s += 10
        how = self.rng.choice(self.rotations)
        self.late |= how is by_rename_and_late_reopen
        how(self.log, self.server)
        self.server.now_s += 10
        if self.log.stat().st_size == 0:
            self.server.write_raw(self.header)

    def rotate_twice(self) -> None:
        self.rotate()
        self.write()
        self.rotate()

    def rotate_while_reading(self) -> None:
        doings: list[Callable[[], None]] = [self.write, self.rotate, self.write]
        self.tail.poll(most=self.rng.randrange(4), between=lambda: [one() for one in doings[self.rng.randrange(2) :]])

    def poll(self) -> None:
        self.tail.poll()

    def kill(self) -> None:
        self.tail.poll(most=self.rng.randrange(3))
        self.tail.restart()

    def stay_away(self) -> None:
        away = self.log.parent.with_name("away")
        self.log.parent.rename(away)
        self.late |= not self.free  # the file in hand is read on, before copies made meanwhile
        self.tail.poll()
        if self.rng.random() < 0.5:
            self.tail.restart()
            self.tail.poll()
        away.rename(self.log.parent)

    def step(self) -> None:
        doings = [self.write] * 4 + [self.poll] * 3 + [self.kill, self.rotate, self.rotate]
        doings += [self.write_half, self.stay_away]
        self.rng.choice(doings + [self.rotate_twice, self.rotate_while_reading] * (self.hard or self.free))()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_course_of_events(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "SOON_S", 0.0)
    hard = HARD or seed % 2 == 1
    if hard and seed % 5 == 4:
        lose_numbers(monkeypatch, seed)
    course = Course(tmp_path, seed, hard=hard)
    for _ in range(60):
        course.step()
        if sum(1 for _ in course.log.parent.iterdir()) >= 8:
            course.poll()
            forget_the_oldest(course.log.parent)
    course.write()
    course.poll()
    course.poll()
    read = course.tail.numbers
    course.server.close()
    course.tail.close()
    assert sorted(read) == list(range(course.server.count))
    assert read == sorted(read) or course.late


def forget_the_oldest(folder: Path) -> None:
    """Delete the older half of the rotated files, as logrotate does with those behind its count."""
    old = sorted(path for path in folder.iterdir() if path.name != "access.log")
    dated = any(path.name.startswith("access.log-") for path in old)
    for path in old[: len(old) // 2] if dated else old[len(old) // 2 :]:
        path.unlink()


def lose_numbers(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Let the file system tell no inode numbers, or others at every look."""
    counted = iter(range(10**9, 10**12))

    def look(path: str) -> find.Found | None:
        found = find.look(path)
        return found and replace(found, inode=next(counted) if seed % 2 else 0)

    for module in (scan, followed):
        monkeypatch.setattr(module, "look", look)
