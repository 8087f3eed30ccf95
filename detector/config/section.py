"""What all sections are, and the values that several of them hold."""

import ipaddress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, PrivateAttr

from detector.errors import Fault, line_of

Loc = tuple[int | str, ...]


def dotted(at: Loc) -> str:
    """Write the keys that lead to a value."""
    return ".".join(map(str, at))


def checked_regex(text: str) -> str:
    """Return an expression that Rust's engine takes: linear in time, so without look-around and back-references.

    Raises: `ValueError` for another, and for one that takes more than 10 MB when it is compiled.
    """
    import polars as pl

    try:
        pl.Series([""]).str.contains(text, strict=True)
    except pl.exceptions.ComputeError as fault:
        raise ValueError(f"not a regular expression of Rust's engine: {telling(fault)}") from None
    return text


def telling(fault: Exception) -> str:
    """Return the telling line of a Rust regex error, which draws a picture around it."""
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    return next((line.removeprefix("error: ") for line in lines if line.startswith("error:")), lines[0])


def groups_of(pattern: str) -> list[str]:
    """Return the names of a Rust pattern's groups, in order; one without a name is called by its number."""
    import polars as pl

    return pl.Series([""]).str.extract_groups(pattern).struct.fields


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"no such time zone: {name!r}, required an IANA name such as Europe/Paris")
    return name


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


Regex = Annotated[str, AfterValidator(checked_regex)]
Zone = Annotated[str, AfterValidator(_zone)]
Network = Annotated[str, AfterValidator(_network)]
Level = Literal["informational", "low", "medium", "high", "critical"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a section stands: its file, the YAML of all of that, and the keys that lead to it. All are equal."""

    file: str = field(default="configuration", compare=False)
    root: Any = field(default=None, compare=False)
    loc: Loc = field(default=(), compare=False)


class Section(BaseModel):
    """A part of the configuration: unknown keys are faults, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    _origin: Origin = PrivateAttr(default=Origin())

    def fault(self, message: str, *loc: int | str) -> Fault:
        """Say what is wrong with a value that only shows where it is used; `loc` leads to it from this section."""
        at = (*self._origin.loc, *loc)
        return Fault(self._origin.file, line_of(self._origin.root, at), f"{dotted(at)}: {message}")
