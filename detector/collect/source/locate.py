"""Know a file again, under another name, copied or compressed, by how it begins and by what stood before an offset."""

from collections.abc import Collection
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from typing import Final

from detector.collect.source.block import Mark
from detector.collect.source.compression import MAGIC_BYTES, Unpacked, kind
from detector.collect.source.find import Found
from detector.collect.source.logfile import LogFile, hashed
from detector.config import Input

Version = tuple[int, int | str, int, int]
"""See `Found.version`."""

_COARSE_NS: Final = 2 * 10**9
"""How coarse file systems keep times, and what compresses or copies files with their times restores them."""


def holds(found: Found, mark: Mark) -> bool:
    """Whether the file `found` is, or is a copy of, the file that `mark` was made in."""
    if not found.regular:
        return False
    try:
        with open(found.path, "rb", buffering=0) as raw:
            compression = kind(raw.read(MAGIC_BYTES))
            raw.seek(0)
            if compression is None:
                return found.size_bytes >= mark.offset and _agrees(Unpacked(raw, None), mark)
            return _unpacked_holds(found, replace(mark, modified_ns=0))
    except OSError:
        return False


@lru_cache(maxsize=256)
def _unpacked_holds(found: Found, mark: Mark) -> bool:
    """See `holds`; a compressed file is read up to the offset, but once: what changes in it changes `found`."""
    with open(found.path, "rb", buffering=0) as raw:
        compression = kind(raw.read(MAGIC_BYTES))
        raw.seek(0)
        return _agrees(Unpacked(raw, compression), mark)


def _agrees(data: Unpacked, mark: Mark) -> bool:
    if hashed(data.peek(mark.head_bytes)) != mark.fingerprint:
        return False
    if not mark.tail_fingerprint or mark.offset == mark.head_bytes:
        return True
    data.skip(mark.offset - mark.head_bytes)
    return hashed(data.read(mark.head_bytes)) == mark.tail_fingerprint


def continues(found: Found, copy: Found, settings: Input) -> bool:
    """Whether a file begins with all that its copy holds: then it was copied, but not cut down after it."""
    try:
        with closing(LogFile(copy.path, settings)) as file:
            while file.read() is not None:
                pass
            file.finish()
            return holds(found, file.mark())
    except OSError:
        return True


def is_fresh(found: Found, mark: Mark, seen: Collection[Version]) -> bool:
    """Whether a file may have come to hold, since it was last looked for, what `mark` was made in."""
    return found.version not in seen and found.modified_ns >= mark.modified_ns - _COARSE_NS


def locate(mark: Mark, members: list[Found], seen: Collection[Version] = frozenset()) -> int | None:
    """Return the index of the file that `mark` was made in, among the files of its log: renamed, else copied.

    `seen` are files, as they were at the last look, of which none is a copy made since.
    None: it is not there, or nothing was read of it, so that no content tells it from another.
    """
    if mark.head_bytes == 0:
        return None  # nothing was read: an inode alone may be another file's by now
    for index, member in enumerate(members):
        if (member.inode, member.device) == (mark.inode, mark.device) and holds(member, mark):
            return index
    copies = [index for index, member in enumerate(members) if member.version not in seen and holds(member, mark)]
    return min(copies, key=lambda index: not is_fresh(members[index], mark, seen), default=None)
