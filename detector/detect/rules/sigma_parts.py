"""Hand documents to pySigma and say in which line its complaints belong."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from pyparsing import ParseException
from sigma import exceptions as wrong
from sigma.correlations import SigmaCorrelationRule
from sigma.filters import SigmaFilter
from sigma.policy.profiles import TrustedPolicy
from sigma.rule import SigmaDetection, SigmaDetections, SigmaRule, SigmaRuleBase
from sigma.rule.detection import SigmaDetectionItem

from detector.detect.rules.documents import Document
from detector.detect.rules.fields import no_field, resolve
from detector.errors import Fault

Loc = tuple[int | str, ...]

PLACES: Final[dict[type[Exception], Loc]] = {
    wrong.SigmaTitleError: ("title",),
    wrong.SigmaIdentifierError: ("id",),
    wrong.SigmaNameError: ("name",),
    wrong.SigmaLevelError: ("level",),
    wrong.SigmaStatusError: ("status",),
    wrong.SigmaDateError: ("date",),
    wrong.SigmaModifiedError: ("modified",),
    wrong.SigmaTagError: ("tags",),
    wrong.SigmaRelatedError: ("related",),
    wrong.SigmaReferencesError: ("references",),
    wrong.SigmaFalsePositivesError: ("falsepositives",),
    wrong.SigmaDescriptionError: ("description",),
    wrong.SigmaAuthorError: ("author",),
    wrong.SigmaFieldsError: ("fields",),
    wrong.SigmaScopeError: ("scope",),
    wrong.SigmaLogsourceError: ("logsource",),
    wrong.SigmaTimespanError: ("correlation", "timespan"),
    wrong.SigmaCorrelationTypeError: ("correlation", "type"),
    wrong.SigmaCorrelationConditionError: ("correlation", "condition"),
    wrong.SigmaCorrelationRuleError: ("correlation",),
    wrong.SigmaFilterError: ("filter",),
    wrong.SigmaConditionError: ("detection", "condition"),
    wrong.SigmaDetectionError: ("detection",),
}
"""Where pySigma's complaint belongs; the most special class comes first."""

MALFORMED: Final = (wrong.SigmaError, ParseException, TypeError, AttributeError, KeyError, ValueError)
"""What pySigma raises on documents of a form it did not think of, besides its own errors.

Its `TrustedPolicy` only means that Python's `re` looks at regular expressions: they run on Rust's engine, which
is checked as well, and RE2 would write to standard error.
"""

SPELLINGS: Final = {"utf16le": "wide"}
"""Modifiers of the specification that pySigma knows by another name only; `any` is what a list means anyway."""


ESCAPED_PERCENT: Final = "\ue000"
"""Stands for `\\%` of the specification, a per cent that begins no placeholder: pySigma takes it for one."""


def respelled(definition: Any) -> Any:
    """Give a detection with what pySigma does not know written its way."""
    if isinstance(definition, Mapping):
        return {_key(key): _value(key, value) for key, value in definition.items()}
    return [respelled(one) for one in definition] if isinstance(definition, list) else definition


def _key(key: Any) -> Any:
    if not isinstance(key, str) or "|" not in key:
        return key
    field, *modifiers = key.split("|")
    return "|".join([field, *(SPELLINGS.get(one, one) for one in modifiers if one != "any")])


def _value(key: Any, value: Any) -> Any:
    if "expand" not in str(key).split("|")[1:]:
        return respelled(value)
    if isinstance(value, list):
        return [_value(key, one) for one in value]
    return value.replace("\\%", ESCAPED_PERCENT) if isinstance(value, str) else value


def parse(document: Document, *, mapped: bool = False) -> tuple[SigmaRuleBase | None, list[Fault]]:
    """Parse a document; faults with their lines, and None where there is nothing to work with.

    The fields of one that is `mapped` are not ours yet.
    """
    data = deepcopy(document.data)
    section = "filter" if "filter" in data else "detection"
    faults: list[Fault] = []
    kind: Any = SigmaRule
    if "correlation" in data:
        kind = SigmaCorrelationRule
        data = _one_bound(data)
    else:
        faults = [*item_faults(document, section, mapped=mapped)]
        if section not in data:
            return None, [document.fault([], "has neither detection, nor correlation, nor filter")]
        if faults := faults or [*_form_faults(document, section, mapped=mapped)]:
            return None, faults
        data[section] = respelled(data[section])
        kind = SigmaFilter if section == "filter" else SigmaRule
    try:
        parsed: SigmaRuleBase = kind.from_dict(data, collect_errors=True, policy=TrustedPolicy)
    except MALFORMED as fault:
        return None, faults or [_located(document, fault)]
    said = {fault.message for fault in faults}  # the walk over the items knew the lines
    blamed = (_located(document, fault) for fault in parsed.errors)
    return parsed, [*faults, *(fault for fault in blamed if fault.message not in said)]


def _form_faults(document: Document, section: str, *, mapped: bool) -> Iterator[Fault]:
    """Yield faults of a form that pySigma would stumble over, or not see at all."""
    taxonomy = document.data.get("taxonomy", "sigma")
    if not mapped and taxonomy not in {"sigma", "ecs"}:
        yield document.fault(["taxonomy"], f"taxonomy {taxonomy!r} needs a processing pipeline that maps it")
    detections = document.data[section]
    if isinstance(detections, Mapping) and "condition" in detections:
        condition = detections["condition"]
        listed = condition if isinstance(condition, list) else [condition]
        if not listed or not all(isinstance(one, str) and one.strip() for one in listed):
            yield document.fault([section, "condition"], f"a condition is a text, {condition!r} came")


def _one_bound(data: dict[str, Any]) -> dict[str, Any]:
    """Show pySigma only the first of several bounds: it knows one, a range is read by us."""
    correlation = data.get("correlation")
    condition = correlation.get("condition") if isinstance(correlation, dict) else None
    if isinstance(correlation, dict) and isinstance(condition, dict):
        bounds = [key for key in condition if key not in {"field", "percentile"}]
        correlation["condition"] = {key: condition[key] for key in condition if key not in bounds[1:]}
    return data


def located(document: Document, fault: Exception, loc: Loc) -> Fault:
    """Make a fault of an exception, at `loc`."""
    return document.fault(loc, Exception.__str__(fault) or type(fault).__name__)


def _located(document: Document, fault: Exception) -> Fault:
    place: Loc = next((loc for kind, loc in PLACES.items() if isinstance(fault, kind)), ())
    if place[:1] == ("detection",) and "filter" in document.data:
        place = ("filter", *place[1:])
    return located(document, fault, place)


def as_rule(parsed: SigmaFilter) -> SigmaRule:
    """Give a filter the form of a rule, as which it is transformed and compiled."""
    return SigmaRule(title=parsed.title, logsource=parsed.logsource, detection=parsed.filter)


def blamed(
    document: Document, section: str, fault: Exception, tried: Callable[[SigmaRule], object], *, mapped: bool
) -> list[Fault]:
    """Find the items of a rule at which trying it fails: one after the other is tried as the only one.

    Where all fail alike it is the rule that does.
    """
    count = 0

    def check(item: SigmaDetectionItem) -> None:
        nonlocal count
        count += 1
        parsed, _ = parse(document, mapped=mapped)
        rule = as_rule(parsed) if isinstance(parsed, SigmaFilter) else parsed
        if isinstance(rule, SigmaRule):
            tried(replace(rule, detection=SigmaDetections({"item": SigmaDetection([item])}, ["item"])))

    found = [*item_faults(document, section, check, mapped=mapped)]
    alike = len(found) == count > 1 and len({one.message for one in found}) == 1
    return [located(document, fault, (section,))] if alike or not found else found


Checker = Callable[[SigmaDetectionItem], None]
"""Looks at one item, a field with its values, and raises what is wrong with it."""


def item_faults(
    document: Document, section: str, check: Checker | None = None, *, mapped: bool = False
) -> Iterator[Fault]:
    """Yield what is wrong with each item of a rule's detections, in the line where it stands."""
    detections = document.data.get(section)
    if not isinstance(detections, Mapping):
        return
    for name, definition in detections.items():
        if name not in {"condition", "rules"} or (name == "rules" and section == "detection"):
            for loc, key, value in _items((section, name), definition):
                if mapped or _has_field(key):
                    yield from _item(document, loc, key, value, check)
                else:
                    yield document.fault(loc, no_field(str(key).split("|")[0]))


def _has_field(key: Any) -> bool:
    field = str(key).split("|")[0]
    return not field or resolve(field) is not None


def _items(loc: Loc, definition: Any) -> Iterator[tuple[Loc, Any, Any]]:
    if isinstance(definition, list):
        for place, one in enumerate(definition):
            if isinstance(one, Mapping | list):
                yield from _items((*loc, place), one)
    elif isinstance(definition, Mapping):
        for key, value in definition.items():
            yield (*loc, key), key, value


def _item(document: Document, loc: Loc, key: Any, value: Any, check: Checker | None) -> Iterator[Fault]:
    field, *modifiers = str(key).split("|")
    if value == []:
        yield document.fault(loc, "a list of values is required, an empty one came")
        return
    if not field and {"startswith", "endswith"} & set(modifiers):
        yield document.fault(loc, "a keyword is searched anywhere in a line: it neither starts nor ends it")
        return
    try:
        item = SigmaDetectionItem.from_mapping(_key(key), _value(key, value), policy=TrustedPolicy)
        if check is not None:
            check(item)
    except MALFORMED as fault:
        yield located(document, fault, loc)
