"""Hold what a rule says once it has been read: records, checked, and nothing that still needs parsing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from detector.detect.rules.predicate import Tree
from detector.detect.rules.said import Said
from detector.language import Language

Way = tuple[tuple[str, ...], tuple[str, ...]]
"""Keys of rules that must have matched, in the order in which they are written, and of those that must not."""

MeasureKind = Literal[
    "event_count", "value_count", "value_sum", "value_avg", "value_percentile", "value_median",
    "gap_median", "pause", "travel",
]  # fmt: skip
Operator = Literal["gt", "gte", "lt", "lte", "eq", "neq"]

OPERATORS: Final = ("gt", "gte", "lt", "lte", "eq", "neq")
COUNTS: Final = ("event_count", "value_count", "value_sum", "value_avg", "value_percentile", "value_median")
"""What a Sigma correlation may count."""

BETWEEN: Final = ("gap_median", "pause", "travel")
"""What can be measured besides: between events. See `Custom`."""

COUNTRY: Final = "source.geo.country_iso_code"
"""The column that says where a journey begins and ends."""

PREVIOUS: Final = "previous."
"""How a field is called whose value is that of the event before. See `Custom`."""

DEFAULT_CAP: Final = 1000
"""Rows (or distinct values) of one group that a window counts at most, unless the rule needs more."""

DEFAULT_MUTE_US: Final = 3_600_000_000
"""A single-event rule that has fired for an account and address stays silent for them for an hour."""


def given(key: str, column: str) -> str:
    """Name the column of a batch in which the rule `key` gives on the previous value of `column`."""
    return f"{key}:{PREVIOUS}{column}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Comparisons that must all hold, such as `gt: 100` with `lte: 200`."""

    pairs: tuple[tuple[Operator, float], ...]

    def hold(self, values: npt.NDArray[Any], scale: npt.NDArray[Any] | float = 1.0) -> npt.NDArray[np.bool_]:
        """Compare each value with each bound times `scale`. Shapes: n values -> n truths."""
        met = np.ones(len(values), dtype=np.bool_)
        for operator, number in self.pairs:
            met &= _COMPARE[operator](values, number * scale)
        return met

    @property
    def can_hold(self) -> bool:
        """Whether any number meets all of them."""
        low = max((number for operator, number in self.pairs if operator in {"gt", "gte", "eq"}), default=-np.inf)
        high = min((number for operator, number in self.pairs if operator in {"lt", "lte", "eq"}), default=np.inf)
        strict = any(number in (low, high) for operator, number in self.pairs if operator in {"gt", "lt", "neq"})
        return low < high or (low == high and not strict)

    @property
    def least(self) -> int:
        """The smallest whole number that the lower bounds allow; at least one."""
        floor = 1
        for operator, number in self.pairs:
            if operator in {"gte", "eq"}:
                floor = max(floor, int(np.ceil(number)))
            elif operator == "gt":
                floor = max(floor, int(np.floor(number)) + 1)
        return floor

    @property
    def most(self) -> float:
        """The greatest number that any bound names."""
        return max(number for _, number in self.pairs)

    @property
    def expected(self) -> float:
        """The number to show as the threshold."""
        return self.pairs[0][1]


_COMPARE: Final[dict[str, Any]] = {
    "gt": np.greater,
    "gte": np.greater_equal,
    "lt": np.less,
    "lte": np.less_equal,
    "eq": np.equal,
    "neq": np.not_equal,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What is measured in a window, and the bounds it must meet.

    `fields` are column names (a distinct value is a combination of them); `refs` the rules whose events are
    measured; `times` compares with the bounds times the correlation's own (first) measure; `span_us` is its
    own window, where it has one; `leak_us` is how long one counted event takes to leak out of a bucket;
    `min_km` is the distance that a journey must have.
    """

    kind: MeasureKind
    refs: tuple[str, ...]
    fields: tuple[str, ...] = ()
    percentile: int = 50
    bounds: Bounds = Bounds(())
    times: Bounds = Bounds(())
    span_us: int | None = None
    leak_us: int | None = None
    min_km: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """What a correlation counts. Times are in microseconds.

    `groups` gives for each referenced rule the columns it is grouped by; `expression` is the condition of
    a temporal correlation over `refs`; `previous` are the columns whose value before the match is given on.
    """

    kind: str
    refs: tuple[str, ...]
    group_names: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    span_us: int
    measures: tuple[Measure, ...] = ()
    expression: "Bounds | tuple[Way, ...] | None" = None
    context: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()
    gap_us: int | None = None
    cap: int = DEFAULT_CAP
    previous: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every rule whose events it reads, its own first."""
        others = (ref for measure in self.measures for ref in measure.refs)
        return tuple(dict.fromkeys((*self.refs, *self.cancel, *others)))

    @property
    def long(self) -> Mapping[str, int]:
        """How long the rows of a rule are needed, where that is not the timespan."""
        found: dict[str, int] = {}
        for measure in self.measures:
            span_us = measure.span_us or (2 * self.span_us if self.fills_by_value else 0)
            found |= {ref: max(span_us, found.get(ref, 0)) for ref in measure.refs if span_us}
        return found

    @property
    def longest_us(self) -> int:
        """The longest of its windows."""
        return max(self.span_us, *self.long.values(), 0)

    @property
    def fills_by_value(self) -> bool:
        """Whether new values fill a bucket: then a window's rows look for their value in windows of their own."""
        return any(measure.kind == "value_count" and measure.leak_us is not None for measure in self.measures)

    @property
    def travels(self) -> bool:
        """Whether journeys are measured."""
        return any(measure.kind == "travel" for measure in self.measures)

    @property
    def text_fields(self) -> tuple[str, ...]:
        """The columns whose texts are compared or counted."""
        found = (name for measure in self.measures if measure.kind == "value_count" for name in measure.fields)
        return tuple(dict.fromkeys((*found, *self.previous, *([COUNTRY] if self.travels else []))))

    @property
    def number_fields(self) -> tuple[str, ...]:
        """The columns whose numbers are added up or ranked."""
        found = (name for measure in self.measures if measure.kind != "value_count" for name in measure.fields)
        return tuple(dict.fromkeys(found))

    @property
    def evidence(self) -> tuple[str, ...]:
        """The columns whose values are shown as evidence, besides those that every group has by its key."""
        return tuple(name for name in ("user.name", "source.ip") if self.key_place(name) is None)

    def key_place(self, name: str) -> int | None:
        """Give the place in a group's key where every rule has the column `name`; None if there is none."""
        places = enumerate(zip(*self.groups.values(), strict=True))
        return next((place for place, columns in places if set(columns) == {name}), None)

    @property
    def others(self) -> tuple[str, ...]:
        """Rules whose events it reads without counting them as its own."""
        return tuple(ref for ref in self.inputs if ref not in self.refs)

    @property
    def counts_rows(self) -> bool:
        """Whether a window holds its last `cap` rows; the others hold the latest `cap` values."""
        return bool(self.measures) and (self.kind != "value_count" or self.fills_by_value or self.gap_us is not None)

    @property
    def of_pairs(self) -> bool:
        """Whether an event is compared with the one before it and nothing else: then more rows are not missed."""
        also = self.measures[1:]
        return self.cap == 2 and bool(also) and all(one.kind in {"pause", "travel"} for one in also)

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways in which the condition of a temporal correlation can be met."""
        return self.expression if isinstance(self.expression, tuple) else ((self.refs, ()),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A test inside a rule file: events, and how many alerts of this rule they raise."""

    name: str
    events: tuple[Mapping[str, Any], ...]
    alerts: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom:
    """What Sigma cannot say, under the rule's `custom` key.

    - `runbook`: what to do, two or three steps
    - `tests`: see `Proof`
    - `message`: the signal's sentence; `{count}`, `{threshold}`, `{timespan}`, `{title}` and any column in braces
    - `unit`: of the count, in the reasons
    - `fr`: `message`, `unit` and `runbook` in French; what is left out is said as it stands outside
    - `mute`: how long a rule that fired for a group stays silent for it; default: the timespan, one hour
      for a single-event rule
    - `per`: fields that make the group of a single-event rule's `mute`; default: account and address
    - `output`: whether the rule's own matches are signals; default: unless a correlation counts them
    - `version`: shown with its signals; default: the date it was last modified
    - `placeholders`: values of `%name%` for the modifier `expand`
    - `also`: further measures that must hold (`type`, `field`, `rules`, `percentile`, `timespan`,
      `gt gte lt lte eq neq`, and the same with `_times`: times the rule's own count). Besides Sigma's types:
      `gap_median`, the median pause between the window's events; `pause`, the time since the event before this
      one (bounds of both in seconds, or as `30d`); `travel`, the km/h that the journey from the country of the
      event before needs by the least distance between the two countries, none under `min_km` (default 1,000).
      Where there is no event before in the window, none of them holds. The evidence of a journey is where it ends:
      it began, as a rule, where the account always is; `previous` lets the message say where
    - `leak`: of an event_count or a value_count: events fill a bucket out of which one leaks each so long, and
      the condition is asked of its level. Of a value_count only events pour in whose value is new in the timespan
    - `previous`: fields of which the rule's matches give on the value that the latest event before with another
      value had, as `previous.FIELD`, by which a correlation may group them
    - `context`: rules of a temporal_ordered correlation that only set the scene: they must have matched first,
      but the evidence begins after them
    - `cancel_on`: rules whose events clear the window
    - `gap`: a window ends where its events pause this long (a session window)
    - `cap`: events, or distinct values, of one group that a measure counts at most, the latest ones
    - `for`: of a filter: correlations from which alone it keeps the events; other rules still see them
    - `reason`: of a filter: why it is there; stands beside its title where what it muted is counted
    - `until`: of a filter: the last day on which it holds, local time; default: for ever
    """

    runbook: tuple[str, ...] = ()
    tests: tuple[Proof, ...] = ()
    message: str | None = None
    unit: str | None = None
    fr: Said = field(default_factory=Said)
    mute_us: int | None = None
    per: tuple[str, ...] = ("user.name", "source.ip")
    output: bool | None = None
    version: str | None = None
    placeholders: Mapping[str, list[str]] = field(default_factory=dict)
    also: tuple[Mapping[str, Any], ...] = ()
    context: tuple[str, ...] = ()
    cancel_on: tuple[str, ...] = ()
    gap_us: int | None = None
    cap: int | None = None
    leak_us: int | None = None
    previous: tuple[str, ...] = ()
    only_for: tuple[str, ...] = ()
    reason: str | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A Sigma filter on a rule, or on what a correlation counts: events before `until_us` count where `tree` holds."""

    title: str
    tree: Tree
    until_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, ready to run: either `tree` (of a single event) or `correlation` is set.

    `key` is how rules refer to each other: the id, else the name, else file and line. `said` are the keys that
    its document gives a value.
    """

    key: str
    id: str
    name: str | None
    title: str
    level: str
    status: str
    description: str
    references: tuple[str, ...]
    tags: tuple[str, ...]
    falsepositives: tuple[str, ...]
    version: str
    path: Path
    line: int
    custom: Custom
    output: bool
    techniques: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()
    tree: Tree | None = None
    filters: tuple[Filter, ...] = ()
    correlation: Correlation | None = None
    said: frozenset[str] = frozenset()

    @property
    def runbook(self) -> tuple[str, ...]:
        """What to do when it fires."""
        return self.custom.runbook

    def said_in(self, language: Language) -> Said:
        """Return what it says in a language, or else as its author wrote it."""
        own = Said(message=self.custom.message, unit=self.custom.unit, runbook=self.custom.runbook)
        return self.custom.fr.or_else(own) if language == "fr" else own

    @property
    def tests(self) -> tuple[Proof, ...]:
        """The tests in its file."""
        return self.custom.tests

    @property
    def mute_us(self) -> int:
        """How long it stays silent for a group after it fired."""
        if self.custom.mute_us is not None:
            return self.custom.mute_us
        return self.correlation.span_us if self.correlation else DEFAULT_MUTE_US
