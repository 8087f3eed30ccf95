"""What all sections are, and the values that several of them hold."""

import ipaddress
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict


def _regex(text: str) -> str:
    # Polars runs Rust's linear-time engine; Python's `re` refuses much the same faults and says where.
    import polars as pl

    try:
        pl.Series([""]).str.contains(text, strict=True)
    except pl.exceptions.ComputeError as fault:
        raise ValueError(f"not a regular expression of Rust's engine: {fault}") from None
    return text


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


Regex = Annotated[str, AfterValidator(_regex)]
Zone = Annotated[str, AfterValidator(_zone)]
Network = Annotated[str, AfterValidator(_network)]
Level = Literal["informational", "low", "medium", "high", "critical"]


class Section(BaseModel):
    """A part of the configuration: unknown keys are faults, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
