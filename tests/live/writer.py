"""Write a log as servers do, in pieces that end anywhere, and rotate it in every way that there is."""

import gzip
import os
import random
import shutil
from pathlib import Path

NAMED, DATEEXT, DATED, LINKED = "named", "dateext", "dated", "linked"
STYLES = (NAMED, DATEEXT, DATED, LINKED)
"""How rotated files are called: `x.log.1`, `x.log-20260301`, each day's own `x-2026-03-01.log`; `x.log` is a link."""


class Log:
    """One log in a folder of its own, written line by line, no line ever lost by a rotation.

    `path` is what the detector is told. Each way to rotate is a method; `pause` is called where something may look.
    """

    def __init__(self, folder: Path, name: str, style: str, chance: random.Random, pause) -> None:
        self.style, self._name, self._chance, self._pause = style, name, chance, pause
        self._folder, self._turn, self._last = folder, 0, b""
        folder.mkdir(parents=True)
        self._live = folder / (f"{name}-2026-03-01.log" if style == DATED else f"{name}.log")
        self.path = folder / f"{name}-*.log*" if style == DATED else self._live
        if style == LINKED:
            self.path = folder.parent / f"{name}-link" / f"{name}.log"
            self.path.parent.mkdir()
            self.path.symlink_to(self._live)
        self._file = self._opened()
        self._old: list[Path] = []

    def write(self, data: bytes) -> None:
        """Add bytes, in one write or several."""
        while data:
            size = self._chance.choice((len(data), self._chance.randint(1, len(data))))
            os.write(self._file, data[:size])
            self._last, data = data[:size], data[size:]

    @property
    def amid_line(self) -> bool:
        """Whether the last line written has no line feed yet."""
        return bool(self._last) and not self._last.endswith(b"\n")

    @property
    def live(self) -> tuple[int, int]:
        """Inode and size of the file that is being written."""
        found = os.fstat(self._file)
        return found.st_ino, found.st_size

    def ways(self) -> list[str]:
        """Return the names of the methods that can rotate the log now."""
        if self.style == DATED:
            return ["begin_next_day"] if self.amid_line else ["begin_next_day", "compress", "vanish"]
        whole = [] if self.amid_line else ["copy_and_truncate", "copy_and_truncate_with_hole", "move_and_return"]
        return ["rename", "rename_late", "vanish", *whole, *(["compress"] if self._old else [])]

    def rename(self, until_new=lambda: None) -> None:
        """Rename the log, go on in it for a while, then open a new one under its name."""
        self._shift()
        os.rename(self._live, self._first())
        self._pause()
        until_new()
        self._begin_anew()

    def rename_late(self, until_new=lambda: None) -> None:
        """As `rename`, with the new file there at once, empty, while the old one is still written to."""
        self._shift()
        os.rename(self._live, self._first())
        self._live.touch()
        self._pause()
        until_new()
        self._begin_anew()

    def copy_and_truncate(self, until_new=lambda: None) -> None:
        """Copy, not in one go, then cut the log to nothing; it may have grown past its old size before one looks."""
        self._copy()
        os.ftruncate(self._file, 0)
        if self._chance.random() < 0.5:
            self._pause()

    def copy_and_truncate_with_hole(self, until_new=lambda: None) -> None:
        """As `copy_and_truncate`, by a writer that goes on at its old offset: what is before it reads as NULs."""
        _, size = self.live
        self._copy()
        os.ftruncate(self._file, 0)
        os.close(self._file)
        self._file = os.open(self._live, os.O_WRONLY)
        os.lseek(self._file, size, os.SEEK_SET)

    def truncate(self) -> None:
        """Cut the log to nothing without a copy: what nobody had read by then is gone."""
        os.ftruncate(self._file, 0)
        if self._chance.random() < 0.5:
            self._pause()

    def begin_next_day(self, until_new=lambda: None) -> None:
        """Go on in the next day's file."""
        until_new()
        self._turn += 1
        self._old.append(self._live)
        self._live = self._folder / f"{self._name}-2026-{3 + self._turn // 28:02d}-{1 + self._turn % 28:02d}.log"
        self._begin_anew()

    def vanish(self, until_new=lambda: None) -> None:
        """Take the folder away and bring it back, as a file system that is mounted anew; the writer goes on."""
        away = self._folder.with_name(f"{self._folder.name}.away")
        os.rename(self._folder, away)
        self._pause()
        until_new()
        os.rename(away, self._folder)

    def move_and_return(self, until_new=lambda: None) -> None:
        """Take the log away and bring back a copy: another inode, the same content."""
        away = self._folder / ".away"
        os.close(self._file)
        os.rename(self._live, away)
        self._pause()
        shutil.copy2(away, self._folder / ".copy")
        os.rename(self._folder / ".copy", self._live)
        away.unlink()
        self._file = self._opened()

    def compress(self, until_new=lambda: None) -> None:
        """Compress a rotated file beside itself, not in one go, and then remove it."""
        plain = self._chance.choice([one for one in self._old if one.suffix != ".gz"] or [None])
        if plain is None:
            return
        packed, body = plain.with_name(f"{plain.name}.gz"), gzip.compress(plain.read_bytes(), 1)
        with packed.open("wb", buffering=0) as file:
            file.write(body[: len(body) // 2])
            self._pause()
            file.write(body[len(body) // 2 :])
        shutil.copystat(plain, packed)
        plain.unlink()
        self._old[self._old.index(plain)] = packed

    def drop_oldest(self, kept: int) -> None:
        """Remove rotated files but the newest `kept`."""
        while len(self._old) > kept:
            self._old.pop(0).unlink()

    def close(self) -> None:
        os.close(self._file)

    def _opened(self) -> int:
        return os.open(self._live, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def _begin_anew(self) -> None:
        os.close(self._file)
        self._file = self._opened()

    def _first(self) -> Path:
        """Name the file that the log is rotated to, and note it."""
        self._turn += 1
        dated = f"2026{3 + self._turn // 28:02d}{1 + self._turn % 28:02d}"
        name = f"{self._live.name}-{dated}" if self.style == DATEEXT else f"{self._live.name}.1"
        self._old.append(self._folder / name)
        return self._old[-1]

    def _shift(self) -> None:
        """Give rotated files the next number, the oldest first."""
        if self.style == DATEEXT:
            return
        for place, path in enumerate(self._old):
            packed = ".gz" if path.suffix == ".gz" else ""
            self._old[place] = self._folder / f"{self._live.name}.{len(self._old) - place + 1}{packed}"
            os.rename(path, self._old[place])

    def _copy(self) -> None:
        self._shift()
        body = self._live.read_bytes()
        with self._first().open("wb", buffering=0) as file:
            file.write(body[: len(body) // 2])
            self._pause()
            file.write(body[len(body) // 2 :])
