"""Keep one followed log: which files are in hand, found again through rename, copy, compression and restart."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from detector.collect.source.block import Block, Mark, Position
from detector.collect.source.cut import Cut
from detector.collect.source.find import Found, between, look
from detector.collect.source.locate import HEADER_BYTES, end_of, has_grown, holds, is_copy, match
from detector.collect.source.logfile import LogFile
from detector.collect.source.names import age_of
from detector.config import Input

_LINGERING = 2
"""Files kept open: the newest, and the one before it, which a server may still write to after its rotation."""
_LOST = (
    "no file beside it is it any more, under whatever name; read up to byte {offset:,}, and what came after it is not "
    "known. Files that get a name which is not known as a rotation's are found when their folder is followed"
)
_REMEMBERED = 3
"""Files that were read to their end and let go, kept in mind: what is older than they are is not new."""


class FollowedLog:
    """The files of one log that are being read, the oldest first, after those last read to their end.

    What ties the log together is not a name: files are found again, in their order, by what was read of them (see
    `locate`). All that is newer than a file that was read to its end, and in none that is known, is new.
    """

    def __init__(self, stream: str, settings: Input, marks: Sequence[Mark] = ()) -> None:
        self.stream = stream
        self.drained = False
        self.lost: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self._settings = settings
        self._files: list[LogFile | Mark] = list(marks)
        self._unopened_bytes = 0

    @property
    def newest(self) -> str | None:
        """Path of the newest file in hand."""
        return self._open[-1].path if self._open else None

    @property
    def is_unsure(self) -> bool:
        """Whether the newest file may have been copied and cut down since the last look, and begin as it did."""
        newest = self._open[-1:]
        return any(one.has_changed and one.mark().offset <= HEADER_BYTES for one in newest)

    def is_in(self, members: Sequence[Found]) -> bool:
        """Whether any of its files is among those of another log: it has moved."""
        return any(place is not None for place in self._places(members))

    def _places(self, members: Sequence[Found]) -> list[int | None]:
        known = [one if isinstance(one, Mark) else one.end() for one in self._files]
        return match(known, members, [isinstance(one, LogFile) for one in self._files])

    def gone_since(self, time: datetime) -> bool:
        """Whether none of its files is in hand, and none that was had been written to since then."""
        return (
            not self._open and max((_mark(one).modified_ns for one in self._files), default=0) < time.timestamp() * 1e9
        )

    @property
    def stored_bytes(self) -> int:
        """How far reading has come in the files in hand."""
        return sum(file.stored_bytes for file in self._open)

    @property
    def behind_bytes(self) -> int:
        """Bytes as stored that were not read yet: of the files in hand, and of those that could not be opened."""
        return self._unopened_bytes + sum(file.behind_bytes for file in self._open)

    @property
    def _open(self) -> list[LogFile]:
        return [one for one in self._files if isinstance(one, LogFile)]

    def position(self) -> Position:
        """Return where reading is."""
        return Position(stream=self.stream, files=tuple(map(_mark, self._files)))

    def begin(self, members: Sequence[Found], beginning: Sequence[tuple[Found, int]]) -> None:
        """Begin with the newest of the files there are, each at an offset; what is older was never new."""
        first = len(members) - len(beginning)
        files: list[tuple[int, LogFile | Mark]] = []
        if first > 0 and not (beginning and beginning[0][1] > HEADER_BYTES):
            files += [(-1, end) for end in [end_of(members[first - 1])] if end]
        places = [(place, one, offset) for place, (one, offset) in enumerate(beginning, first)]
        self._take_up(files, [new for new in places if new[2] or not is_copy(members, new[0])])

    def look(self, members: Sequence[Found], reached: Mapping[tuple[int, int | str], int]) -> None:
        """Take up the files of the log as they are now, the oldest first. `reached`: how far others read them."""
        self._let_go_of_replaced()
        if not members:
            return  # gone for now: what is known of it is kept for its return
        self._take_back(members)
        places = self._places(members)
        old, new = _told_apart([_mark(one) for one in self._files], places, members)
        files: list[tuple[int, LogFile | Mark]] = []
        if old is not None and old not in places and (end := end_of(members[old])):
            files.append((old, end))
        floor = -1 if old is None or old not in places else old
        rank = -1
        for one, place in zip(self._files, places, strict=True):
            rank = rank if place is None else place
            kept = self._kept(one, _elsewhere(one, members) if place is None else members[place])
            if kept and (place is not None or isinstance(kept, LogFile) or rank >= floor):
                files.append((rank, kept))
        fresh = [(place, members[place]) for place in new if not is_copy(members, place)]
        if fresh and any(isinstance(one, LogFile) and one.replaced for _, one in files):
            fresh = []  # cut down while one looked: its copy seemed to be none, and is known at the next look
        fresh = [(-1, one) for one in self._passed_by(places, members)] + fresh
        self._take_up(files, [(place, one, reached.get(one.identity, 0)) for place, one in fresh])

    def _passed_by(self, places: Sequence[int | None], members: Sequence[Found]) -> list[Found]:
        """Return what a link of a folder led to after the newest file that is known, and leads to no more."""
        if not self._files or places[-1] is not None:
            return []
        passed = between(_mark(self._files[-1]).path, os.path.realpath(members[-1].path))
        return [found for found in map(look, passed) if found and found.regular]

    @property
    def identities(self) -> set[tuple[int, int | str]]:
        """Who the files are that are known."""
        return {(mark.device, mark.inode) for mark in map(_mark, self._files) if mark.inode and mark.offset}

    def hand_over(self, found: Found) -> int:
        """Let go of a file that another log reads on, if it was this one's; return from where."""
        reached = 0
        for one in list(self._files):
            mark = _mark(one)
            if (mark.device, mark.inode) == found.identity and holds(found, mark):
                reached = mark.offset
                self._files.remove(one)
                if isinstance(one, LogFile):
                    one.close()
        return reached

    def read(self) -> Block | None:
        """Return the next lines, of the oldest file that has any; None: there are none now."""
        for file in self._open:
            cut = file.read() or file.partial()
            if cut is None and self._is_over(file):
                cut = self._finish(file)
            if cut is not None:
                return self._block(file, cut)
        self.drained = True
        return None

    def close(self) -> None:
        """Close all files."""
        for file in self._open:
            file.close()
        self._files = []

    def _let_go_of_replaced(self) -> None:
        """Let go of files that were overwritten: they are found again by content."""
        for file in self._open:
            file.look()
            if file.replaced:
                self._exchange(file, file.mark())

    def _take_back(self, members: Sequence[Found]) -> None:
        """Read on what was let go at its end and has grown since: its number may be no rotation's after all."""
        found = {one.identity: one for one in members}
        known = [(mark.device, mark.inode) for mark in map(_mark, self._files)]
        for at, one in enumerate(self._files):
            here = found.get(known[at]) if known.count(known[at]) == 1 else None
            if here and isinstance(one, Mark) and one.ended and has_grown(here, one):
                self._files[at] = replace(one, ended=False)

    def _kept(self, one: LogFile | Mark, found: Found | None) -> LogFile | Mark | None:
        """Go on with what was known in the file where it was found now, if it was."""
        mark = _mark(one)
        if isinstance(one, LogFile):
            if one.identity == found.identity if found else one.gone or one.end().offset > 0:
                return one
            one.close()
        elif mark.ended:
            return mark if found is None else _as_found(mark, found)
        elif found is None:
            return self._missed(mark)
        elif mark.path in self.lost:
            del self.lost[mark.path]
        return None if found is None else self._reopened(found, mark)

    def _reopened(self, found: Found, mark: Mark) -> LogFile | Mark:
        """Go on from a mark; in one that was cut down between the look and now nothing stands of what was read."""
        file = self._opened(found, mark.offset)
        if file is not None and not holds(found, mark):
            file.close()
            return mark  # the next look finds its copy
        return file or mark

    def _missed(self, mark: Mark) -> Mark | None:
        """Note a file that is not there; the newest one is kept in mind as long as none is newer: it may return."""
        if mark.offset > 0:
            self.lost[mark.path] = _LOST.format(offset=mark.offset)
        return mark if mark is self._files[-1] else None

    def _take_up(self, files: list[tuple[int, LogFile | Mark]], new: Sequence[tuple[int, Found, int]]) -> None:
        """Open what is new, and put it where it belongs among what is known, by its place in the log."""
        self._unopened_bytes = 0
        for index, (place, found, offset) in enumerate(new):
            file = self._opened(found, offset)
            if file is None:  # the next look takes it up, and what is newer after it
                self._unopened_bytes = sum(one.size_bytes - begin for _, one, begin in new[index:])
                break
            files.append((place, file))
        self._files = [one for _, one in sorted(files, key=lambda ranked: ranked[0])]

    def _opened(self, found: Found, offset: int) -> LogFile | None:
        """Open what was found; None: it cannot be read now, or another file has that name by now."""
        try:
            file = LogFile(found.path, self._settings, offset, live=True)
        except FileNotFoundError:
            return None
        except OSError as fault:  # often for a moment only: a file made anew gets its owner after its name
            self.refused[found.path] = str(fault.strerror)
            return None
        self.refused.pop(found.path, None)
        if file.identity == (found.device, found.inode):
            return file
        now = look(found.path)
        if now is None or (now.device, now.inode) == file.identity:
            file.close()
            return None
        return file  # its number is another each time: here numbers say nothing

    def _is_over(self, file: LogFile) -> bool:
        """Whether nothing more is expected of a file that is at its end: of one that is deleted, after a while."""
        if file.gone and file.is_quiet:
            return True
        files = self._open
        return file is not files[-1] and (file.compressed or file not in files[-_LINGERING:])

    def _finish(self, file: LogFile) -> Cut | None:
        """Give out what is left of a file, and let go of it; how far it was read is kept in mind."""
        cut, mark = file.finish(), replace(file.mark(), ended=True)
        self._exchange(file, None if self._passes_for_another(mark) else mark)
        kept = [one for one in self._files if isinstance(one, Mark) and one.ended][-_REMEMBERED:]
        self._files = [one for one in self._files if isinstance(one, LogFile) or not one.ended or one in kept]
        return cut

    def _passes_for_another(self, mark: Mark) -> bool:
        """Whether the newest file begins with all that was read of one: nothing, or a header."""
        newest = look(self._open[-1].path)
        return mark.offset == 0 or (
            newest is not None and newest.identity != (mark.device, mark.inode) and holds(newest, mark)
        )

    def _exchange(self, file: LogFile, mark: Mark | None) -> None:
        at = self._files.index(file)
        self._files[at : at + 1] = [mark] if mark else []
        file.close()

    def _block(self, file: LogFile, cut: Cut) -> Block:
        return Block(
            stream=self.stream,
            path=file.path,
            lines=cut.lines,
            rejects=cut.rejects,
            position=self.position(),
            modified=file.modified,
            size_bytes=cut.size_bytes,
            stored_bytes=self.stored_bytes,
        )


def _mark(one: LogFile | Mark) -> Mark:
    return one if isinstance(one, Mark) else one.mark()


def _elsewhere(one: LogFile | Mark, members: Sequence[Found]) -> Found | None:
    """Return the file of a mark that is not among its log's: where it was, or beside it under any other name.

    It is where it was when a link that led to it, or to its folder, leads to another by now.
    """
    if isinstance(one, LogFile) or one.ended:
        return None
    known = {member.identity for member in members}
    there = (found for found in map(look, (one.path, *_renamed(one))) if found and found.identity not in known)
    return next((found for found in there if _is_told(one, found) and holds(found, one)), None)


def _is_told(mark: Mark, found: Found) -> bool:
    """Whether what was read tells that a file is that of a mark; its number alone does where it was."""
    return mark.offset > 0 or (found.path == mark.path and (found.device, found.inode) == (mark.device, mark.inode))


def _renamed(mark: Mark) -> list[str]:
    """Return the paths in the folder of a mark's file under which its number is now."""
    try:
        with os.scandir(os.path.dirname(mark.path)) as entries:
            return [entry.path for entry in entries if mark.inode and entry.inode() == mark.inode]
    except OSError:
        return []


def _tells(mark: Mark) -> bool:
    """Whether a mark shows what is old: nothing before it in its log is read any more, and no header passes for it."""
    return mark.ended or mark.offset > HEADER_BYTES


def _as_found(mark: Mark, found: Found) -> Mark:
    return replace(mark, path=found.path, device=found.device, inode=found.inode, modified_ns=found.modified_ns)


def _told_apart(
    known: Sequence[Mark], places: Sequence[int | None], members: Sequence[Found]
) -> tuple[int | None, list[int]]:
    """Return up to which file nothing is new, if that is known, and which are: those not known and newer."""
    unknown = [place for place in range(len(members)) if place not in places]
    telling = [(mark, place) for mark, place in zip(known, places, strict=True) if _tells(mark)]
    found = [place for _, place in telling if place is not None]
    if found or not telling:
        old = min(found, default=None)
        return old, [place for place in unknown if old is None or place > old]
    since = max(mark.modified_ns for mark, _ in telling)  # they are gone: those that came after them are newer
    new = [place for place in unknown if _is_later(members, place, known, since)]
    return max((place for place in unknown if place not in new), default=None), new


def _is_later(members: Sequence[Found], place: int, known: Sequence[Mark], since_ns: int) -> bool:
    """Whether a file came after those that are known, and gone: by when it was written to; the newest by its name."""
    one = members[place]
    newest = place + 1 == len(members) and (one.age.live or one.age > max(age_of(mark.path) for mark in known))
    return newest or one.modified_ns > since_ns
