"""Turn one question into a Polars expression over one column; an absent value never answers yes."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final

import polars as pl

from detector.detect.rules.fields import CANONICAL, Column, resolve
from detector.detect.rules.predicate import Leaf

PARTS: Final[dict[str, Callable[[pl.Expr], pl.Expr]]] = {
    "minute": lambda time: time.dt.minute(),
    "hour": lambda time: time.dt.hour(),
    "day": lambda time: time.dt.day(),
    "week": lambda time: time.dt.week(),
    "month": lambda time: time.dt.month(),
    "year": lambda time: time.dt.year(),
}
"""Sigma's time modifiers."""

_COMPARE: Final[dict[str, Callable[[pl.Expr, Any], pl.Expr]]] = {
    "below": lambda column, value: column < value,
    "at_most": lambda column, value: column <= value,
    "above": lambda column, value: column > value,
    "at_least": lambda column, value: column >= value,
}


def dear(leaf: Leaf, dtype: pl.DataType) -> bool:
    """Tell whether a question is worth asking of unique values only."""
    if leaf.kind in {"contains", "ends", "regex", "cidr"}:
        return True
    return leaf.kind in {"equals", "starts"} and not (leaf.cased or leaf.column in CANONICAL or dtype != pl.String)


def express(leaf: Leaf, column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Give the Boolean expression, without nulls, that answers `leaf` over `column`."""
    match leaf.kind:
        case "null":
            return column.is_null()
        case "exists":
            return column.is_not_null()
        case "blank":
            return column.is_null() | (_text(column, dtype) == "")
    return _asked(leaf, column, dtype).fill_null(False)


def _asked(leaf: Leaf, column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    match leaf.kind:
        case "number":
            whole = all(isinstance(value, int) for value in leaf.values)
            return (column if whole else column.cast(pl.Float64)).is_in(list(leaf.values))
        case "below" | "at_most" | "above" | "at_least":
            return _COMPARE[leaf.kind](column, leaf.values[0])
        case "boolean":
            return column == bool(leaf.values[0])
        case "part":
            unit, _, zone = leaf.option.partition("@")
            return PARTS[unit](column.dt.convert_time_zone(zone)).is_in(list(leaf.values))
        case "field":
            return _field(leaf, _text(column, dtype))
        case "cidr":
            return _cidr(tuple(str(value) for value in leaf.values), _text(column, dtype))
    return _pattern(leaf, _text(column, dtype))


def _text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return column if dtype == pl.String else column.cast(pl.String)


def _pattern(leaf: Leaf, text: pl.Expr) -> pl.Expr:
    values = [str(value) for value in leaf.values]
    match leaf.kind:
        case "equals" if leaf.cased or leaf.column in CANONICAL:
            return text.is_in(values if leaf.cased else [value.lower() for value in values])
        case "equals":
            return text.str.to_lowercase().is_in([value.lower() for value in values])
        case "starts" if leaf.cased and len(values) == 1:
            return text.str.starts_with(values[0])
        case "contains" if all(value.isascii() for value in values) or leaf.cased:
            return text.str.contains_any(values, ascii_case_insensitive=not leaf.cased)
        case "regex":
            return text.str.contains("|".join(f"(?:{value})" for value in values))
    return text.str.contains(_joined(leaf, values))


def _joined(leaf: Leaf, values: list[str]) -> str:
    flags = "(?s)" if leaf.cased else "(?is)"
    inner = "|".join(re.escape(value) for value in values)
    before = r"\A" if leaf.kind == "starts" else ""
    after = r"\z" if leaf.kind == "ends" else ""
    return f"{flags}{before}(?:{inner}){after}"


def _field(leaf: Leaf, text: pl.Expr) -> pl.Expr:
    other_column: Column | None = resolve(str(leaf.values[0]))
    if other_column is None:
        raise ValueError(f"no field {leaf.values[0]!r}")
    other = _text(other_column.expression(), other_column.dtype)
    if not leaf.cased:
        text, other = text.str.to_lowercase(), other.str.to_lowercase()
    match leaf.option:
        case "starts":
            return text.str.starts_with(other)
        case "ends":
            return text.str.ends_with(other)
        case "contains":
            return text.str.contains(other, literal=True)
    return text == other


def _cidr(networks: tuple[str, ...], text: pl.Expr) -> pl.Expr:
    parsed = [ip_network(network) for network in networks]
    answers: list[pl.Expr] = []
    four = [network for network in parsed if isinstance(network, IPv4Network)]
    if four:
        answers.append(text.str.contains(r"\A(?:" + "|".join(map(_dotted, four)) + r")\z"))
    six = [network for network in parsed if isinstance(network, IPv6Network)]
    if six:
        answers.append(_six(six, text))
    return pl.any_horizontal(answers)


def _dotted(network: IPv4Network) -> str:
    """Write an IPv4 network as a pattern over dotted addresses."""
    octets = str(network.network_address).split(".")
    whole, rest = divmod(network.prefixlen, 8)
    shown = [re.escape(octet) for octet in octets[:whole]]
    if rest:
        first = int(octets[whole])
        shown.append("(?:" + "|".join(str(octet) for octet in range(first, first + (1 << (8 - rest)))) + ")")
    shown += [r"\d{1,3}"] * (4 - len(shown))
    return r"\.".join(shown)


def _six(networks: list[IPv6Network], text: pl.Expr) -> pl.Expr:
    # IPv6 text has too many spellings for a pattern; `cidr` is dear, so these are unique values only.
    def inside(values: pl.Series) -> pl.Series:
        answers = [value is not None and _within(value, networks) for value in values]
        return pl.Series(values.name, answers, dtype=pl.Boolean)

    return text.map_batches(inside, return_dtype=pl.Boolean)


def _within(value: str, networks: list[IPv6Network]) -> bool:
    if ":" not in value:
        return False
    try:
        address = ip_address(value)
    except ValueError:
        return False
    return any(address in network for network in networks)
