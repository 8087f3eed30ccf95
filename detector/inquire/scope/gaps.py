"""Say what the archives lack, so that a count from them is a lower bound: said only where chance is ruled out."""

import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from detector.collect.source.find import stream_of
from detector.collect.source.names import Age, rotation
from detector.inquire.scope.coverage import SILENCE, Coverage, FileCover, StreamCover
from detector.inquire.scope.dates import missing_days
from detector.inquire.scope.finding import Gap, GapKind
from detector.inquire.scope.rhythm import Usual

_DAMAGE = r"cut off|damaged"
_LONG = timedelta(days=1)
"""Without a rhythm to compare with, so much that is asked for and not covered is said all the same."""


class Gaps:
    """The gaps of archives that were read, in `[since, until)` where that is asked for."""

    def __init__(
        self, coverage: Coverage, usual: Usual, *, since: datetime | None, until: datetime | None, share: float
    ) -> None:
        self._files = list(coverage.files.values())
        self._streams = coverage.streams
        self._usual, self._share = usual, share
        self._since, self._until = since, until

    def found(self) -> tuple[Gap, ...]:
        """Return all gaps, oldest first."""
        every = [*self._silences(), *self._missing_files(), *self._backwards(), *self._unread()]
        inside = [one for one in every if self._inside(one)]
        return tuple(
            sorted(inside, key=lambda one: (one.start is not None, one.start or one.end, one.archive, one.kind))
        )

    def _inside(self, gap: Gap) -> bool:
        before = self._until is not None and gap.start is not None and gap.start >= self._until
        after = self._since is not None and gap.end is not None and gap.end <= self._since
        return not (before or after)

    def _silences(self) -> Iterator[Gap]:
        times = [time for file in self._files for time in (file.first, file.last) if time is not None]
        if not times:
            return
        begin, end = self._since or min(times), self._until or max(times)
        for name, cover in self._streams.items():
            files = [file for file in self._files if file.stream == name and file.first and file.last]
            rhythm = self._usual.rhythm(cover)
            for start, stop in cover.silences:
                missing = rhythm.least(start, stop)
                if missing:
                    yield _gap("silence", name, start, stop, missing, _silent(stop - start, missing))
            first, last = min(file.first for file in files if file.first), _top(cover, files)
            for start, stop, where in ((begin, first, "begins"), (last, end, "ends")):
                missing = rhythm.least(start, stop) if stop - start >= SILENCE else None
                if missing or (rhythm.unknown and stop - start >= _LONG):
                    yield _gap(
                        "not_covered",
                        name,
                        start,
                        stop,
                        missing,
                        f"the log {where} {_span(stop - start)} {_SIDE[where]}",
                    )

    def _missing_files(self) -> Iterator[Gap]:
        families: dict[str, list[FileCover]] = {}
        for file in self._files:
            families.setdefault(stream_of(file.path), []).append(file)
        for family, files in families.items():
            aged = sorted(((rotation(os.path.basename(file.path)).age, file) for file in files), key=lambda one: one[0])
            numbered = [(age, file) for age, file in aged if age.numbered or age.live]
            dated = [(age, file) for age, file in aged if age.day and not age.numbered]
            yield from _numbers(family, numbered)
            yield from _days(family, dated)

    def _backwards(self) -> Iterator[Gap]:
        for name in self._streams:
            files = [file for file in self._files if file.stream == name and file.first and file.last]
            for older, newer in pairwise(files):
                if older.last and newer.first and newer.first < older.last - SILENCE:
                    back = _span(older.last - newer.first)
                    text = f"{_base(newer)} begins {back} before {_base(older)} ends: a copy, cut, or of a wrong clock"
                    yield _gap("backwards", name, newer.first, older.last, None, text)

    def _unread(self) -> Iterator[Gap]:
        for file in self._files:
            broken = file.rejects["reason"].str.contains(_DAMAGE)
            for reason in file.rejects.filter(broken)["reason"]:
                yield _gap("damage", file.path, file.last, None, None, reason)
            unread = file.rejects.filter(~broken)
            if unread.height:
                reasons = ", ".join(unread["reason"].unique().sort().head(3))
                text = f"{unread.height:,} lines that may matter could not be read: {reasons}"
                yield _gap("rejects", file.path, file.first, file.last, unread.height, text)
            elif file.unread > self._share * max(1, file.looked_at):
                text = f"of {file.looked_at:,} lines looked at for their time {file.unread:,} could not be read"
                lacking = round(file.lines * file.unread / file.looked_at)
                yield _gap("rejects", file.path, file.first, file.last, lacking, text)


_SIDE = {"begins": "after what was asked for", "ends": "before it"}


def of_unnamed(count: int, start: datetime | None, end: datetime | None) -> Iterable[Gap]:
    """Return the gap that requests of the attacker leave which displayed persons whom the log does not name."""
    if not count:
        return ()
    text = f"lists were taken away or records displayed ({count:,}) that name nobody in the log: ask the portal whom"
    return (_gap("unnamed", "", start, end, count, text),)


def _top(cover: StreamCover, files: list[FileCover]) -> datetime:
    return cover.top or max(file.last for file in files if file.last)


def _numbers(family: str, aged: list[tuple[Age, FileCover]]) -> Iterator[Gap]:
    """Find numbers that lack: `access.log.3` between 2 and 4, `access.log.1` between the live file and 2."""
    for (older, before), (newer, after) in pairwise(aged):
        lacking = -older.number + newer.number - 1 if older.numbered else 0
        if lacking > 0 and _apart(before, after):
            names = ", ".join(f".{-older.number - at}" for at in range(1, min(lacking, 5) + 1))
            text = f"between {_base(before)} and {_base(after)} lacks what was rotated to {names}"
            yield _gap("missing_file", family, before.last, after.first, lacking, text)


def _days(family: str, aged: list[tuple[Age, FileCover]]) -> Iterator[Gap]:
    for older, newer, lacking in missing_days([age.day for age, _ in aged]):
        before = next(file for age, file in reversed(aged) if age.day == older)
        after = next(file for age, file in aged if age.day == newer)
        if _apart(before, after):
            days = ", ".join(lacking[:5]) + ", ..." * (len(lacking) > 5)
            text = f"between {_base(before)} and {_base(after)} lacks the log of {days}"
            yield _gap("missing_file", family, before.last, after.first, len(lacking), text)


def _apart(before: FileCover, after: FileCover) -> bool:
    """Whether time passed between two files: where none did, nothing lacks but a name."""
    return before.last is None or after.first is None or after.first - before.last >= SILENCE


def _gap(
    kind: GapKind, archive: str, start: datetime | None, end: datetime | None, missing: int | None, text: str
) -> Gap:
    return Gap(start=start, end=end, kind=kind, archive=archive, missing_count=missing, text=text)


def _silent(span: timedelta, missing: int) -> str:
    return f"no line for {_span(span)}, in which there are usually {missing:,} at least"


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60:02d} min" if hours else f"{minutes} min"


def _base(file: FileCover) -> str:
    return os.path.basename(file.path)
