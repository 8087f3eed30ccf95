"""Find the files of every log that is followed: which are its rotations, and in which order they were written."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from detector.collect.source.block import Position
from detector.collect.source.find import Found, is_glob, logs_in, look, matching
from detector.collect.source.names import Age, rotation

_A_SECOND_NS: Final = 1_000_000_000

_TIMES: Final = 10
"""Looks at most until two see the same: a writer that renames all the time is not waited for."""

_Identity = tuple[int, int | str]
Streams = dict[str, tuple[list[Found], Age | None]]


class Scan:
    """Looks for the files that paths mean.

    A number at the end of a name is a rotation's where the live file, which has none, is beside it or was, or in
    another folder that is followed, or where a file of such a name is compressed. Else it is a part of the name:
    `worker.1` and `worker.2` are two logs.
    `came`: streams that came into a folder or to a glob which was looked into in an earlier run.
    """

    def __init__(self, paths: Sequence[str], positions: Mapping[str, Position]) -> None:
        self.came: set[str] = set()
        self._paths = paths
        self._seen: frozenset[tuple[str, _Identity]] = frozenset()
        self._folders: set[str] = set()
        self._looked_into = positions.keys() & set(map(os.path.abspath, paths))
        self._live: set[str] = set()
        self._rotated: set[str] = set()
        for stream, position in positions.items():
            read = [os.path.join(os.path.dirname(stream), os.path.basename(mark.path)) for mark in position.files]
            self._rotated |= set(read)
            self._note(read)

    def found(self) -> Streams:
        """Return the files of every stream, the oldest first; where a file is named, its place among them too.

        A file that is renamed or compressed between the list of names and the look at its own is not seen, and newer
        ones would be read before it: where anything is other than at the last look, one looks until two see the same.
        """
        found = self._found()
        for _ in range(_TIMES):
            before, self._seen = self._seen, _names(found)
            if self._seen == before:
                break
            found = self._found()
        return found

    def _found(self) -> Streams:
        found: dict[str, dict[_Identity, Found]] = {}
        named: dict[str, Age] = {}
        self._folders |= {given for given in self._paths if os.path.isdir(given)}
        matched = {given: _matched(given) for given in self._paths if is_glob(given) or given in self._folders}
        self._live = set()
        for given in self._paths:
            self._note(matched.get(given, [os.path.realpath(given)]))
        for given in self._paths:
            stream = os.path.abspath(given) if given in matched else self._place(given)[0]
            found.setdefault(stream, {})
            if given not in matched:
                age = self._place(os.path.realpath(given))[1]
                named[stream] = min(age, named.get(stream, age))
            paths = matched[given] if given in matched else self._siblings(given)
            for one in map(self._placed, filter(None, map(look, paths))):
                files = found.setdefault(one.stream if given in matched else stream, {})
                if stream in self._looked_into:
                    self.came.add(one.stream)
                key = one.identity
                if one.regular and (key not in files or os.path.islink(files[key].path)):
                    files[key] = one
        return {stream: (_in_order(files.values()), named.get(stream)) for stream, files in self._once(found).items()}

    def _siblings(self, given: str) -> list[str]:
        """The file that was named and the rotations beside it; beside its target, where it is a link."""
        target = os.path.realpath(given)
        folder = os.path.dirname(target) if os.path.islink(given) else os.path.dirname(given)
        said = rotation(os.path.basename(target))
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            return []
        paths = [os.path.join(folder, name) for name in names if rotation(name).family in (said.family, said.unpacked)]
        self._note(paths)
        log = self._place(os.path.join(folder, os.path.basename(target)))[0]
        return [path for path in paths if self._place(path)[0] == log]

    def _note(self, paths: Iterable[str]) -> None:
        """Note what shows that numbers are of rotations: live files, and numbered ones that are compressed."""
        for folder, name in map(os.path.split, paths):
            said = rotation(name)
            if said.age.live:
                self._live.add(said.unpacked)
            elif said.beside and said.unpacked != name:
                self._rotated.add(os.path.join(os.path.abspath(folder), said.beside))

    def _place(self, path: str) -> tuple[str, Age]:
        """Return the stream of the file at a path, and its place in it."""
        folder, name = os.path.split(os.path.abspath(path))
        said = rotation(name)
        if said.beside and not self._is_rotated(folder, said.beside):
            said = said.alone()
        return os.path.join(folder, said.family), said.age

    def _is_rotated(self, folder: str, live: str) -> bool:
        """Whether a log has a live file; one that was seen is gone for a moment, at most, when it is rotated."""
        log = os.path.join(folder, live)
        if log not in self._rotated and (live in self._live or os.path.isfile(log)):
            self._rotated.add(log)
        return log in self._rotated

    def _placed(self, one: Found) -> Found:
        stream, age = self._place(one.path)
        return one if age == one.age else replace(one, stream=stream, age=age)

    def _once(self, found: dict[str, dict[_Identity, Found]]) -> dict[str, dict[_Identity, Found]]:
        """Leave every file to one stream: a link in a folder and its target are one."""
        owners: dict[_Identity, str] = {}
        for stream, files in found.items():
            for key, one in files.items():
                owner = owners.get(key)
                if owner is None or (self._is_itself(stream, one) and not self._is_itself(owner, found[owner][key])):
                    owners[key] = stream
        return {
            stream: {key: one for key, one in files.items() if owners[key] == stream} for stream, files in found.items()
        }

    def _is_itself(self, stream: str, one: Found) -> bool:
        """Whether a file is found as what it is, and not by way of a link."""
        return self._place(os.path.realpath(one.path))[0] == stream


def _names(found: Streams) -> frozenset[tuple[str, _Identity]]:
    return frozenset((one.path, one.identity) for members, _ in found.values() for one in members)


def is_there(path: str) -> bool:
    """Whether there is anything to follow at a path: a file, or in a folder or a glob at least one."""
    return bool(_matched(path)) if is_glob(path) or os.path.isdir(path) else os.path.exists(path)


def _matched(given: str) -> Sequence[str]:
    return list(logs_in(given)) if os.path.isdir(given) else matching(given)


def _in_order(files: Iterable[Found]) -> list[Found]:
    """Sort files by age. One that is there plain and compressed is being compressed: the plain one counts."""
    slots: dict[str, Found] = {}
    for one in files:
        name = os.path.basename(one.path)
        plain = rotation(name).unpacked
        if plain not in slots or name == plain:
            slots[plain] = one
    ordered = sorted(slots.values(), key=lambda one: one.age)
    numbered = [one for one in ordered if one.age.numbered]
    if _numbers_rise(numbered):
        first = ordered.index(numbered[0])
        ordered[first : first + len(numbered)] = reversed(numbered)
    return ordered


def _numbers_rise(numbered: Sequence[Found]) -> bool:
    """Whether the highest number is the newest file: as when each was last written to says, by a second or more.

    Source: log4j 2's DefaultRolloverStrategy, whose `fileIndex` is `max` by default.
    """
    return len(numbered) > 1 and all(
        after.modified_ns + _A_SECOND_NS <= before.modified_ns for before, after in pairwise(numbered)
    )
