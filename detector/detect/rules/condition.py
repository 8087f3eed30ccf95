"""Compile a pySigma condition tree to a tree of questions; say plainly what cannot be asked."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    CompareOperators,
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from detector.config import telling
from detector.detect.rules.fields import ALSO, CANONICAL, SEARCHED, Column, no_field, resolve
from detector.detect.rules.predicate import Kind, Leaf, Not, Tree, every, some
from detector.detect.rules.sigma_parts import ESCAPED_PERCENT

MULTI, SINGLE = SpecialChars.WILDCARD_MULTI, SpecialChars.WILDCARD_SINGLE

_OPERATORS: dict[CompareOperators, Kind] = {
    CompareOperators.LT: "below",
    CompareOperators.LTE: "at_most",
    CompareOperators.GT: "above",
    CompareOperators.GTE: "at_least",
}
_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
RANGES = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "week": (1, 53), "month": (1, 12), "year": (1, 9999)}
"""The first and last value of each part of a time; weeks are those of ISO 8601."""


class UnsupportedError(ValueError):
    """A construct that would silently never match; the rule is refused."""


class Compiler:
    """Compile the conditions of one rule.

    `placeholders` are the values of `%name%` for the `expand` modifier; `zone` is the local time that
    the time modifiers read.
    """

    def __init__(self, *, zone: str, placeholders: Mapping[str, list[str]]) -> None:
        self.zone = zone
        self.placeholders = placeholders

    def compile(self, node: Any) -> Tree:
        """Compile a condition. Raises: `UnsupportedError` naming the construct."""
        match node:
            case ConditionAND():
                return every([self.compile(part) for part in node.args])
            case ConditionOR():
                return some([self.compile(part) for part in node.args])
            case ConditionNOT():
                return Not(self.compile(node.args[0]))
            case ConditionFieldEqualsValueExpression():
                return self.value(node.field, node.value)
            case ConditionValueExpression():
                return self.keyword(node.value)
        raise UnsupportedError(f"condition part {type(node).__name__} is not supported")

    def value(self, field: str, value: SigmaType) -> Tree:
        """Compile the question whether `field` holds `value`."""
        column = resolve(field)
        if column is None:
            raise UnsupportedError(no_field(field))
        if isinstance(value, SigmaExpansion):
            return some([self.value(field, one) for one in value.values])
        if isinstance(value, SigmaCompareExpression) and value.op is CompareOperators.NEQ:
            return Not(self.value(field, value.number))
        if isinstance(value, SigmaString | SigmaRegularExpression):
            return self._written(field, column, value)
        return self._typed(column, value)

    def _written(self, field: str, column: Column, value: SigmaString | SigmaRegularExpression) -> Tree:
        columns = [column]
        other = resolve(ALSO.get(field.lower(), ""))
        if other is not None and str(value):
            columns.append(other)
        return some([_pattern(one, text) for one in columns for text in self._expanded(value)])

    def keyword(self, value: SigmaType) -> Tree:
        """Compile the question whether any text of the line holds `value`."""
        if isinstance(value, SigmaExpansion):
            return some([self.keyword(one) for one in value.values])
        if isinstance(value, SigmaNumber):
            value = SigmaString(str(value))
        if isinstance(value, SigmaString) and not value.s:
            raise UnsupportedError("a keyword is required, an empty text came")
        found: list[Tree] = []
        for name in SEARCHED:
            column = resolve(name)
            if column is None:
                raise UnsupportedError(f"no field {name!r}")
            if not isinstance(value, SigmaRegularExpression | SigmaString):
                raise UnsupportedError(f"a keyword cannot be a {type(value).__name__}")
            texts = self._expanded(value)
            found += [
                _pattern(column, one if isinstance(one, SigmaRegularExpression) else _within(one)) for one in texts
            ]
        return some(found)

    def _typed(self, column: Column, value: SigmaType) -> Tree:
        name = column.name
        match value:
            case SigmaNull():
                return Leaf(column=name, kind="null")
            case SigmaExists():
                there = Leaf(column=name, kind="exists")
                return there if value.exists else Not(there)
            case SigmaBool():
                return _boolean(column, value.boolean)
            case SigmaTimestampPart():
                return self._part(column, value)
            case SigmaNumber():
                return _number(column, value.number)
            case SigmaCompareExpression():
                _require_number(column)
                return Leaf(column=name, kind=_OPERATORS[value.op], values=(value.number.number,))
            case SigmaCIDRExpression():
                if column.dtype != pl.String:
                    raise UnsupportedError(f"modifier cidr needs an address, {name} is {column.dtype}")
                return Leaf(column=name, kind="cidr", values=(str(value.network),))
            case SigmaFieldReference():
                return _reference(column, value)
        raise UnsupportedError(f"a value of type {type(value).__name__} is not supported")

    def _part(self, column: Column, value: SigmaTimestampPart) -> Tree:
        unit = value.timestamp_part.name.lower()
        if not isinstance(column.dtype, pl.Datetime):
            raise UnsupportedError(f"modifier {unit} needs a time, {column.name} is {column.dtype}")
        first, last = RANGES[unit]
        if not first <= value.number <= last:
            raise UnsupportedError(f"modifier {unit} goes from {first} to {last}, {value.number} came")
        return Leaf(column=column.name, kind="part", values=(value.number,), option=f"{unit}@{self.zone}")

    def _expanded(self, value: Any) -> list[Any]:
        if not value.contains_placeholder():
            return [value]
        return list(value.replace_placeholders(_lookup(self.placeholders)))


def _lookup(placeholders: Mapping[str, list[str]]) -> Callable[[Placeholder], Iterator[str]]:
    def values(placeholder: Placeholder) -> Iterator[str]:
        if placeholder.name not in placeholders:
            raise UnsupportedError(
                f"placeholder %{placeholder.name}% has no values, under custom.placeholders or in a pipeline"
            )
        yield from placeholders[placeholder.name]

    return values


def _within(value: SigmaString) -> SigmaString:
    """Put wildcards around a keyword: it is searched anywhere in the text."""
    if not value.startswith(MULTI):
        value = MULTI + value
    return value if value.endswith(MULTI) else value + MULTI


def _pattern(column: Column, value: SigmaString | SigmaRegularExpression) -> Tree:
    return _text(column, value) if isinstance(value, SigmaString) else _regex(column.name, value)


def _text(column: Column, value: SigmaString) -> Tree:
    cased = isinstance(value, SigmaCasedString)
    parts = [part.replace(ESCAPED_PERCENT, "%") if isinstance(part, str) else part for part in value.s]
    match parts:
        case []:
            return Leaf(column=column.name, kind="blank")
        case [str(text)]:
            return _number_or(column, text, cased)
        case [part] if part is MULTI:
            return Leaf(column=column.name, kind="exists")
        case [first, str(text), last] if first is MULTI and last is MULTI:
            return Leaf(column=column.name, kind="contains", values=(text,), cased=cased)
        case [str(text), last] if last is MULTI:
            return Leaf(column=column.name, kind="starts", values=(text,), cased=cased)
        case [first, str(text)] if first is MULTI:
            return Leaf(column=column.name, kind="ends", values=(text,), cased=cased)
    flags = "(?s)" if cased else "(?is)"
    return Leaf(column=column.name, kind="regex", values=(flags + _glob(parts),), option=_longest(parts))


def _longest(parts: list[Any]) -> str:
    return max((part for part in parts if isinstance(part, str)), key=len, default="")


def _glob(parts: list[Any]) -> str:
    shown = {MULTI: ".*", SINGLE: "."}
    return r"\A" + "".join(re.escape(part) if isinstance(part, str) else shown[part] for part in parts) + r"\z"


def _number_or(column: Column, text: str, cased: bool) -> Leaf:
    if column.dtype.is_numeric() and re.fullmatch(r"-?\d+", text):
        return Leaf(column=column.name, kind="number", values=(int(text),))
    known = CANONICAL.get(column.name)
    if known is not None and text.lower() not in known:
        raise UnsupportedError(f"{column.name} is one of {', '.join(known)}, {text!r} came")
    return Leaf(column=column.name, kind="equals", values=(text,), cased=cased)


def _regex(name: str, value: SigmaRegularExpression) -> Leaf:
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    pattern = (f"(?{flags})" if flags else "") + str(value.regexp.to_plain_regex()).replace(ESCAPED_PERCENT, "%")
    try:
        pl.Series([""]).str.contains(pattern, strict=True)
    except pl.exceptions.ComputeError as fault:
        raise UnsupportedError(f"regular expression {pattern!r} is none of Rust's engine: {telling(fault)}") from None
    return Leaf(column=name, kind="regex", values=(pattern,))


def _boolean(column: Column, value: bool) -> Leaf:
    if column.dtype == pl.Boolean:
        return Leaf(column=column.name, kind="boolean", values=(value,))
    return Leaf(column=column.name, kind="equals", values=(str(value).lower(),))


def _number(column: Column, value: int | float) -> Leaf:
    if column.dtype.is_numeric():
        return Leaf(column=column.name, kind="number", values=(value,))
    return Leaf(column=column.name, kind="equals", values=(str(value),))


def _require_number(column: Column) -> None:
    if column.logged and not column.dtype.is_numeric():
        raise UnsupportedError(f"lt, lte, gt and gte need a number, {column.name} is {column.dtype}")


def _reference(column: Column, value: SigmaFieldReference) -> Leaf:
    if resolve(value.field) is None:
        raise UnsupportedError(f"no field {value.field!r}, which fieldref names")
    mode = {(True, True): "contains", (True, False): "starts", (False, True): "ends"}.get(
        (value.starts_with, value.ends_with), "equals"
    )
    return Leaf(column=column.name, kind="field", values=(value.field,), option=mode)
