"""Follow live logs: growth, rotation by name, rename, copy and truncation, and restarts in between."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from datetime import timedelta
from typing import ClassVar, Final, Self

import polars as pl

from detector import clock
from detector.collect.source.block import Block, Mark, Position
from detector.collect.source.find import STDIN, Found
from detector.collect.source.followed import FollowedLog
from detector.collect.source.logfile import FINGERPRINT_BYTES, end_offset, first_lines
from detector.collect.source.names import Age
from detector.collect.source.scan import Scan, is_there
from detector.config import Input
from detector.errors import InputError

LOOK_S: Final = 1.0
"""How often it looks for rotations while a backlog is read."""

SOON_S: Final = 0.1
"""How soon after a look it looks again before it reads what came since in a file that a copy may be left of: in the
time between, such lines may come before those of the copy."""

KEPT: Final = timedelta(days=30)
"""How long it is known, after it was last written to, of a log that is gone, how far it was read."""

_Identity = tuple[int, int | str]


class Follower:
    """The source of `tail`. It only looks when asked to (`refresh`); the caller waits between two looks.

    Delivery: every line once, in the order written; from the last saved position on after a restart, rotations in
    between included, as long as the rotated file (compressed or not) is still beside the log, and the one that a link
    led to where it was. The file that was being read is found beside it under any name. `lost` names files of which
    that was not so. A last line without line feed is kept until it is whole, or its file was quiet for
    `partial_line_s`: then it counts as whole, and so does what comes after it.
    What was read of a log that is gone is known for `KEPT`, under another folder too where that is followed.
    A log that is there at the first look, and of which no position is saved, begins at its end, or with `from_start`
    at its start: all its rotations in a folder or a glob, the file itself where it is named. A log that comes later
    begins at its start, as do those in `begin_at_start`: also one that came into a folder or to a glob between two
    runs. So that this is known, each has a position too, without files.

    Raises: `InputError` for standard input, and at the first look for a file that cannot be read; later such files are
    in `refused` and tried again.
    """

    live: ClassVar[bool] = True

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        settings: Input,
        positions: Mapping[str, Position] | None = None,
        *,
        from_start: bool = False,
        begin_at_start: Collection[str] = (),
    ) -> None:
        self._paths = [_followable(os.fspath(path)) for path in paths]
        self._settings = settings
        self._from_start, self._begin_at_start = from_start, begin_at_start
        self._logs = _known(settings, positions or {})
        self._scan = Scan(self._paths, positions or {})
        self._first_look, self._looked_s = True, 0.0
        self._forgotten: list[str] = []
        self._moved: list[str] = []

    def resumed(self, settings: Input, positions: Mapping[str, Position]) -> Self:
        """Return a follower of the same paths that goes on from `positions` under other settings.

        It has looked before: what is not known by now came since, and is read from its start.
        """
        again = copy(self)
        again._settings, again._from_start = settings, True
        again._logs = _known(settings, positions)
        again._first_look = False
        return again

    @property
    def lost(self) -> dict[str, str]:
        """Files that were not read to their end and are found no more, by the name they had, and what that means."""
        return {path: why for log in list(self._logs.values()) for path, why in dict(log.lost).items()}

    @property
    def refused(self) -> dict[str, str]:
        """Files that could not be opened at the last look, and why; they are tried again at every look."""
        return {path: why for log in list(self._logs.values()) for path, why in dict(log.refused).items()}

    @property
    def awaited(self) -> list[str]:
        """Paths at which there is nothing to follow yet."""
        return [path for path in self._paths if not is_there(path)]

    @property
    def behind_bytes(self) -> int:
        """Bytes as stored not read yet, as of the last looks: how far reading is behind the writers."""
        return sum(log.behind_bytes for log in list(self._logs.values()))

    def refresh(self) -> None:
        """Look at the files anew: growth, rotation, new files."""
        found = self._look()
        since = clock.now() - KEPT
        gone = [stream for stream, log in self._logs.items() if stream not in found and log.gone_since(since)]
        for stream in gone:
            del self._logs[stream]
        self._forgotten, self._moved = self._moved + gone, []
        for log in self._logs.values():
            log.drained = False
        if self._first_look and self.refused:
            raise InputError("\n".join(f"{path}: cannot be read: {why}" for path, why in self.refused.items()))
        self._first_look = False

    def _look(self, only: Collection[str] | None = None) -> Collection[str]:
        """Look at the files anew, of some streams or of all, and return the streams that are there."""
        self._looked_s = clock.monotonic_s()
        found = {stream: files for stream, files in self._scan.found().items() if only is None or stream in only}
        self._move(found)
        reached = self._handed_over({stream: members for stream, (members, _) in found.items()})
        for log in self._logs.values():
            log.look(found.get(log.stream, ([], None))[0], reached)
        for stream in [stream for stream in found if stream not in self._logs]:
            members, named = found[stream]
            beginning = self._beginning(stream, members, named, reached)
            self._logs[stream] = FollowedLog(stream, self._settings)
            self._logs[stream].begin(members, beginning)
        return found

    def streams(self) -> dict[str, None]:
        """Return the streams that were not found at their end since the last look."""
        return {stream: None for stream, log in self._logs.items() if log.newest is not None and not log.drained}

    def positions(self) -> dict[str, Position]:
        """Return where every stream is now."""
        return {stream: log.position() for stream, log in self._logs.items()}

    def forgotten(self) -> list[str]:
        """Return the streams that were let go at the last look: moved, or gone and not written to for `KEPT`."""
        return self._forgotten

    def head(self, stream: str) -> pl.DataFrame | None:
        """Return the first lines of the newest file of a stream. Shapes: `LINES`."""
        path = self._logs[stream].newest
        return None if path is None else first_lines(path, self._settings)

    def read(self, stream: str) -> Block | None:
        """Return the next lines of a stream; None: there are none now.

        In the midst of a long backlog it looks anew, so that what is deleted meanwhile is open, and is read.
        """
        passed_s = clock.monotonic_s() - self._looked_s
        if passed_s >= LOOK_S or (passed_s >= SOON_S and self._logs[stream].is_unsure):
            self._look(only=self._logs)
        return self._logs[stream].read()

    def poll(self) -> Iterator[Block]:
        """Look anew and yield all there is, stream by stream."""
        self.refresh()
        for stream in list(self.streams()):
            while (block := self.read(stream)) is not None:
                yield block

    def close(self) -> None:
        """Close all files."""
        for log in self._logs.values():
            log.close()

    def _move(self, found: Mapping[str, tuple[list[Found], Age | None]]) -> None:
        """Follow logs into the folders they were moved to."""
        gone = [log for log in self._logs.values() if log.stream not in found]
        for stream in [stream for stream in found if stream not in self._logs]:
            for log in gone:
                if os.path.basename(log.stream) == os.path.basename(stream) and log.is_in(found[stream][0]):
                    self._moved.append(log.stream)
                    gone.remove(log)
                    self._logs[stream] = self._logs.pop(log.stream)
                    log.stream = stream
                    break

    def _handed_over(self, found: Mapping[str, list[Found]]) -> dict[_Identity, int]:
        """Let logs let go of files that came to another by a name of its own; return how far they were read."""
        readers: dict[_Identity, FollowedLog] = {who: log for log in self._logs.values() for who in log.identities}
        reached: dict[_Identity, int] = {}
        for stream, members in found.items():
            for one in members:
                log = readers.get(one.identity)
                if log is not None and log.stream != stream and (offset := log.hand_over(one)):
                    reached[one.identity] = offset
        return reached

    def _beginning(
        self, stream: str, members: list[Found], named: Age | None, reached: Mapping[_Identity, int]
    ) -> list[tuple[Found, int]]:
        """Choose the files to begin a log with, the newest, and from where."""
        if named is not None:
            members = [one for one in members if one.age >= named]
        came = next((at for at, one in enumerate(members) if one.identity in reached), None)
        is_new = not self._first_look or stream in self._scan.came or stream in self._begin_at_start
        if came is not None or self._from_start or is_new:
            return [(one, reached.get(one.identity, 0)) for one in members[came or 0 :]]
        try:
            return [(one, end_offset(one.path, self._settings)) for one in members[-1:]]
        except OSError as fault:
            raise InputError(f"{fault.filename}: cannot be read: {fault.strerror}") from None


def _known(settings: Input, positions: Mapping[str, Position]) -> dict[str, FollowedLog]:
    return {stream: FollowedLog(stream, settings, marks) for stream, marks in _each_once(positions).items()}


def _each_once(positions: Mapping[str, Position]) -> dict[str, list[Mark]]:
    """Return the files of every stream. One that changed hands is in two positions: its reader's is the farther one."""
    known: dict[_Identity, list[tuple[str, Mark]]] = defaultdict(list)
    for stream, mark in ((stream, mark) for stream, position in positions.items() for mark in position.files):
        if mark.inode and not mark.ended:
            known[mark.device, mark.inode].append((stream, mark))

    def is_its(stream: str, mark: Mark) -> bool:
        marks = known[mark.device, mark.inode]
        farthest = max(
            (one for one in reversed(marks) if _may_be_one(one[1], mark)), key=lambda one: one[1].offset, default=None
        )
        return mark.ended or farthest is None or farthest[0] == stream

    return {stream: [mark for mark in one.files if is_its(stream, mark)] for stream, one in positions.items()}


def _may_be_one(mark: Mark, other: Mark) -> bool:
    """Whether two marks of one number may be of one file: a number is given to another file when one is gone."""
    whole = mark.head_bytes == other.head_bytes == FINGERPRINT_BYTES
    return mark.fingerprint == other.fingerprint or not whole


def _followable(path: str) -> str:
    if path == STDIN:
        raise InputError("-: standard input cannot be followed; `batch` reads it")
    return path
