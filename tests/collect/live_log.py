"""A server that writes a log and rotates it in every way, and one who follows it, for the tests of following."""

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from detector.collect.source.block import Block, Position
from detector.collect.source.follow import Follower
from detector.config import Input


class Server:
    """Writes numbered lines to its log, as a web server does: it keeps its file open until told to reopen."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.now_s: float | None = None
        self._file = path.open("ab", buffering=0)

    def write(self, lines: int, end: bytes = b"\n") -> None:
        if lines == 0:
            return
        text = b"\n".join(b"%06d a line of the log" % number for number in range(self.count, self.count + lines))
        self.count += lines
        self.write_raw(text + end)

    def write_raw(self, data: bytes) -> None:
        self._file.write(data)
        if self.now_s is not None:  # tests take no time, rotations do: a course tells the time itself
            os.utime(self._file.fileno(), (self.now_s, self.now_s))

    def stamp(self, path: str) -> None:
        """Say of a file that it was made now."""
        if self.now_s is not None:
            os.utime(path, (self.now_s, self.now_s))

    def reopen(self, path: Path | None = None) -> None:
        self._file.close()
        self.path = path or self.path
        self._file = self.path.open("ab", buffering=0)
        self.stamp(str(self.path))

    def close(self) -> None:
        self._file.close()


class Tail:
    """Follows a path; `restart` goes on from what was saved, in a new process's place. Lines with `#` are headers."""

    def __init__(self, *paths: object, from_start: bool = False, chunk_bytes: int = 1000, **more: Any) -> None:
        self._paths = [str(path) for path in paths]
        self._settings = Input(chunk_bytes=chunk_bytes, **more)
        self._from_start = from_start
        self.saved: dict[str, Position] = {}
        self.numbers: list[int] = []
        self.follower = self._new()

    def _new(self) -> Follower:
        return Follower(self._paths, self._settings, self.saved, from_start=self._from_start)

    def poll(self, most: int | None = None, between: Callable[[], object] | None = None) -> list[int]:
        """Read what there is (at most so many blocks) and save the position after it; `between`: then, and go on."""
        seen: list[int] = []
        self.follower.refresh()
        for stream in self.follower.forgotten():
            self.saved.pop(stream, None)
        blocks = self._blocks()
        for _, block in zip(range(10**9 if most is None else most), blocks, strict=False):
            seen += self._keep(block)
        if between is not None:
            between()
            for block in blocks:
                seen += self._keep(block)
        for stream, position in self.follower.positions().items():
            self.saved.setdefault(stream, position)
        self.numbers += seen
        return seen

    def _blocks(self) -> Iterator[Block]:
        for stream in list(self.follower.streams()):
            while (block := self.follower.read(stream)) is not None:
                yield block

    def _keep(self, block: Block) -> list[int]:
        assert block.rejects.is_empty()
        self.saved[block.stream] = Position.from_dict(json.loads(json.dumps(block.position.to_dict())))
        return [int(line[:6]) for line in block.lines["line"] if not line.startswith("#")]

    @property
    def logs(self) -> list[str]:
        """The logs of which files are known, of which a position is saved."""
        return [stream for stream, position in self.saved.items() if position.files]

    def restart(self) -> None:
        self.follower.close()
        self.follower = self._new()

    def close(self) -> None:
        self.follower.close()


def packed(path: Path) -> None:
    """Compress a file in its place; gzip and logrotate keep its time."""
    Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
    shutil.copystat(path, f"{path}.gz")
    path.unlink()


def shift(log: Path, pack: bool = False) -> None:
    """Move access.log.1 to .2 and so on, as logrotate does; compressed from .2 on where asked."""
    for number in range(8, 0, -1):
        for suffix in ("", ".gz"):
            old = log.with_name(f"{log.name}.{number}{suffix}")
            if old.exists():
                new = log.with_name(f"{log.name}.{number + 1}{suffix}")
                old.rename(new)
                if pack and not suffix:
                    packed(new)


def by_rename(log: Path, server: Server) -> None:
    shift(log)
    log.rename(f"{log}.1")
    server.reopen()


def by_rename_and_late_reopen(log: Path, server: Server) -> None:
    shift(log)
    log.rename(f"{log}.1")
    log.touch()
    server.stamp(str(log))
    server.write(3)  # still to the renamed file
    server.reopen()


def by_copy_and_truncation(log: Path, server: Server) -> None:
    shift(log)
    shutil.copy(log, f"{log}.1")
    server.stamp(f"{log}.1")
    os.truncate(log, 0)
    server.stamp(str(log))


def by_rename_compressed(log: Path, server: Server) -> None:
    shift(log)
    log.rename(f"{log}.1")
    server.reopen()
    packed(Path(f"{log}.1"))


def by_copy_compressed(log: Path, server: Server) -> None:
    shift(log)
    Path(f"{log}.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    server.stamp(f"{log}.1.gz")
    os.truncate(log, 0)
    server.stamp(str(log))


def by_rename_compressing_the_one_before(log: Path, server: Server) -> None:
    shift(log, pack=True)
    log.rename(f"{log}.1")
    server.reopen()


def by_date_in_the_rotated_name(log: Path, server: Server) -> None:
    dates = (date.fromisoformat(path.name[-10:]) for path in log.parent.iterdir() if path.name != log.name)
    log.rename(f"{log}-{max(dates, default=date(2026, 1, 1)) + timedelta(days=1)}")
    server.reopen()


ROTATIONS: list[Callable[[Path, Server], None]] = [
    by_rename,
    by_rename_and_late_reopen,
    by_copy_and_truncation,
    by_rename_compressed,
    by_copy_compressed,
    by_rename_compressing_the_one_before,
    by_date_in_the_rotated_name,
]
every_rotation = pytest.mark.parametrize("rotate", ROTATIONS)
