"""Keep one followed log: which files are in hand, found again through rename, copy, compression and restart."""

import os
from collections.abc import Sequence
from dataclasses import replace

from detector.collect.source.block import Block, Mark, Position
from detector.collect.source.cut import Cut
from detector.collect.source.find import Found, look
from detector.collect.source.locate import Version, continues, holds, is_fresh, locate
from detector.collect.source.logfile import LogFile
from detector.collect.source.names import Age, rotation
from detector.config import Input

_LINGERING = 2
"""Files kept open: the newest, and the one before it, which a server may still write to after its rotation."""


class FollowedLog:
    """The files of one log that are being read, the oldest first.

    What ties the log together is not a name: a file is known by its inode while it is open, and after that by the
    content (a copy of `copytruncate`, a compressed one, a reused inode, a file system without inodes). All files of
    the log that are newer, by name, than the newest file known are new.
    """

    def __init__(self, stream: str, settings: Input, marks: Sequence[Mark] = ()) -> None:
        self.stream = stream
        self.drained = False
        self.lost: list[str] = []
        self.refused: dict[str, str] = {}
        self._settings = settings
        self._marks = list(marks)
        self._open: list[LogFile] = []
        self._read_out: list[Mark] = []
        self._seen: set[Version] = set()
        self._missed: set[Version] = set()
        self._found_as: dict[LogFile, Version] = {}
        self._unopened_bytes = 0

    @property
    def known(self) -> bool:
        """Whether any file of the log was ever in hand."""
        return bool(self._open or self._marks or self._read_out)

    @property
    def newest(self) -> str | None:
        """Path of the newest file in hand."""
        return self._open[-1].path if self._open else None

    @property
    def stored_bytes(self) -> int:
        """How far reading has come in the files in hand."""
        return sum(file.stored_bytes for file in self._open)

    @property
    def behind_bytes(self) -> int:
        """Bytes as stored that were not read yet: of the files in hand, and of those that could not be opened."""
        return self._unopened_bytes + sum(file.behind_bytes for file in self._open)

    def position(self) -> Position:
        """Return where reading is."""
        return Position(stream=self.stream, files=tuple(self._known()))

    def _known(self) -> list[Mark]:
        return [*self._read_out, *self._marks, *(file.mark() for file in self._open)]

    def look(self, members: list[Found], beginning: list[tuple[Found, int]]) -> None:
        """Take up the files of the log as they are now, the oldest first.

        `beginning`: files and offsets to begin with, where no file was ever in hand.
        """
        self.drained = False
        for file in self._open:
            file.look()
        self._release_replaced(members)
        if not members:
            self._seen = set()
            return  # gone for now: what is known of it is kept for its return
        known = self._known()
        places = {id(file): place for file in self._open if (place := self._place(file, members)) is not None}
        self._reopen(members, places)
        marks, self._marks = self._marks, []
        for mark in marks:
            self._resume(mark, members, places)
        if places:
            new = [(member, 0) for member in members[max(places.values()) + 1 :]]
        else:
            new = [(one, 0) for one in self._unknown(members, known)] if known else beginning
        self._open.sort(key=lambda file: places.get(id(file), -1))
        self._found_as |= {file: members[places[id(file)]].version for file in self._open if id(file) in places}
        self._take_up(new)
        if not self._open and not self._marks:
            self._read_out = known[-1:]
        self._seen = {one.version for one in members} - self._missed
        self._missed.clear()

    def holds(self, found: Found) -> bool:
        """Whether a file that is no member any more, as its name is another's, is one that was read here."""
        return any(self._is_of(mark, found) for mark in self._known())

    def hand_over(self, found: Found) -> int:
        """Let go of a file that another log reads on; return from where."""
        reached = max(mark.offset for mark in self._known() if self._is_of(mark, found))
        self._read_out = []
        self._marks = [mark for mark in self._marks if mark.offset and not self._is_of(mark, found)]
        for file in list(self._open):
            mark = file.mark()
            if mark.offset == 0 or self._is_of(mark, found):
                self._drop(file)
        return reached

    @staticmethod
    def _is_of(mark: Mark, found: Found) -> bool:
        return mark.offset > 0 and (mark.device, mark.inode) == found.identity and holds(found, mark)

    def read(self) -> Block | None:
        """Return the next lines, of the oldest file that has any; None: there are none now."""
        for file in list(self._open):
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
        self._open = []

    def _release_replaced(self, members: list[Found]) -> None:
        """Let go of files that were overwritten, and of those nothing was read of: they are found again by content."""
        for file in list(self._open):
            mark = file.mark()
            if self._was_cut_down(file, mark, members):
                mark = replace(mark, inode=0, device=0)  # it holds the same, as far as it was read, and is another
            elif not file.replaced and (mark.offset or file.gone):
                continue
            self._marks.append(mark)
            self._drop(file)

    def _was_cut_down(self, file: LogFile, mark: Mark, members: list[Found]) -> bool:
        """Whether a file was copied, cut down and written anew with the same beginning, farther than it was read."""
        place = _at(file, members)
        hands = {one.identity for one in self._open}
        return place is not None and any(
            (one.device, one.inode) not in hands
            and is_fresh(one, mark, self._seen)
            and holds(one, mark)
            and not continues(members[place], one, self._settings)
            for one in members[:place]
            if mark.offset
        )

    def _place(self, file: LogFile, members: list[Found]) -> int | None:
        """Where an open file stands among the files of its log: renamed, or by content where it was compressed."""
        place = _at(file, members)
        if place is not None and (members[place].path == file.path or holds(members[place], file.mark())):
            return place
        version = self._found_as.get(file)
        again = next((place for place, one in enumerate(members) if one.version == version), None)
        return locate(file.mark(), members, self._seen) if again is None else again

    def _reopen(self, members: list[Found], places: dict[int, int]) -> None:
        """Go on in the plain copy of a file, where it is as long; what was compressed is read to its end as it was."""
        for file in list(self._open):
            place = places.get(id(file))
            if place is None or file.identity == (members[place].device, members[place].inode):
                continue
            copy = members[place]
            name = os.path.basename(copy.path)
            if copy.size_bytes < file.size_bytes or rotation(name).unpacked != name:
                continue
            mark = file.mark()
            self._drop(file)
            if (again := self._opened(copy, mark.offset)) is None:
                self._marks.append(mark)
            else:
                self._open.append(again)
                places[id(again)] = place

    def _resume(self, mark: Mark, members: list[Found], places: dict[int, int]) -> None:
        place = locate(mark, members, self._seen)
        if place is None or place in places.values():
            if mark.offset:
                self.lost.append(mark.path)
            return
        file = self._opened(members[place], mark.offset)
        if file is None:
            self._marks.append(mark)
        else:
            self._open.append(file)
            places[id(file)] = place

    def _unknown(self, members: list[Found], known: Sequence[Mark]) -> list[Found]:
        """Choose what is new where none of the known files is to be found: by when it was written to."""
        unread = {(mark.inode, mark.device) for mark in known if mark.offset == 0 and mark.inode}
        modified = max(mark.modified_ns for mark in known)
        age = max(_age(mark.path) for mark in known)

        def is_new(one: Found) -> bool:
            newest = one is members[-1] and (_age(one.path).live or _age(one.path) > age)
            return (newest or one.modified_ns > modified) and one.version not in self._seen

        return [one for one in members if (one.inode, one.device) in unread or is_new(one)]

    def _take_up(self, new: Sequence[tuple[Found, int]]) -> None:
        self._unopened_bytes = 0
        for index, (found, offset) in enumerate(new):
            file = self._opened(found, offset)
            if file is None:  # the next look takes it up, and what is newer after it
                self._unopened_bytes = sum(one.size_bytes - begin for one, begin in new[index:])
                self._missed |= {one.version for one, _ in new[index:]}
                break
            self._open.append(file)
            self._read_out.clear()

    def _opened(self, found: Found, offset: int) -> LogFile | None:
        """Open what was found; None: it cannot be read now, or another file has that name by now."""
        file = self._try(found, offset)
        if file is None:
            self._missed.add(found.version)
        else:
            self._found_as[file] = found.version
        return file

    def _try(self, found: Found, offset: int) -> LogFile | None:
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
        return file is not self._open[-1] and (file.compressed or file not in self._open[-_LINGERING:])

    def _finish(self, file: LogFile) -> Cut | None:
        """Give out what is left of a file, and let go of it; of the last one it is kept how far it was read."""
        cut = file.finish()
        if self._open == [file]:
            self._read_out = [file.mark()]
        self._drop(file)
        return cut

    def _drop(self, file: LogFile) -> None:
        self._open.remove(file)
        self._found_as.pop(file, None)
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


def _at(file: LogFile, members: list[Found]) -> int | None:
    """Where a file stands by its number, where files have numbers."""
    here = ((member.device, member.inode or None) for member in members)
    return next((place for place, who in enumerate(here) if who == file.identity), None)


def _age(path: str) -> Age:
    return rotation(os.path.basename(path)).age
