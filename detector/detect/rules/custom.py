"""Read a rule's `custom` key; the list of what may stand there is `spec.Custom`."""

import sys
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from sigma.correlations import SigmaCorrelationTimespan
from sigma.exceptions import SigmaTimespanError

from detector.detect.rules.documents import Document
from detector.detect.rules.fields import resolve
from detector.detect.rules.said import Said
from detector.detect.rules.spec import Custom, Proof
from detector.errors import Fault

SECOND_US = 1_000_000
MAX_REPEAT = 100_000
"""Events that a test makes of one at most."""

OF_CORRELATIONS = ("also", "context", "cancel_on", "gap", "cap", "leak", "previous")
OF_EVENTS = ("per", "placeholders")
OF_FILTERS = ("for", "reason", "until")


def duration_us(text: object) -> int:
    """Read a time span such as `10m`; `0s` is none. Raises: ValueError."""
    if text == "0s" or (text == 0 and text is not False):
        return 0
    try:
        return SigmaCorrelationTimespan(str(text)).seconds * SECOND_US
    except SigmaTimespanError as fault:
        raise ValueError(f"{fault} Required: a number and one of s, m, h, d, w, M, y") from None


def custom(document: Document) -> tuple[Custom, list[Fault]]:
    """Read the `custom` key of a document."""
    data = document.data.get("custom", {})
    if not isinstance(data, Mapping):
        return Custom(), [document.fault(["custom"], "custom is a mapping")]
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for key, value in data.items():
        if key == "tests":
            values[key], found = _proofs(document, value)
            faults += found
            continue
        if key not in _READERS:
            known = ", ".join(sorted({*_READERS, "tests"}))
            faults.append(document.fault(["custom", str(key)], f"custom has no key {key!r}, it may have {known}"))
            continue
        if whose := _owner(key, document.data):
            faults.append(document.fault(["custom", key], f"only {whose} has custom.{key}"))
            continue
        name, reader = _READERS[key]
        try:
            values[name] = reader(value)
        except ValueError as fault:
            faults.append(document.fault(["custom", key], f"custom.{key}: {fault}"))
    return Custom(**values), faults


def _owner(key: str, data: Mapping[str, Any]) -> str | None:
    """Name what alone has a key, where that is something else than this document."""
    if key in OF_FILTERS and "filter" not in data:
        return "a filter"
    if key in OF_EVENTS and "correlation" in data:
        return "a rule of single events"
    return "a correlation" if key in OF_CORRELATIONS and "correlation" not in data else None


def _day(value: object) -> date:
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"a day such as 2027-01-31 is required, {value!r} came") from None


def _words(value: object) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ValueError(f"a list of texts is required, {value!r} came")
    return tuple(listed)


def _word(value: object) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError(f"a text is required, {value!r} came")
    return str(value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false is required, {value!r} came")
    return value


def _is_count(value: object, *, least: int, most: int = sys.maxsize) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _count(value: object) -> int:
    if not isinstance(value, int) or not _is_count(value, least=1):
        raise ValueError(f"a whole number from 1 is required, {value!r} came")
    return value


def _columns(value: object) -> tuple[str, ...]:
    names = []
    for name in _words(value):
        column = resolve(name)
        if column is None:
            raise ValueError(f"no field {name!r}")
        names.append(column.name)
    return tuple(names)


def _placeholders(value: object) -> dict[str, list[str]]:
    if not isinstance(value, Mapping):
        raise ValueError("a mapping of names to lists of values is required")
    return {str(name): list(_words(values)) for name, values in value.items()}


def _mappings(value: object) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise ValueError("a list of mappings is required")
    return tuple(value)


def _said(value: object) -> Said:
    if not isinstance(value, Mapping) or (unknown := set(value) - set(_SAID)):
        came = f"{', '.join(sorted(map(str, unknown)))}" if isinstance(value, Mapping) else repr(value)
        raise ValueError(f"a mapping with {', '.join(_SAID)} is required, {came} came")
    return Said(**{key: read(value[key]) for key, read in _SAID.items() if key in value})


_SAID: dict[str, Callable[[object], Any]] = {"message": _word, "unit": _word, "runbook": _words}

_READERS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "runbook": ("runbook", _words),
    "message": ("message", _word),
    "unit": ("unit", _word),
    "fr": ("fr", _said),
    "mute": ("mute_us", duration_us),
    "per": ("per", _columns),
    "output": ("output", _truth),
    "version": ("version", _word),
    "placeholders": ("placeholders", _placeholders),
    "also": ("also", _mappings),
    "context": ("context", _words),
    "cancel_on": ("cancel_on", _words),
    "gap": ("gap_us", duration_us),
    "cap": ("cap", _count),
    "leak": ("leak_us", duration_us),
    "previous": ("previous", _columns),
    "for": ("only_for", _words),
    "reason": ("reason", _word),
    "until": ("until", _day),
}


def _proofs(document: Document, value: object) -> tuple[tuple[Proof, ...], list[Fault]]:
    if not isinstance(value, list):
        return (), [document.fault(["custom", "tests"], "custom.tests is a list")]
    proofs: list[Proof] = []
    faults: list[Fault] = []
    for place, test in enumerate(value):
        loc: list[str | int] = ["custom", "tests", place]
        if not isinstance(test, Mapping) or set(test) != {"name", "events", "alerts"}:
            faults.append(document.fault(loc, "a test has exactly name, events and alerts"))
            continue
        found = [*_event_faults(document, [*loc, "events"], test["events"])]
        if not _is_count(test["alerts"], least=0):
            found.append(document.fault([*loc, "alerts"], f"alerts is a whole number, {test['alerts']!r} came"))
        faults += found
        if not found:
            line = document.fault(loc, "").line
            proofs.append(Proof(name=str(test["name"]), events=tuple(test["events"]), alerts=test["alerts"], line=line))
    return tuple(proofs), faults


def _event_faults(document: Document, loc: list[str | int], events: object) -> list[Fault]:
    if not isinstance(events, list) or not all(isinstance(event, Mapping) for event in events):
        return [document.fault(loc, "events is a list of mappings of fields to values")]
    told = (
        (place, name, _event_fault(name, value)) for place, event in enumerate(events) for name, value in event.items()
    )
    return [document.fault([*loc, place, str(name)], message) for place, name, message in told if message]


def _event_fault(name: object, value: object) -> str | None:
    """Say what is wrong with one key of an event; whether a value fits its field shows when the test runs."""
    if name == "repeat":
        wrong = not _is_count(value, least=1, most=MAX_REPEAT)
        return f"repeat is a whole number from 1 to {MAX_REPEAT:,}, {value!r} came" if wrong else None
    if name == "every":
        try:
            duration_us(value)
        except ValueError as fault:
            return str(fault)
        return None
    return f"no field {name!r}" if resolve(str(name)) is None else None
