"""Read the `correlation` section of a rule: what it counts, over what, and when that is too much."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sigma.correlations import (
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaCorrelationType,
    SigmaExtendedCorrelationCondition,
)

from detector.detect.rules.custom import duration_us
from detector.detect.rules.documents import Document
from detector.detect.rules.fields import resolve
from detector.detect.rules.form import is_number
from detector.detect.rules.ordered import conjunctions
from detector.detect.rules.sigma_parts import Loc
from detector.detect.rules.spec import (
    BETWEEN,
    COUNTS,
    DEFAULT_CAP,
    OPERATORS,
    PREVIOUS,
    Bounds,
    Correlation,
    Custom,
    Measure,
    given,
)
from detector.errors import Fault

MEASURES = (*COUNTS, *BETWEEN)
LASTING = ("gap_median", "pause")
DEFAULT_MIN_KM = 1000.0
"""Source: databases of cities disagree by some hundred kilometres, see DESIGN.md."""

NUMERIC = ("value_sum", "value_avg", "value_percentile", "value_median")
TEMPORAL = (SigmaCorrelationType.TEMPORAL, SigmaCorrelationType.TEMPORAL_ORDERED)


class Reader:
    """Reads one correlation.

    `known` resolves what other rules are called to their keys; `given` are the fields of which a rule gives on
    the previous value.
    """

    def __init__(
        self, document: Document, custom: Custom, known: Mapping[str, str], given: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.document = document
        self.custom = custom
        self.known = known
        self.given = given
        self.faults: list[Fault] = []

    def read(self, parsed: SigmaCorrelationRule) -> Correlation:
        """Read the section; look at `faults` before using what comes back."""
        expression = parsed.condition if isinstance(parsed.condition, SigmaExtendedCorrelationCondition) else None
        named = [rule.reference for rule in parsed.rules] if parsed.rules else []
        if not named and expression is not None:
            named = expression.get_referenced_rules()
        refs = self._refs(named, ("correlation", "rules"))
        if not named:
            self._fault(("correlation", "rules"), "a correlation needs rules to count")
        measures = self._measures(parsed, refs)
        temporal = parsed.type in TEMPORAL
        return Correlation(
            kind=parsed.type.name.lower(),
            refs=refs,
            group_names=tuple(parsed.group_by or ()),
            groups=self._groups(parsed, refs, measures),
            span_us=parsed.timespan.seconds * 1_000_000,
            measures=measures,
            expression=self._expression(parsed, refs) if temporal else None,
            context=self._context(parsed, refs),
            cancel=self._refs(list(self.custom.cancel_on), ("custom", "cancel_on")),
            gap_us=self.custom.gap_us,
            cap=self.custom.cap or _cap(measures),
            previous=self.custom.previous,
        )

    def _fault(self, loc: Loc, message: str) -> None:
        self.faults.append(self.document.fault(loc, message))

    def _refs(self, names: list[Any], loc: Loc) -> tuple[str, ...]:
        found = []
        for name in names:
            if str(name) in self.known:
                found.append(self.known[str(name)])
            else:
                self._fault(loc, f"refers to rule {name!r}, which no loaded file defines")
        return tuple(dict.fromkeys(found))

    def _context(self, parsed: SigmaCorrelationRule, refs: tuple[str, ...]) -> tuple[str, ...]:
        where: Loc = ("custom", "context")
        found = self._refs(list(self.custom.context), where)
        if found and (parsed.type is not SigmaCorrelationType.TEMPORAL_ORDERED or found != refs[: len(found)]):
            self._fault(where, "context names the first rules of a temporal_ordered correlation, in their order")
        if found and len(found) >= len(refs):
            self._fault(where, "at least one rule must be more than context")
        return found

    def _measures(self, parsed: SigmaCorrelationRule, refs: tuple[str, ...]) -> tuple[Measure, ...]:
        condition = self.document.data["correlation"].get("condition")
        also = [
            self._measure(one, ("custom", "also", place), refs, str(one.get("type")))
            for place, one in enumerate(self.custom.also)
        ]
        if parsed.type in TEMPORAL:
            if also or self.custom.gap_us is not None or self.custom.leak_us is not None or self.custom.previous:
                self._fault(("custom",), "also, gap, leak and previous are for correlations that count")
            return ()
        main = dict(condition) if isinstance(condition, Mapping) else {}
        if isinstance(parsed.condition, SigmaCorrelationCondition) and "field" in main:
            main["field"] = parsed.condition.fieldref  # as a processing pipeline may have mapped it
        first = self._measure(main, ("correlation", "condition"), refs, parsed.type.name.lower())
        if not first.bounds.pairs:
            self._fault(("correlation", "condition"), "a bound is required: one of " + ", ".join(OPERATORS))
        if self.custom.leak_us is not None and (first.kind not in COUNTS[:2] or not self.custom.leak_us):
            self._fault(("custom", "leak"), f"leak is some time, of an event_count or value_count, not of {first.kind}")
        if self.custom.cap is not None and first.kind in COUNTS[:2] and first.bounds.least > self.custom.cap:
            self._fault(("custom", "cap"), f"no count gets to {first.bounds.least}, at most {self.custom.cap} are kept")
        return (replace(first, leak_us=self.custom.leak_us), *also)

    def _measure(self, data: Mapping[str, Any], loc: Loc, refs: tuple[str, ...], kind: str) -> Measure:
        if kind not in MEASURES:
            self._fault(loc, f"type is one of {', '.join(MEASURES)}, {kind!r} came")
        relative = {f"{name}_times": name for name in OPERATORS} if loc[0] == "custom" else {}
        allowed = {*OPERATORS, *relative, "field", "percentile", *(("type", "rules", "timespan") if relative else ())}
        for key in set(data) - allowed - ({"min_km"} if kind == "travel" else set()):
            self._fault((*loc, str(key)), f"unknown key {key!r} in a condition")
        rules = data.get("rules")
        percentile = data.get("percentile", 50)
        if not isinstance(percentile, int) or not 0 < percentile <= 100:
            self._fault((*loc, "percentile"), f"percentile is a whole number from 1 to 100, {percentile!r} came")
            percentile = 50
        bounds = self._bounds(data, {name: name for name in OPERATORS}, loc, lasting=kind in LASTING)
        if not bounds.can_hold:
            self._fault(loc, "no number meets all of these bounds")
        return Measure(
            kind=kind if kind in MEASURES else "event_count",  # type: ignore[arg-type]
            refs=self._refs(rules if isinstance(rules, list) else [rules], (*loc, "rules")) if rules else refs,
            fields=self._fields(data.get("field"), kind, loc),
            percentile=percentile,
            bounds=bounds,
            times=self._bounds(data, relative, loc),
            span_us=self._span(data, loc) if relative else None,
            min_km=self._min_km(data, loc),
        )

    def _min_km(self, data: Mapping[str, Any], loc: Loc) -> float:
        distance = data.get("min_km", DEFAULT_MIN_KM)
        if not isinstance(distance, int | float) or isinstance(distance, bool) or distance < 0:
            self._fault((*loc, "min_km"), f"min_km is a number of kilometres, {distance!r} came")
            return DEFAULT_MIN_KM
        return float(distance)

    def _span(self, data: Mapping[str, Any], loc: Loc) -> int | None:
        if "timespan" not in data:
            return None
        try:
            return duration_us(data["timespan"])
        except ValueError as fault:
            self._fault((*loc, "timespan"), str(fault))
            return None

    def _bounds(self, data: Mapping[str, Any], names: Mapping[str, str], loc: Loc, *, lasting: bool = False) -> Bounds:
        """Read the bounds under the keys `names`; a `lasting` one may be a time span, and is read in seconds."""
        pairs = []
        for key in data:
            if key in names:
                number = data[key]
                if isinstance(number, str) and lasting:
                    try:
                        number = duration_us(number) / 1e6
                    except ValueError as fault:
                        self._fault((*loc, key), str(fault))
                        continue
                if is_number(number):
                    pairs.append((names[key], float(number)))
                else:
                    self._fault((*loc, key), f"{key} needs a number, {number!r} came")
        return Bounds(tuple(pairs))  # type: ignore[arg-type]

    def _fields(self, field: Any, kind: str, loc: Loc) -> tuple[str, ...]:
        names = list(field) if isinstance(field, list | tuple) else [field] if field else []
        if bool(names) != kind.startswith("value_"):
            self._fault(loc, f"{kind} {'needs a' if kind.startswith('value_') else 'takes no'} field")
        found = []
        for name in names:
            column = resolve(str(name))
            if column is None or not column.logged:
                self._fault((*loc, "field"), f"no field {name!r}")
            elif kind in NUMERIC and not column.dtype.is_integer():
                self._fault((*loc, "field"), f"{kind} needs a whole number, {name} is {column.dtype}")
            else:
                found.append(column.name)
        if kind in NUMERIC and len(names) > 1:
            self._fault((*loc, "field"), f"{kind} takes one field")
        return tuple(found)

    def _groups(
        self, parsed: SigmaCorrelationRule, refs: tuple[str, ...], measures: tuple[Measure, ...]
    ) -> dict[str, tuple[str, ...]]:
        others = (ref for measure in measures for ref in measure.refs)
        cancel = (self.known[name] for name in self.custom.cancel_on if name in self.known)
        groups: dict[str, list[str]] = {ref: [] for ref in dict.fromkeys((*refs, *cancel, *others))}
        aliases = {alias.alias: alias.mapping for alias in parsed.aliases}
        for place, name in enumerate(parsed.group_by or ()):
            mapping = {
                self.known.get(ref.reference, ref.reference): field for ref, field in aliases.get(name, {}).items()
            }
            unknown = sorted(set(mapping) - set(groups))
            if unknown:
                self._fault(
                    ("correlation", "aliases", name), f"refers to rule {unknown[0]!r}, which is not among rules"
                )
                continue
            for ref, columns in groups.items():
                column = self._group(ref, str(mapping.get(ref, name)))
                if column is None:
                    loc: Loc = ("correlation", "aliases", name) if mapping else ("correlation", "group-by", place)
                    self._fault(loc, f"no field {mapping.get(ref, name)!r}")
                else:
                    columns.append(column)
        if self.custom.previous and len(set(map(tuple, groups.values()))) > 1:
            self._fault(("custom", "previous"), "previous needs one group-by for all rules, without aliases")
        return {ref: tuple(columns) for ref, columns in groups.items()}

    def _group(self, ref: str, name: str) -> str | None:
        """Give the column that the events of rule `ref` are grouped by."""
        column = resolve(name.removeprefix(PREVIOUS))
        if column is None or not column.logged:
            return None
        if not name.startswith(PREVIOUS):
            return column.name
        return given(ref, column.name) if column.name in self.given.get(ref, ()) else None

    def _expression(self, parsed: SigmaCorrelationRule, refs: tuple[str, ...]) -> Any:
        where: Loc = ("correlation", "condition")
        if isinstance(parsed.condition, SigmaExtendedCorrelationCondition):
            found = conjunctions(parsed.condition.parsed, self.known)
            if any(not wanted for wanted, _ in found):
                self._fault(where, "every way to meet the condition needs at least one rule that matches")
            return found
        condition = self.document.data["correlation"].get("condition")
        if condition is None:
            return ((refs, ()),)
        bounds = self._bounds(condition, {name: name for name in OPERATORS}, where)
        if parsed.type is SigmaCorrelationType.TEMPORAL_ORDERED and bounds.least < len(refs):
            self._fault(where, "temporal_ordered needs all its rules; leave the condition out or name the order in it")
        return bounds


def _cap(measures: tuple[Measure, ...]) -> int:
    """Choose how many rows a group's window counts: two are enough where each is compared with the one before."""
    if len(measures) > 1 and _counts_pairs(measures[0]):
        first = measures[0]
        if all(one.kind in {"pause", "travel"} and one.refs == first.refs and not one.span_us for one in measures[1:]):
            return 2
    return max(DEFAULT_CAP, *(2 * one.bounds.least for one in measures), 1)


def _counts_pairs(first: Measure) -> bool:
    lower = all(operator in {"gt", "gte"} for operator, _ in first.bounds.pairs)
    return first.kind == "event_count" and first.bounds.least <= 2 and lower
