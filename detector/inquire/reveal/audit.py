"""Keep a log that only grows: each entry carries the SHA-256 of the one before, so that none is changed unseen.

What the chain cannot show is that its end was cut off, or that all of it was written anew: so the last hash is told
after every entry, to be kept where the writer of the log has no hand in.
"""

import fcntl
import json
import os
import pwd
import socket
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

from detector import clock
from detector.collect.folder import sync_folder
from detector.errors import DetectorError

BEFORE_ALL: Final = "0" * 64
"""What the first entry carries in the place of a hash."""

_NOBODY: Final = 2**32 - 1
"""The log-in id of a process that nobody logged in for. Source: Linux, audit_loginuid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A log that is whole: its entries, and the hash of the last."""

    entries: Sequence[Mapping[str, Any]]
    hashes: Sequence[str]

    @property
    def last(self) -> str:
        """The hash of the last entry."""
        return self.hashes[-1] if self.hashes else BEFORE_ALL


def append(path: Path, facts: Mapping[str, Any]) -> tuple[int, str]:
    """Write an entry to the disk and return its number and its hash.

    Raises: `DetectorError` if the log cannot be written, or if what is there is broken.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DetectorError(f"{path}: a file is required for the audit log, one that keeps what is written")
            fcntl.flock(file, fcntl.LOCK_EX)
            return _appended(file, path, facts)
    except OSError as fault:
        raise DetectorError(f"{path}: the audit log cannot be written: {fault.strerror}") from None


def _appended(file: BinaryIO, path: Path, facts: Mapping[str, Any]) -> tuple[int, str]:
    file.seek(0)
    chain = _checked(file.read(), path)
    number = len(chain.entries) + 1
    entry = {"seq": number, "at": clock.rfc3339(clock.now()), **facts, "previous": chain.last}
    line = json.dumps(entry).encode()
    file.write(line + b"\n")
    file.flush()
    os.fsync(file.fileno())
    if number == 1:
        sync_folder(path.parent)
    return number, sha256(line).hexdigest()


def check(path: Path) -> Chain:
    """Read a log and follow its chain. Raises: `DetectorError` that says at which line it is broken."""
    try:
        return _checked(path.read_bytes(), path)
    except OSError as fault:
        raise DetectorError(f"{path}: the audit log cannot be read: {fault.strerror}") from None


def who() -> dict[str, str]:
    """Say who runs this: the user, whom `sudo` was called by, who logged in, and the machine."""
    told = {"user": _name(os.getuid()), "host": socket.gethostname()}
    if by := os.environ.get("SUDO_USER"):
        told["sudo_user"] = by
    login = Path("/proc/self/loginuid")
    if login.exists() and (number := int(login.read_text())) != _NOBODY:
        told["login"] = _name(number)
    return told


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user need not have a name
        return str(uid)


def _checked(body: bytes, path: Path) -> Chain:
    entries, hashes = list[Mapping[str, Any]](), [BEFORE_ALL]
    *lines, rest = body.split(b"\n")
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if entry is None or entry.get("seq") != number or entry.get("previous") != hashes[-1]:
            why = "is no entry" if entry is None else f"does not follow the one before (seq {entry.get('seq')})"
            raise DetectorError(f"{path}:{number}: the audit log is broken: this line {why}")
        entries.append(entry)
        hashes.append(sha256(line).hexdigest())
    if rest:
        raise DetectorError(f"{path}:{len(lines) + 1}: the audit log is broken: this line is cut off")
    return Chain(entries=entries, hashes=hashes[1:])


def _entry(line: bytes) -> Mapping[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
