"""Know files again, under other names, copied or compressed, by how they begin and by what stood before an offset.

The files of a log follow one another, and so do the marks made in them. A mark is placed in the file that holds what it
was made in, after the one that the mark before it was placed in; an inode number is only a hint.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO, Final, NamedTuple

from detector.collect.source.block import Mark
from detector.collect.source.compression import MAGIC_BYTES, Unpacked, kind
from detector.collect.source.find import Found
from detector.collect.source.logfile import FINGERPRINT_BYTES, hashed

HEADER_BYTES: Final = 64 * 1024
"""Files may begin alike for so long: with a header. What is longer is in one file, and in copies of it."""
_SLICE: Final = 1024 * 1024


class _Content(NamedTuple):
    """What a mark says of a file's content."""

    head_bytes: int
    head: str
    offset: int
    tail: str


def holds(found: Found, mark: Mark) -> bool:
    """Whether the file `found` is, or is a copy of, the file that `mark` was made in."""
    if not found.regular:
        return False
    try:
        content = _Content(mark.head_bytes, mark.fingerprint, mark.offset, mark.tail_fingerprint)
        if _is_compressed(found.path):
            return _unpacked_holds(found.path, found.size_bytes, found.modified_ns, content)
        return _holds(found.path, content)
    except OSError:
        return False


def begins(copy: Found, found: Found) -> bool:
    """Whether all that is in `copy` stands at the beginning of `found`: it is read there."""
    end = end_of(copy)
    return end is not None and (end.offset == 0 or holds(found, end))


def has_grown(found: Found, mark: Mark) -> bool:
    """Whether more stands in a file than was read of it by a mark at its end; of a compressed one as unpacked."""
    end = end_of(found)
    return end is not None and end.offset > mark.offset > 0 and holds(found, mark)


def end_of(found: Found) -> Mark | None:
    """Return a mark at the end of a file; None: it cannot be read. A compressed one is read through, but once."""
    try:
        size, head, tail = _end(found.path, found.size_bytes, found.modified_ns)
    except OSError:
        return None
    return Mark(
        path=found.path,
        inode=found.inode,
        device=found.device,
        head_bytes=min(size, FINGERPRINT_BYTES),
        fingerprint=head,
        offset=size,
        modified_ns=found.modified_ns,
        tail_fingerprint=tail,
        ended=True,
    )


def match(marks: Sequence[Mark], members: Sequence[Found], in_hand: Sequence[bool] = ()) -> list[int | None]:
    """Return for every mark, the oldest first, the index of its file among those of its log; None: it is not there.

    `in_hand`: the file of that mark is open, so that no other has its number, and the mark is at its end. What holds
    most is placed first: files may begin alike, and a mark within a header is in all of them.
    """
    hands = in_hand or [False] * len(marks)
    places = [_own(mark, members) if hand else None for mark, hand in zip(marks, hands, strict=True)]
    for index in sorted(range(len(marks)), key=lambda index: -marks[index].offset):
        if places[index] is None:
            low = max((place for place in places[:index] if place is not None), default=-1)
            high = min((place for place in places[index:] if place is not None), default=len(members))
            within = [place for place in range(low + 1, high) if place not in places]
            beyond = [place for place in range(len(members)) if place not in (*places, *within)]
            places[index] = _place(marks[index], members, within, whole=hands[index])
            if places[index] is None and not marks[index].ended:  # names may be out of order
                places[index] = _place(marks[index], members, beyond, whole=hands[index])
    return places


def _place(mark: Mark, members: Sequence[Found], free: Sequence[int], *, whole: bool) -> int | None:
    """Choose the file of a mark among some. `whole`: it is at its end, as far as was seen."""
    own = _own(mark, members)
    if own is not None and (own not in free or not (mark.offset == 0 or holds(members[own], mark))):
        own = None
    if mark.offset == 0 or (own is not None and (not mark.ended or members[own].modified_ns == mark.modified_ns)):
        return own
    held = (place for place in free if holds(members[place], mark))
    if mark.ended:
        return next((place for place in held if mark.offset > HEADER_BYTES or _is_whole(members[place], mark)), None)
    alike = list(held)
    if len(alike) > 1:
        alike.sort(key=lambda place: (whole and not _is_whole(members[place], mark), is_copy(members, place)))
    return alike[0] if alike else None


def is_copy(members: Sequence[Found], place: int) -> bool:
    """Whether a file is a copy of the one after it, which is not cut down yet; or holds nothing but its header."""
    return place + 1 < len(members) and begins(members[place], members[place + 1])


def _own(mark: Mark, members: Sequence[Found]) -> int | None:
    """Return which file has the number a file had when the mark was made in it."""
    who = (mark.device, mark.inode)
    return next((place for place, one in enumerate(members) if mark.inode and (one.device, one.inode) == who), None)


def _is_whole(found: Found, mark: Mark) -> bool:
    end = end_of(found)
    return end is not None and end.offset == mark.offset


def _is_compressed(path: str) -> bool:
    with open(path, "rb", buffering=0) as raw:
        return kind(raw.read(MAGIC_BYTES)) is not None


@lru_cache(maxsize=1024)
def _unpacked_holds(path: str, stored_bytes: int, modified_ns: int, content: _Content) -> bool:
    """See `_holds`; a compressed file is read up to the offset, but once: what changes in it changes size and time."""
    return _holds(path, content)


def _holds(path: str, content: _Content) -> bool:
    with open(path, "rb", buffering=0) as raw:
        data = _unpacked(raw)
        if hashed(data.peek(content.head_bytes)) != content.head:
            return False
        if not content.tail or content.offset == content.head_bytes:
            return True
        data.skip(content.offset - content.head_bytes)
        return hashed(data.read(content.head_bytes)) == content.tail


@lru_cache(maxsize=1024)
def _end(path: str, stored_bytes: int, modified_ns: int) -> tuple[int, str, str]:
    """Return how long a file is unpacked, and the fingerprints of its beginning and its end."""
    with open(path, "rb", buffering=0) as raw:
        if kind(raw.read(MAGIC_BYTES)) is None:
            head, tail = _ends(raw, stored_bytes)
            return stored_bytes, hashed(head), hashed(tail)
        raw.seek(0)
        data = _unpacked(raw)
        head = tail = data.read(FINGERPRINT_BYTES)
        size = len(head)
        while piece := data.read(_SLICE):
            size += len(piece)
            tail = (tail + piece)[-FINGERPRINT_BYTES:]
        return size, hashed(head), hashed(tail)


def _ends(raw: BinaryIO, size: int) -> tuple[bytes, bytes]:
    raw.seek(0)
    head = raw.read(min(size, FINGERPRINT_BYTES))
    raw.seek(size - len(head))
    return head, raw.read(len(head))


def _unpacked(raw: BinaryIO) -> Unpacked:
    compression = kind(raw.read(MAGIC_BYTES))
    raw.seek(0)
    return Unpacked(raw, compression)
