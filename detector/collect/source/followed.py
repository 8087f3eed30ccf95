"""Keep one followed log: which files are in hand, found again through rename, copy, compression and restart."""

from collections.abc import Iterable, Sequence

from detector.collect.source.block import Block, Mark, Position
from detector.collect.source.cut import Cut
from detector.collect.source.find import Found
from detector.collect.source.logfile import LogFile, locate
from detector.config import Input

_LINGERING = 2
"""Files kept open: the newest, and the one before it, which a server may still write to after its rotation."""


class FollowedLog:
    """The files of one log that are being read, the oldest first.

    What ties the log together is not a name: a file is known by its inode while it is open, and after that by the
    content of its start (a copy of `copytruncate`, a compressed one, a reused inode). All files of the log that are
    newer, by name, than the newest file known are new.
    """

    def __init__(self, stream: str, settings: Input, marks: Sequence[Mark] = ()) -> None:
        self.stream = stream
        self.drained = False
        self.lost: list[str] = []
        self.refused: dict[str, str] = {}
        self._settings = settings
        self._marks = list(marks)
        self._open: list[LogFile] = []
        self._seen: set[tuple[int, int]] = set()
        self._unopened_bytes = 0

    @property
    def known(self) -> bool:
        """Whether any file of the log was ever in hand."""
        return bool(self._open or self._marks)

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
        return Position(stream=self.stream, files=(*self._marks, *(file.mark() for file in self._open)))

    def look(self, members: list[Found], beginning: list[tuple[Found, int]]) -> None:
        """Take up the files of the log as they are now, the oldest first.

        `beginning`: files and offsets to begin with, where no file was ever in hand.
        """
        self.drained = False
        for file in self._open:
            file.look()
        self._release_replaced()
        if not members:
            return  # gone for now: what is known of it is kept for its return
        known = [*self._marks, *(file.mark() for file in self._open)]
        places = {id(file): place for file in self._open if (place := _place(file, members)) is not None}
        marks, self._marks = self._marks, []
        for mark in marks:
            self._resume(mark, members, places)
        if places:
            new = [(member, 0) for member in members[max(places.values()) + 1 :]]
        else:
            new = [(one, 0) for one in self._unknown(members, known)] if known else beginning
        self._seen = {(one.inode, one.device) for one in members}
        self._open.sort(key=lambda file: places.get(id(file), -1))
        self._take_up(new)

    def read(self) -> Block | None:
        """Return the next lines, of the oldest file that has any; None: there are none now."""
        for file in list(self._open):
            cut = file.read()
            if cut is None and self._is_over(file):
                cut = file.finish()
                self._drop(file)
            if cut is not None:
                return self._block(file, cut)
        self.drained = True
        return None

    def settle(self) -> Iterable[Block]:
        """Yield last lines that have no line feed."""
        for file in self._open:
            cut = file.finish()
            if cut is not None:
                yield self._block(file, cut)

    def close(self) -> None:
        """Close all files."""
        for file in self._open:
            file.close()
        self._open = []

    def _release_replaced(self) -> None:
        """Let go of files that were overwritten, and of those nothing was read of: they are found again by content."""
        for file in list(self._open):
            mark = file.mark()
            if file.replaced or (mark.offset == 0 and not file.gone):
                self._marks.append(mark)
                self._drop(file)

    def _resume(self, mark: Mark, members: list[Found], places: dict[int, int]) -> None:
        place = locate(mark, members)
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
        unread = {(mark.inode, mark.device) for mark in known if mark.offset == 0}
        modified = max(mark.modified_ns for mark in known)
        return [
            one
            for one in members
            if one is members[-1]
            or (one.inode, one.device) in unread
            or (one.modified_ns > modified and (one.inode, one.device) not in self._seen)
        ]

    def _take_up(self, new: Sequence[tuple[Found, int]]) -> None:
        self._unopened_bytes = 0
        for index, (found, offset) in enumerate(new):
            file = self._opened(found, offset)
            if file is None:  # the next look takes it up, and what is newer after it
                self._unopened_bytes = sum(one.size_bytes - begin for one, begin in new[index:])
                break
            self._open.append(file)

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
        if file.identity != (found.inode, found.device):
            file.close()
            return None
        return file

    def _is_over(self, file: LogFile) -> bool:
        """Whether nothing more is expected of a file that is at its end."""
        if file is self._open[-1]:
            return False
        return file.compressed or file.gone or file not in self._open[-_LINGERING:]

    def _drop(self, file: LogFile) -> None:
        self._open.remove(file)
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


def _place(file: LogFile, members: list[Found]) -> int | None:
    """Where an open file stands among the files of its log: renamed, or by content where it was compressed."""
    identity = file.identity
    for place, member in enumerate(members):
        if (member.inode, member.device) == identity:
            return place
    return locate(file.mark(), members)
