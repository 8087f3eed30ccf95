"""What the first lines of a log tell of its format, beside its name: learned once, kept, and built upon again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detector.collect.formats.trailing import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What `lines_count` first lines showed.

    `host`: a virtual host stands before the address; `trailing`: what each field behind the combined format holds;
    `levels`: the fields of JSON objects that hold fields.
    """

    lines_count: int = 0
    host: bool = False
    trailing: tuple[Role, ...] = ()
    levels: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Learned":
        """Return what `asdict` and JSON made plain."""
        texts = {name: tuple(plain[name]) for name in ("trailing", "levels")}
        return cls(lines_count=plain["lines_count"], host=plain["host"], **texts)
