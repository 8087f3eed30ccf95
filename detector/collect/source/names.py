"""Read file names: which files are rotations of one log, in which order, and which are no logs."""

import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

_PACKED: Final = re.compile(r"\.(?:gz|zst|bz2|xz)$", re.I)
_NUMBER: Final = re.compile(r"\.(\d{1,4})$")
_EPOCH: Final = re.compile(r"[-.](1\d{9})$")
_DIGITS: Final = 3
"""Digits that a rotation's number has at most where no date is in the name: four are those of a port."""
_DATE: Final = re.compile(
    r"""(?<!\d) [-._]?
    (?: (?P<day> (?:19|20)\d\d (?P<sep>[-._]?) (?:0[1-9]|1[0-2]) (?P=sep) (?:0[1-9]|[12]\d|3[01]) )
        (?: [-._T]? (?P<clock> \d{2} (?:[-._:]?\d{2}){0,2} ) Z? )?
      | (?P<month> (?:19|20)\d\d [-._] (?:0[1-9]|1[0-2]) ) )
    (?: -\d{10} )? (?!\d)""",
    re.X,
)
_IIS: Final = re.compile(r"^((?:u_)?(?:ex|in|nc))(\d{4,8})(?=[._]|$)", re.I)
_NOT_LOGS: Final = re.compile(
    r"""\.(?:csv|tsv|parquet|md|rst|ya?ml|toml|ini|conf|cfg|html?|pdf|png|jpe?g|svg|py|sh|sql|db|sqlite3?|mmdb|key
    |pem|crt|docx?|xlsx?|zip|7z|tar|tgz|rpm|deb|so|bin|pid|lock|swp|tmp|bak|assert)$
    |~$ | ^(?:labels|readme|licen[cs]e|notice|changelog|makefile)\b""",
    re.I | re.X,
)
_TEXT: Final = re.compile(r"\.txt$", re.I)
_LOG_WORD: Final = re.compile(r"log|access|\d{4}-?\d{2}-?\d{2}", re.I)


@dataclass(frozen=True, slots=True, order=True)
class Age:
    """Where a file stands among the rotations of its log: the older sorts first.

    `live` is the file without date or number; `day` are the digits of the date; `number` is negative
    where a higher number is older.
    """

    live: bool
    numbered: bool
    day: str
    number: int


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a file's name says: the log it belongs to, its place there, and its name before compression.

    `beside`: where but a number at its end says so, the name that the log's live file has without it; else empty.
    """

    family: str
    age: Age
    unpacked: str
    beside: str

    def alone(self) -> "Rotation":
        """Return what it says where a number at its end is a part of it, and none of a rotation."""
        return replace(self, family=self.unpacked, age=Age(live=True, numbered=False, day="", number=0))


def rotation(name: str) -> Rotation:
    """Read a file's name.

    Source: the names of logrotate (`dateext`, `dateformat -%s`, `start`), IIS (`u_exYYMMDD`), Tomcat and log4j.
    """
    unpacked = _PACKED.sub("", name)
    numbered = _NUMBER.search(unpacked)
    stem, number = (unpacked[: numbered.start()], int(numbered[1])) if numbered else (unpacked, 0)
    beside = dated = ""
    if match := _IIS.search(stem):
        stem, dated = match[1] + stem[match.end() :], "20" + match[2]
    elif match := _DATE.search(stem):
        stem = stem[: match.start()] + stem[match.end() :]
        dated = re.sub(r"\D", "", (match["day"] or match["month"]) + (match["clock"] or ""))
    elif match := _EPOCH.search(unpacked):
        stem = beside = unpacked[: match.start()]
        dated = datetime.fromtimestamp(int(match[1]), UTC).strftime("%Y%m%d%H%M%S")
    elif numbered and len(numbered[1]) <= _DIGITS:
        beside = stem
    else:
        stem, number = unpacked, 0
    has_number = stem != unpacked and not dated
    age = Age(live=not dated and not has_number, numbered=has_number, day=dated, number=number if dated else -number)
    return Rotation(family=stem.lstrip("-._") or stem or unpacked, age=age, unpacked=unpacked, beside=beside)


def age_of(path: str) -> Age:
    """Return where the file at `path` stands among the rotations of its log, by its name."""
    return rotation(os.path.basename(path)).age


def is_log(name: str) -> bool:
    """Whether a file found in a folder is read: not when hidden, nor when its name says it is no log."""
    plain = _PACKED.sub("", name)
    if plain.startswith(".") or _NOT_LOGS.search(plain):
        return False
    return not _TEXT.search(plain) or bool(_LOG_WORD.search(plain))
