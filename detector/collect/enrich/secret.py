"""Hold the key of the tokens: where it came from, and never what it is in anything printed."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from detector.config import Key
from detector.errors import Fault, FaultsError

LEAST_CHARACTERS: Final = 16
Origin = Literal["file", "environment", "state", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A key and its origin: `run` is a random one that dies with the run, and its tokens with it."""

    text: str = field(repr=False)
    origin: Origin


def configured_secret(where: Key) -> Secret | None:
    """Read the key that the configuration names: its file, else its environment variable; None if neither is set.

    Raises: `FaultsError` if the file cannot be read or a key is too short to keep a secret.
    """
    if where.file is not None:
        return read_secret(where.file, "file")
    text = os.environ.get(where.env, "").strip() if where.env else ""
    return _checked(text, "environment", f"${where.env}") if text else None


def read_secret(path: Path, origin: Origin) -> Secret:
    """Read a key from a file of one line."""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise FaultsError([Fault(str(path), 1, f"the key cannot be read: {fault}")]) from None
    return _checked(text, origin, str(path))


def random_secret() -> Secret:
    """Make a key of 256 random bits."""
    return Secret(text=secrets.token_hex(32), origin="run")


def _checked(text: str, origin: Origin, where: str) -> Secret:
    if len(text) < LEAST_CHARACTERS:
        raise FaultsError([Fault(where, 1, f"a key of {LEAST_CHARACTERS} characters or more is required")])
    return Secret(text=text, origin=origin)
