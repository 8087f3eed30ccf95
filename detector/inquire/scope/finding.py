"""What a scope found, as a tree of plain values and as JSON: counts and tokens, never an identifier."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from detector.emit.alert.plain import printable_json
from detector.errors import InputError

Whose = Literal["attacker", "owner", "undecided"]
WHOSE: Final[tuple[Whose, ...]] = ("attacker", "owner", "undecided")

GapKind = Literal["silence", "not_covered", "missing_file", "backwards", "rejects", "damage", "unnamed"]
"""Why the archives may not hold everything.

- `silence`: no line for so long that the usual rhythm of the log rules chance out
- `not_covered`: the archive begins after, or ends before, the time that was asked for
- `missing_file`: a number or a day lacks among the names of rotated files
- `backwards`: time runs back from one rotated file to the next
- `rejects`: lines that may matter could not be read
- `damage`: a file is cut off or damaged
- `unnamed`: a list was taken away or a record displayed, and the log does not say whose
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One figure for each side."""

    attacker: int = 0
    owner: int = 0
    undecided: int = 0

    @property
    def total(self) -> int:
        """Return the sum; of persons it would count some twice."""
        return self.attacker + self.owner + self.undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """Distinct insured persons displayed.

    `count`: to anybody in scope. `attacker_count`, `owner_count`: by requests that are surely the one's or the other's;
    `both_count`: by both. `undecided_count`: by requests that may be either's, and by none of the attacker's: the
    attacker saw `attacker_count` at least, and that and `undecided_count` at most. `lower_bound`: the archives have
    gaps, so that all of them may be more.
    """

    count: int
    attacker_count: int
    owner_count: int
    both_count: int
    undecided_count: int
    lower_bound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An address and client that an account was used from. `reasons` say why it is counted as `whose`."""

    account: str | None
    ip: str | None
    country: str | None
    network: str | None
    network_kind: str | None
    client: str | None
    first: datetime
    last: datetime
    requests: int
    records: int
    subjects: int
    whose: Whose
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """An account out of scope to which persons in scope were displayed too."""

    account: str
    subjects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What makes the count a lower bound. `missing_count` estimates the lines (or files) that lack, where it can."""

    start: Annotated[datetime | None, Field(alias="from")]
    end: Annotated[datetime | None, Field(alias="to")]
    kind: GapKind
    archive: str
    missing_count: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One file read. `parsed` lines were looked into, `rejects` of those could not be read."""

    path: str
    lines: int
    parsed: int
    rejects: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Whose data was displayed, to whom, and how sure that is.

    `sessions` are tokens. `requests` and `records` (displays of one person's data) by side; `unnamed` are lists taken
    away and records displayed whose persons the log does not name. `categories`: distinct persons by category of data,
    of `attacker` and undecided requests; `owner_categories`: of the professional's. `others` is None where it was not
    asked for. `every_line`: all lines were read, so that rejects are counted exactly and not only among those that
    matter.
    """

    version: Literal[1] = 1
    accounts: tuple[str, ...]
    sessions: tuple[str, ...]
    addresses: tuple[str, ...]
    incident: str | None
    since: datetime | None
    until: datetime | None
    first: datetime | None
    last: datetime | None
    requests: Counts
    records: Counts
    unnamed: Counts
    subjects: Subjects
    categories: dict[str, int]
    owner_categories: dict[str, int]
    sources: tuple[Source, ...]
    others: tuple[Other, ...] | None
    gaps: tuple[Gap, ...]
    archives: tuple[Archive, ...]
    every_line: bool
    key_id: str | None


_FINDING: Final = TypeAdapter(Finding)


def to_json(finding: Finding) -> str:
    """Write a finding as JSON, indented, times in RFC 3339."""
    return printable_json(_FINDING.dump_json(finding, by_alias=True, indent=2).decode()) + "\n"


def from_json(text: str, *, where: str) -> Finding:
    """Read what `to_json` wrote; `where` names the file in the message. Raises: InputError."""
    try:
        return _FINDING.validate_json(text)
    except ValidationError as fault:
        said = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the text'}: {one['msg']}" for one in fault.errors()[:5])
        raise InputError(f"{where}: required a finding of `detector scope -o json`: {said}") from None
