"""Say where, what was required and what came; carry the exit code a command answers with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in a file of the user's: `file:line: message`."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class DetectorError(Exception):
    """Anything the user can mend; the command prints the message and exits with `exit_code`."""

    exit_code: ClassVar[int] = 2


class FaultsError(DetectorError):
    """Faults of the configuration or the rules, all of them at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


class InputError(DetectorError):
    """Input that cannot be read at all: a path that is missing, a folder without logs."""

    exit_code: ClassVar[int] = 3


class StateLockedError(DetectorError):
    """Another process holds the state directory."""

    exit_code: ClassVar[int] = 4


class StateError(DetectorError):
    """A state file that is corrupted, foreign or of a version that cannot be migrated."""
