"""Say where, what was required and what came; carry the exit code a command answers with."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

if TYPE_CHECKING:
    import yaml

One = TypeVar("One")
Other = TypeVar("Other")


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


def together(one: Callable[[], One], other: Callable[[], Other]) -> tuple[One, Other]:
    """Return what both give. Raises: FaultsError with the faults of both."""
    try:
        first = one()
    except FaultsError as found:
        try:
            other()
        except FaultsError as more:
            raise FaultsError([*found.faults, *more.faults]) from None
        raise
    return first, other()


class InputError(DetectorError):
    """Input that cannot be read at all: a path that is missing, a folder without logs."""

    exit_code: ClassVar[int] = 3


class StateLockedError(DetectorError):
    """Another process holds the state directory."""

    exit_code: ClassVar[int] = 4


class StateError(DetectorError):
    """A state that is not there, foreign or of a version that cannot be migrated."""


class StateDamagedError(StateError):
    """A state that is not as it was written. `what` names the part."""

    exit_code: ClassVar[int] = 3

    def __init__(self, path: object, what: str) -> None:
        super().__init__(f"{path}: {what}; {MENDING}")


MENDING: Final = (
    "`detector state verify` lists what is damaged; put a backup in its place, or move the whole folder away to begin"
    " anew"
)


class StateWriteError(DetectorError):
    """The state cannot be written for now: no room, a read-only file system, a disk that fails."""

    exit_code: ClassVar[int] = 6


class OutboxFullError(DetectorError):
    """No room for more alerts: they wait for a sink."""

    exit_code: ClassVar[int] = 5


def line_of(node: "yaml.Node | None", loc: tuple[int | str, ...]) -> int:
    """Return the line (from 1) of the deepest YAML node that `loc` reaches."""
    from yaml import MappingNode, SequenceNode  # here: `--help` needs errors, and no YAML

    line = node.start_mark.line + 1 if node else 1
    for step in loc:
        found: yaml.Node | None = None
        if isinstance(node, MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    found, line = value, key.start_mark.line + 1
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
            line = found.start_mark.line + 1
        if found is not None:  # pydantic names union members in its path: those steps are not in the file
            node = found
    return line


def duplicate_keys(node: "yaml.Node") -> Iterator[tuple[int, str]]:
    """Yield line and message of every key that a mapping says twice; YAML would keep the last in silence."""
    from yaml import MappingNode, ScalarNode, SequenceNode

    if isinstance(node, MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, ScalarNode):
                if key.value in seen:
                    yield line, f"key {key.value!r} is said twice, first in line {seen[key.value]}"
                seen.setdefault(key.value, line)
            yield from duplicate_keys(value)
    elif isinstance(node, SequenceNode):
        for value in node.value:
            yield from duplicate_keys(value)
