"""Find faults of form that pySigma does not see, stumbles over, or blames on another line."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final

from detector.detect.rules.custom import duration_us
from detector.detect.rules.documents import Document
from detector.detect.rules.spec import OPERATORS
from detector.errors import Fault

EMPTY: Final[tuple[Any, ...]] = ({}, [], None, "")


def is_number(value: object) -> bool:
    """Whether a value can be compared with a count."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def form_faults(document: Document, *, mapped: bool) -> Iterator[Fault]:
    """Yield the faults of a document's form; the fields of one that is `mapped` are not ours yet."""
    data = document.data
    yield from _tags(document, data.get("tags"))
    taxonomy = data.get("taxonomy", "sigma")
    if not mapped and taxonomy not in {"sigma", "ecs"}:
        yield document.fault(["taxonomy"], f"taxonomy {taxonomy!r} needs a processing pipeline that maps it")
    if "correlation" in data:
        yield from _counted(document, data["correlation"])
    else:
        section = "filter" if "filter" in data else "detection"
        yield from _patterns(document, section, data.get(section))


def _tags(document: Document, tags: Any) -> Iterator[Fault]:
    for place, tag in enumerate(tags if isinstance(tags, list) else ()):
        if not isinstance(tag, str) or "." not in tag:
            yield document.fault(["tags", place], f"a tag has a namespace, such as attack.t1110, {tag!r} came")


def _patterns(document: Document, section: str, patterns: Any) -> Iterator[Fault]:
    if not isinstance(patterns, Mapping):
        return
    for name, pattern in patterns.items():
        if name not in {"condition", "rules"} and pattern in EMPTY:
            yield document.fault([section, str(name)], f"{name!r} asks for nothing: it would hold on every event")
    if "condition" in patterns:
        condition = patterns["condition"]
        listed = condition if isinstance(condition, list) else [condition]
        if not listed or not all(isinstance(one, str) and one.strip() for one in listed):
            yield document.fault([section, "condition"], f"a condition is a text, {condition!r} came")


def _counted(document: Document, correlation: Any) -> Iterator[Fault]:
    if not isinstance(correlation, Mapping):
        return
    if "timespan" in correlation:
        try:
            duration_us(correlation["timespan"])
        except ValueError as fault:
            yield document.fault(["correlation", "timespan"], str(fault))
    yield from _bounded(document, correlation, ["correlation", "condition"])


def _bounded(document: Document, correlation: Mapping[str, Any], where: list[str]) -> Iterator[Fault]:
    condition = correlation.get("condition")
    if not isinstance(condition, Mapping):
        return
    for key, value in condition.items():
        if key in OPERATORS and not is_number(value):
            yield document.fault([*where, key], f"{key} needs a number, {value!r} came")
        elif key not in {*OPERATORS, "field", "percentile"}:
            yield document.fault([*where, str(key)], f"unknown key {key!r} in a condition")
    kind = correlation.get("type")
    if str(kind).startswith("value_") and "field" not in condition:
        yield document.fault(where, f"{kind} needs a field")
