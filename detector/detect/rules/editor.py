"""Generate the JSON Schema with which editors check and complete rule files while they are written.

It knows every field and modifier. What needs the other files (references, cycles) is left to `detector check`.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from sigma.modifiers import modifier_mapping

from detector.detect.rules.attack import TACTICS
from detector.detect.rules.fields import ALIASES, DERIVED, UNLOGGED
from detector.detect.rules.sigma_parts import SPELLINGS
from detector.detect.rules.spec import BETWEEN, COUNTS, OPERATORS
from detector.schema import EVENT, LEVELS

FILE: Final = "rule.schema.json"
STATUSES: Final = ("stable", "test", "experimental", "deprecated", "unsupported")
CORRELATIONS: Final = (*COUNTS, "temporal", "temporal_ordered")

_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_ONE_OR_MORE: Final = {"oneOf": [_TEXT, _TEXTS]}
_DAY: Final = {"type": "string", "pattern": "^[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}$"}
_SPAN: Final = {"type": "string", "pattern": "^[0-9]+[smhdwMy]$"}


def schema() -> dict[str, Any]:
    """Give the schema of one document of a rule file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sigma rule of Portal Detector",
        "type": "object",
        "required": ["title"],
        "properties": {**_said(), "detection": _detection(), "filter": _detection(), "correlation": _correlation(),
                       "custom": _custom()},
        "oneOf": [{"required": ["detection", "logsource"]}, {"required": ["correlation"]}, {"required": ["filter"]}],
    }  # fmt: skip


def _said() -> dict[str, Any]:
    tags = "^(attack\\.(t[0-9]{4}(\\.[0-9]{3})?|" + "|".join(map(re.escape, TACTICS)) + ")|[a-z0-9_-]+\\..+)$"
    return {
        "title": {"type": "string", "maxLength": 256},
        "id": {"type": "string", "format": "uuid"},
        "name": {"type": "string", "minLength": 1},
        "status": {"enum": list(STATUSES)},
        "level": {"enum": list(LEVELS)},
        "description": _TEXT,
        "author": _TEXT,
        "date": _DAY,
        "modified": _DAY,
        "references": _TEXTS,
        "falsepositives": _TEXTS,
        "tags": {"type": "array", "items": {"type": "string", "pattern": tags}},
        "logsource": {"type": "object", "properties": dict.fromkeys(("category", "product", "service"), _TEXT)},
    }


def _field_pattern() -> str:
    names = sorted({*EVENT, *ALIASES, *DERIVED, *UNLOGGED})
    modifiers = sorted({*modifier_mapping, *SPELLINGS, "any"})
    either = "|".join(map(re.escape, names))
    return f"^({either})?(\\|({'|'.join(modifiers)}))*$"


def _detection() -> dict[str, Any]:
    fields = {"type": "object", "patternProperties": {_field_pattern(): {}}, "additionalProperties": False}
    keywords = {"type": ["string", "number"]}
    listed = {"type": "array", "items": {"anyOf": [fields, keywords]}}
    return {
        "type": "object",
        "required": ["condition"],
        "properties": {"condition": _ONE_OR_MORE, "rules": _ONE_OR_MORE},
        "additionalProperties": {"anyOf": [fields, listed, keywords]},
    }


def _bounds(suffixes: tuple[str, ...] = ("",)) -> dict[str, Any]:
    return {f"{name}{suffix}": {"type": "number"} for name in OPERATORS for suffix in suffixes}


def _correlation() -> dict[str, Any]:
    percentile = {"type": "integer", "minimum": 1, "maximum": 100}
    counted = {"field": _ONE_OR_MORE, "percentile": percentile, **_bounds()}
    return {
        "type": "object",
        "required": ["type", "timespan"],
        "properties": {
            "type": {"enum": list(CORRELATIONS)},
            "rules": _ONE_OR_MORE,
            "group-by": _ONE_OR_MORE,
            "timespan": _SPAN,
            "generate": {"type": "boolean"},
            "aliases": {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": _TEXT}},
            "condition": {"oneOf": [_TEXT, {"type": "object", "properties": counted, "additionalProperties": False}]},
        },
        "additionalProperties": False,
    }


def _custom() -> dict[str, Any]:
    lasting = {name: {"oneOf": [number, _SPAN]} for name, number in _bounds().items()}
    also = {"type": {"enum": [*COUNTS, *BETWEEN]}, "field": _ONE_OR_MORE, "rules": _ONE_OR_MORE, "timespan": _SPAN,
            "percentile": {"type": "integer"}, "min_km": {"type": "number", "minimum": 0}, **_bounds(("_times",)),
            **lasting}  # fmt: skip
    test = {"name": _TEXT, "alerts": {"type": "integer", "minimum": 0}, "events": {"type": "array"}}
    return {
        "type": "object",
        "properties": {
            "runbook": _TEXTS,
            "message": _TEXT,
            "unit": _TEXT,
            "fr": _closed({"message": _TEXT, "unit": _TEXT, "runbook": _TEXTS}, []),
            "mute": _SPAN,
            "per": _ONE_OR_MORE,
            "output": {"type": "boolean"},
            "version": {"type": ["string", "number"]},
            "placeholders": {"type": "object", "additionalProperties": _ONE_OR_MORE},
            "context": _ONE_OR_MORE,
            "cancel_on": _ONE_OR_MORE,
            "gap": _SPAN,
            "cap": {"type": "integer", "minimum": 1},
            "leak": _SPAN,
            "previous": _ONE_OR_MORE,
            "for": _ONE_OR_MORE,
            "reason": _TEXT,
            "until": _DAY,
            "also": {"type": "array", "items": _closed(also, ["type"])},
            "tests": {"type": "array", "items": _closed(test, list(test))},
        },
        "additionalProperties": False,
    }


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def write(folder: Path) -> None:
    """Write the schema into `folder`, where editors find it."""
    (folder / FILE).write_text(json.dumps(schema(), indent=2) + "\n", "utf-8")
