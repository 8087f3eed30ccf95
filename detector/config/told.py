"""Say what is wrong with a configuration: the keys as they stand in it, what is required, and what came."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import ValidationError

from detector.config.section import Loc, Section
from detector.config.whole import Config

SHOWN: Final = 60
"""Characters of what came, at most."""

SECRET: Final[tuple[Loc, ...]] = (("sinks",), ("portal", "key"))
"""Where a secret may stand by mistake: of texts in the place of other texts, nothing is shown there."""

_REQUIRED: Final = {
    "missing": "a value is required",
    "invalid_key": "a text is required",
    "greater_than": "more than {gt:g} is required",
    "greater_than_equal": "{ge:g} or more is required",
    "less_than": "less than {lt:g} is required",
    "less_than_equal": "{le:g} or less is required",
    "literal_error": "{expected} is required",
    "string_too_short": "a text of {min_length} characters or more is required",
    "string_too_long": "a text of {max_length} characters or less is required",
    "string_pattern_mismatch": "a text that fits {pattern} is required",
    "too_short": "a list of {min_length} or more is required",
    "union_tag_invalid": "one of {expected_tags} is required",
    "union_tag_not_found": "a key {discriminator} is required",
    "value_error": "{error}",
}
"""By pydantic's type of an error, with its context."""

_KINDS: Final = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "string": "a text",
    "path": "a path",
    "date": "a day such as 2027-01-31",
    "tuple": "a list",
    "dict": "a mapping",
    "model": "a mapping",
}
"""By how the type begins: int_type, int_parsing, int_from_float."""

_OF_NO_TEXT: Final = ("literal", "greater", "less", "bool", "int", "float", "finite", "date")
"""Where something else than a text is required, a secret does not stand by mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One of pydantic's errors. `at` are the keys that lead to the value.

    Where a value may have several forms, there are errors of each: `form` is which, `of` the keys that lead to it.
    """

    at: Loc
    error: Mapping[str, Any]
    form: str = ""
    of: Loc = ()

    @property
    def misses_the_form(self) -> bool:
        """Whether the value is nothing of this form, so that it was hardly meant."""
        return self.at == self.of and self.error["type"].endswith(("_type", "literal_error"))

    @property
    def required(self) -> str:
        """Say what is required."""
        kind, context = self.error["type"], self.error.get("ctx", {})
        if kind == "extra_forbidden":
            return f"no such key; there may be {', '.join(_like(self.error['loc']))}"
        if kind in _REQUIRED:
            return _REQUIRED[kind].format_map(context)
        required = _KINDS.get(kind.partition("_")[0]) or self.error["msg"].removeprefix("Input should be ")
        return f"{required} is required"

    @property
    def came(self) -> str:
        """Say what came, in short; nothing where that is said already."""
        kind, value = self.error["type"], self.error["input"]
        if kind == "extra_forbidden" or (kind == "value_error" and repr(value) in self.required):
            return ""
        if kind == "missing":
            return "nothing"
        if kind == "union_tag_invalid":
            value = self.error["ctx"]["tag"]
        elif any(self.at[: len(one)] == one for one in SECRET) and not kind.startswith(_OF_NO_TEXT):
            return _shape(value)
        return _shown(value) or _shape(value)


def wrong(invalid: ValidationError, tree: Any) -> Iterator[tuple[Loc, str]]:
    """Yield the keys that lead to each value at fault, and what is wrong with it: of the form that was meant."""
    found = [_placed(tree, error) for error in invalid.errors(include_url=False)]
    deeper = {one.at[:length] for one in found for length in range(len(one.at))}
    values: dict[tuple[Loc, int], list[Wrong]] = {}
    for number, one in enumerate(found):
        if one.error["type"] == "too_short" and one.at in deeper:
            continue  # entries at fault were not counted
        values.setdefault((one.of, -1) if one.form else (one.at, number), []).append(one)
    for of_one in values.values():
        yield from _told([one for one in of_one if not one.misses_the_form] or of_one)


def _told(meant: Sequence[Wrong]) -> Iterator[tuple[Loc, str]]:
    """Yield each fault of the one form that was meant; where it may be any of several, what each requires."""
    if len({one.form for one in meant}) == 1:
        yield from ((one.at, _said([one.required], one.came)) for one in meant)
    else:
        yield meant[0].of, _said([one.required for one in meant], meant[0].came)


def _said(required: Sequence[str], came: str) -> str:
    end = " is required"
    *firsts, last = dict.fromkeys(required)
    told = " or ".join(filter(None, (", ".join(one.removesuffix(end) for one in firsts), last)))
    return f"{told}, {came} came" if came else told


def _placed(tree: Any, error: Mapping[str, Any]) -> Wrong:
    """Find in the file what pydantic names, which also names forms and kinds of sinks that it tried."""
    at, value = list[int | str](), tree
    form, depth = "", 0
    for place, step in enumerate(error["loc"]):
        if place == len(at) and isinstance(value, Mapping) and step == value.get("kind"):
            continue
        inside = _inside(value, step)
        if inside is not None:
            key, value = inside
            at.append(key)
        elif error["type"] == "missing" and place == len(error["loc"]) - 1:
            at.append(step)
        elif step != "[key]" and not form:
            form, depth = str(step), len(at)
    if error["type"] == "union_tag_invalid":
        at.append(error["ctx"]["discriminator"].strip("'"))
    return Wrong(at=tuple(at), error=error, form=form, of=tuple(at[:depth]) if form else ())


def _inside(value: Any, step: int | str) -> tuple[Any, Any] | None:
    """Return the key and what is under it."""
    if isinstance(value, Mapping):
        return next(((key, one) for key, one in value.items() if key == step or str(key) == str(step)), None)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return step, value[step]
    return None


def _like(loc: Loc) -> list[str]:
    """Return the keys that may stand in the place of one that may not: those like it, if there are any; else all."""
    sections: list[type[Section]] = [Config]
    for step in loc[:-1]:
        inside = [one.model_fields[str(step)].annotation for one in sections if step in one.model_fields]
        of_kind = [one for one in sections if "kind" in one.model_fields and one.model_fields["kind"].default == step]
        sections = [one for annotation in inside for one in _sections(annotation)] or of_kind or sections
    keys = [key for one in sections for key in one.model_fields]
    return get_close_matches(str(loc[-1]), keys) or keys


def _sections(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [one for part in get_args(annotation) for one in _sections(part)]


def _shown(value: Any) -> str:
    """Write a value that is no list and no mapping."""
    if value is None or isinstance(value, Mapping | list | tuple):
        return ""
    told = str(value).lower() if isinstance(value, bool) else repr(value)
    return told if len(told) <= SHOWN else f"{told[:SHOWN]}..."


def _shape(value: Any) -> str:
    """Say what a value is, without what it holds."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        keys = ", ".join(map(str, value))
        return f"a mapping of {keys[:SHOWN]}" if keys else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    return "a text" if isinstance(value, str) else "a number"
