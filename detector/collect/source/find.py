"""Find the files that paths mean: files, folders, globs, standard input."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from detector.collect.source.names import Age, age_of, is_log, rotation
from detector.errors import InputError

STDIN: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file to read. `stream` names the log it is a part of, the same from whatever folder one starts.

    `age`: its place among the files of that log, by its name.
    """

    path: str
    stream: str
    age: Age
    inode: int
    device: int
    size_bytes: int
    modified_ns: int
    regular: bool

    @property
    def identity(self) -> tuple[int, int | str]:
        """Device and inode: who the file is, whatever its name; where files have no inodes, where it lies."""
        return self.device, self.inode or os.path.realpath(self.path)

    @property
    def version(self) -> tuple[int, int | str, int, int]:
        """Who the file is, and as it was when it was found: another file that got its inode is no such."""
        return *self.identity, self.size_bytes, self.modified_ns


def find(paths: Sequence[str | os.PathLike[str]]) -> list[Found]:
    """Return the files that `paths` mean, each once, in the order given; a folder's in order of name.

    A folder is searched to its depth, without hidden files and files that are plainly no logs; what is named
    or matched by a glob is always read.

    Raises: `InputError` naming every path that is missing, cannot be read, or holds no log.
    """
    faults: list[str] = []
    found: dict[tuple[int, int | str], Found] = {}
    for given in paths:
        for path in _files(os.fspath(given), faults):
            _add(found, path, faults)
    if faults:
        raise InputError("\n".join(faults))
    return list(found.values())


def look(path: str) -> Found | None:
    """Return what is at `path` now, symbolic links followed; None: nothing, or a folder."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode):
        return None
    return Found(
        path=path,
        stream=stream_of(path),
        age=age_of(path),
        inode=found.st_ino,
        device=found.st_dev,
        size_bytes=found.st_size if stat.S_ISREG(found.st_mode) else 0,
        modified_ns=found.st_mtime_ns,
        regular=stat.S_ISREG(found.st_mode),
    )


def stream_of(path: str) -> str:
    """Return the name of the log that the file at `path` is a part of: its folder and its name without rotation."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(folder, rotation(name).family)


def logs_in(folder: str, faults: list[str] | None = None) -> Iterator[str]:
    """Yield the paths of the logs under `folder`; a folder that cannot be listed is added to `faults`."""

    def refused(fault: OSError) -> None:
        if faults is not None:
            faults.append(f"{fault.filename}: cannot be listed: {fault.strerror}")

    for here, folders, names in os.walk(folder, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(here, name) for name in sorted(names) if is_log(name))


def matching(pattern: str) -> list[str]:
    """Return the files that match a glob (`**` goes into folders), in order of name."""
    return sorted(path for path in glob.glob(pattern, recursive=True) if not os.path.isdir(path))


def between(old: str, new: str) -> list[str]:
    """Return the files between two by the dates in their paths, the oldest first: `day/2026-03-11/access.log`.

    The paths of all differ in their dates only.
    """
    parts = list(zip(old.split(os.sep), new.split(os.sep), strict=False))
    if old.count(os.sep) != new.count(os.sep) or os.path.dirname(old) == os.path.dirname(new):
        return []
    family, first = _dated(old)
    pattern = os.sep.join(glob.escape(one) if one == other else "*" for one, other in parts)
    dated = sorted((*_dated(path), path) for path in matching(pattern))
    return [path for one, day, path in dated if one == family == _dated(new)[0] and first < day < _dated(new)[1]]


def is_glob(path: str) -> bool:
    """Whether `path` is a pattern; a file of that very name comes first."""
    return glob.has_magic(path) and not os.path.lexists(path)


def _dated(path: str) -> tuple[str, str]:
    said = rotation(path.replace(os.sep, "-"))
    return said.family, said.age.day


def _files(given: str, faults: list[str]) -> Iterable[str]:
    if given == STDIN:
        return [STDIN]
    if is_glob(given):
        files = matching(given)
        if not files:
            faults.append(f"{given}: no file matches the pattern")
        return files
    if not os.path.isdir(given):
        return [given]
    before = len(faults)
    files = list(logs_in(given, faults))
    if not files and len(faults) == before:
        faults.append(f"{given}: no log in this folder; required a file that is not hidden, a table or a text document")
    return files


def _add(found: dict[tuple[int, int | str], Found], path: str, faults: list[str]) -> None:
    if path == STDIN:
        found[-1, -1] = Found(
            path=STDIN, stream=STDIN, age=age_of(STDIN), inode=0, device=0, size_bytes=0, modified_ns=0, regular=False
        )
        return
    one = look(path)
    if one is None:
        faults.append(f"{path}: {'a folder' if os.path.isdir(path) else 'no such file or folder'}")
    elif one.regular and (why := _unreadable(path)):
        faults.append(f"{path}: cannot be read: {why}")
    else:
        if one.identity not in found or os.path.islink(found[one.identity].path):
            found[one.identity] = one


def _unreadable(path: str) -> str | None:
    try:
        with open(path, "rb"):
            return None
    except OSError as fault:
        return fault.strerror
