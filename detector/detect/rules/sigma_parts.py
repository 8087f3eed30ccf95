"""Hand documents to pySigma and say in which line its complaints belong."""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from pyparsing import ParseException
from sigma import exceptions as wrong
from sigma.correlations import SigmaCorrelationRule
from sigma.filters import SigmaFilter
from sigma.modifiers import modifier_mapping
from sigma.policy.profiles import TrustedPolicy
from sigma.rule import SigmaDetection, SigmaDetections, SigmaRule, SigmaRuleBase
from sigma.rule.detection import SigmaDetectionItem

from detector.detect.rules.documents import Document
from detector.detect.rules.fields import no_field, resolve
from detector.detect.rules.form import form_faults
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

_NOTHING: Final = {"nothing": {"c-ip": "0"}, "condition": "nothing"}

SOUND: Final[dict[str, Any]] = {
    "correlation": {"type": "event_count", "rules": ["nothing"], "timespan": "1m", "condition": {"gte": 1}},
    "filter": {"rules": ["nothing"], **_NOTHING},
    "detection": _NOTHING,
}
"""For each kind of document a section without fault."""

_INCOMPATIBLE: Final = re.compile("Modifier (Sigma.*Modifier) incompatible to value type of (.*)", re.DOTALL)

KINDS: Final[dict[str, Any]] = {"correlation": SigmaCorrelationRule, "filter": SigmaFilter, "detection": SigmaRule}

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
    section = next((name for name in SOUND if name in data), None)
    if section is None:
        return None, [document.fault([], "has neither detection, nor correlation, nor filter")]
    faults = [*form_faults(document, mapped=mapped)]
    if section != "correlation":
        faults += item_faults(document, section, mapped=mapped)
    if faults:  # pySigma is shown something sound instead, and says what else is wrong
        data = {name: value for name, value in data.items() if name != "tags"} | {section: SOUND[section]}
    elif section == "correlation":
        data = _one_bound(data)
    else:
        data[section] = respelled(data[section])
    try:
        parsed: SigmaRuleBase = KINDS[section].from_dict(data, collect_errors=True, policy=TrustedPolicy)
    except MALFORMED as fault:
        return None, faults or [_located(document, fault)]
    return None if faults else parsed, [*faults, *(_located(document, fault) for fault in parsed.errors)]


def _one_bound(data: dict[str, Any]) -> dict[str, Any]:
    """Show pySigma only the first of several bounds: it knows one, a range is read by us."""
    correlation = data.get("correlation")
    condition = correlation.get("condition") if isinstance(correlation, dict) else None
    if isinstance(correlation, dict) and isinstance(condition, dict):
        bounds = [key for key in condition if key not in {"field", "percentile"}]
        correlation["condition"] = {key: condition[key] for key in condition if key not in bounds[1:]}
    return data


def located(document: Document, fault: Exception, loc: Loc) -> Fault:
    """Make a fault of an exception, at `loc`; a modifier by its own name, not by that of pySigma's class."""
    told = Exception.__str__(fault) or type(fault).__name__
    refused = _INCOMPATIBLE.fullmatch(told)
    if refused and (name := next((name for name, one in modifier_mapping.items() if one.__name__ == refused[1]), None)):
        told = f"modifier {name} does not take {refused[2]}"
    return document.fault(loc, told)


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

    def check(item: SigmaDetectionItem) -> None:
        parsed, _ = parse(document, mapped=mapped)
        rule = as_rule(parsed) if isinstance(parsed, SigmaFilter) else parsed
        if isinstance(rule, SigmaRule):
            tried(replace(rule, detection=SigmaDetections({"item": SigmaDetection([item])}, ["item"])))

    found = [*item_faults(document, section, check, mapped=mapped)]
    items = len([*_all_items(document, section)])
    alike = len(found) == items > 1 and len({one.message for one in found}) == 1
    return [located(document, fault, (section,))] if alike or not found else found


Checker = Callable[[SigmaDetectionItem], None]
"""Looks at one item, a field with its values, and raises what is wrong with it."""


def item_faults(
    document: Document, section: str, check: Checker | None = None, *, mapped: bool = False
) -> Iterator[Fault]:
    """Yield what is wrong with each item of a rule's detections, in the line where it stands."""
    for loc, key, value in _all_items(document, section):
        if mapped or _has_field(key):
            yield from _item(document, loc, key, value, check)
        else:
            yield document.fault(loc, no_field(str(key).split("|")[0]))


def _all_items(document: Document, section: str) -> Iterator[tuple[Loc, Any, Any]]:
    detections = document.data.get(section)
    for name, definition in detections.items() if isinstance(detections, Mapping) else ():
        if name not in {"condition", "rules"} or (name == "rules" and section == "detection"):
            yield from _items((section, name), definition)


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
    if fault := _refusal(key, value, check):
        alone = [_refusal(key, one, check) for one in value] if isinstance(value, list) else []
        places = [place for place, one in enumerate(alone) if one is not None and str(one) == str(fault)]
        wrong = [(*loc, place) for place in places] if len(places) < len(alone) else []
        yield from (located(document, fault, one) for one in wrong or [loc])


def _refusal(key: Any, value: Any, check: Checker | None) -> Exception | None:
    """Return what is wrong with an item, or with one value of it."""
    try:
        item = SigmaDetectionItem.from_mapping(_key(key), _value(key, value), policy=TrustedPolicy)
        if check is not None:
            check(item)
    except MALFORMED as fault:
        return fault
    return None
