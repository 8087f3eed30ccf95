"""Hold the key of the tokens and those before it: where they came from, and never what they are in anything printed."""

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from detector.config import Key
from detector.errors import Fault, FaultsError, StateError

LEAST_CHARACTERS: Final = 16
HEADER: Final = "portal-detector-keys 1"
"""First line of a file of several keys. A file that begins otherwise is one key and nothing else."""

UNKNOWN: Final = "-"
"""Stands where a key's moment would, if it came from a file that says none."""

Origin = Literal["file", "environment", "state", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A key and its origin: `run` is a random one that dies with the run, and its tokens with it.

    `made` is RFC 3339 or `UNKNOWN`; `former` are the keys before this one, newest first; `exposed` says who else can
    read the file.
    """

    text: str = field(repr=False)
    origin: Origin
    made: str = UNKNOWN
    former: tuple["Secret", ...] = ()
    exposed: str | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """The key's name, worked out from it: 32 bits that tell keys apart and open nothing."""
        return hmac.new(self.text.encode(), b"key:", hashlib.sha256).hexdigest()[:8]

    @property
    def every(self) -> tuple["Secret", ...]:
        """This key and the former ones."""
        return (self, *self.former)

    def under(self, key_id: str | None) -> "Secret":
        """Return the key of that id, this or a former one; this one if no id is asked for.

        Raises: `StateError` where it is none of them.
        """
        for key in self.every:
            if key_id in (None, key.id):
                return key
        raise StateError(
            f"the state's tokens are of key {key_id}; the key given is {self.id}, with {len(self.former)} former ones,"
            " none of which is it: nobody in its memory could be known again. Give that key (`detector key rotate`"
            " keeps former ones), or begin a new state directory"
        )


def configured_secret(where: Key) -> Secret | None:
    """Read the key that the configuration names: its file, else its environment variable; None if neither is set.

    Raises: `FaultsError` if the file cannot be read or a key is too short to keep a secret.
    """
    if where.file is not None:
        return read_secret(where.file, "file")
    text = os.environ.get(where.env, "").strip() if where.env else ""
    return _parsed(text, "environment", f"${where.env}") if text else None


def read_secret(path: Path, origin: Origin = "file") -> Secret:
    """Read a key file: one key, or under `HEADER` the current and then the former ones, each `id moment key`."""
    try:
        with path.open(encoding="utf-8") as file:
            exposed = _exposed(os.fstat(file.fileno()))
            text = file.read().strip()
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8"  # the whole fault shows bytes of it
        raise FaultsError([Fault(str(path), 1, f"the key cannot be read: {why}")]) from None
    return replace(_parsed(text, origin, str(path)), exposed=exposed and f"{path}: {exposed}")


def random_secret() -> Secret:
    """Make a key of 256 random bits."""
    return Secret(text=secrets.token_hex(32), origin="run")


def private_bits(found: os.stat_result) -> int:
    """Return the permissions that a key file may have: 0600, or 0640 where root owns it and lets a group read it.

    Source: PostgreSQL, which judges `ssl_key_file` so.
    """
    return 0o640 if found.st_uid == 0 else 0o600


def cautions(given: Secret | None, used: Secret) -> dict[str, str]:
    """Return by code what to warn of: a key that others can read, that was rotated away, or that dies with the run."""
    told = {}
    if given and given.exposed:
        told["key_exposed"] = given.exposed
    if given and given.id != used.id:
        told["former_key"] = (
            f"The state goes on under key {used.id}, though {given.id} is current: so everybody in its memory stays"
            " known. To change over, learn a new state from the last 30 days."
        )
    if used.origin == "run":
        told["no_key"] = (
            "No key is configured: the tokens of this run cannot be compared with another's."
            " Set $PORTAL_DETECTOR_KEY or portal.key.file."
        )
    return told


def _exposed(found: os.stat_result) -> str | None:
    mode, most = stat.S_IMODE(found.st_mode), private_bits(found)
    if not mode & 0o077 & ~most:
        return None
    return f"the key is open to others (mode {mode:04o}, required {most:04o}): whoever reads it can find persons again"


def _parsed(text: str, origin: Origin, where: str) -> Secret:
    first, *lines = text.splitlines() or [""]
    if first.strip() != HEADER:
        return _checked(Secret(text=text, origin=origin), where, 1)
    keys, faults = list[Secret](), list[Fault]()
    for number, line in enumerate(lines, 2):
        if line.strip() and not line.startswith("#"):
            try:
                keys.append(_entry(line, origin, where, number))
            except FaultsError as fault:
                faults += fault.faults
    if not keys and not faults:
        faults.append(Fault(where, 1, "a key is required under the first line; came none"))
    if faults:
        raise FaultsError(faults)
    return replace(keys[0], former=tuple(keys[1:]))


def _entry(line: str, origin: Origin, where: str, number: int) -> Secret:
    parts = line.split(maxsplit=2)
    if len(parts) != 3:
        raise FaultsError([Fault(where, number, "required: id, moment (or -) and key, with spaces between")])
    key = _checked(Secret(text=parts[2].strip(), origin=origin, made=parts[1]), where, number)
    if key.id != parts[0]:
        raise FaultsError([Fault(where, number, f"the id of this key is {key.id}; came {parts[0]!r}: one was altered")])
    return key


def _checked(key: Secret, where: str, line: int) -> Secret:
    if len(key.text) < LEAST_CHARACTERS:
        raise FaultsError([Fault(where, line, f"a key of {LEAST_CHARACTERS} characters or more is required")])
    return key
