"""Make shapes of a template: literal text and variables, as servers' configurations describe their log lines."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from detector.collect.formats import combined
from detector.collect.formats.shape import Pattern, Shape, nanoseconds, value
from detector.collect.formats.trailing import Role, Trailing
from detector.errors import DetectorError

Holds = Literal[
    "address", "peer", "forwarded_for", "user", "session", "time", "request", "method", "target", "path", "query",
    "version", "status", "bytes", "referrer", "agent", "domain", "seconds", "milliseconds", "microseconds", "other",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a template: literal text, or a variable and what it holds."""

    literal: str = ""
    holds: Holds | None = None
    kind: str = ""
    """Of a time stamp: the kind it is written in."""


_SESSION_COOKIE: Final = re.compile(r"(?i)sess|sid|token|jwt|auth|id$")
_REGEX: Final[dict[str, str]] = {
    "clf": r"\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
    "iso": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)",
    "epoch": r"\d+(?:\.\d+)?",
    "epoch_s": r"\d+",
    "epoch_ms": r"\d+",
    "status": r"\d{3}|-",
    "method": r"[A-Z][A-Z_-]*|-",
    "bytes": r"\d+|-",
    "seconds": r"[\d.]+|-",
    "milliseconds": r"[\d.]+|-",
    "microseconds": r"\d+|-",
}
_STRFTIME: Final = dict.fromkeys(("%m", "%d", "%H", "%M", "%S", "%y"), r"\d\d") | {
    "%Y": r"\d{4}",
    "%e": r"[ \d]\d",
    "%b": "[A-Za-z]{3}",
    "%T": r"\d\d:\d\d:\d\d",
    "%F": r"\d{4}-\d\d-\d\d",
    "%z": r"[+-]\d\d:?\d\d",
    "%.f": r"\.\d+",
}
_CHARACTER: Final = r'(?:[^"\\]|\\.)'
"""One character, or an escape: a quote alone ends the text it stands in."""
_UNQUOTED: Final = {
    "forwarded_for": r'[^\s,"]*(?:, ?[^\s,"]+)*',
    "user": rf'(?:-|(?:[^-"\\]|-[^ "\\]|\\.){_CHARACTER}*?)?',
}
"""What a client has a hand in, where no quotes end it: a list has spaces behind its commas only, and a name does not
begin with `- `. Else a header with a space would push every field one place on: an address and a name of its choice."""
_FREE: Final = {"user", "request", "agent", "referrer", "forwarded_for", "target", "path", "query", "time"}
"""What may hold spaces even where the template puts no quotes around it."""


def holds_session(name: str, *, cookie: bool) -> bool:
    """Say whether a variable of this name holds a session: a cookie of the language does not, nor a request's id."""
    return _SESSION_COOKIE.search(name) is not None if cookie else "session" in name.lower()


def demand(names: Container[str | None], what: str, example: str) -> None:
    """Raise a `DetectorError` where a template lacks what no event can do without."""
    if what not in names:
        raise DetectorError(f"the template holds no time stamp; required: one such as {example}")


def shapes(name: str, parts: Sequence[Part], kinds: tuple[str, ...]) -> tuple[Shape, ...]:
    """Return the shapes of a template. Raises: `DetectorError` when it holds no time stamp."""
    parts = _merged([part for part in parts if part.literal or part.holds])
    demand({part.holds for part in parts}, "time", "$time_local (nginx) or %t (Apache)")
    return _as_combined(name, parts) or (_pattern(name, parts, kinds),)


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Join literals, and the pieces of a time stamp that is written in several (`%{%s}t.%{msec_frac}t`)."""
    merged: list[Part] = []
    for part in parts:
        before = merged[-1] if merged else None
        if before and before.holds is None and part.holds is None:
            merged[-1] = Part(literal=before.literal + part.literal)
        elif part.holds == "time" and (at := _piece_before(merged)) is not None:
            between = merged[at + 1].literal if at + 1 < len(merged) else ""
            kind = merged[at].kind + between + part.kind
            merged[at:] = [Part(holds="time", kind=kind.replace(".%3f", "%.f").replace(".%6f", "%.f"))]
        else:
            merged.append(part)
    return merged


def _piece_before(merged: Sequence[Part]) -> int | None:
    for back in (1, 2):
        if len(merged) >= back and merged[-back].holds == "time" and "%" in merged[-back].kind:
            return len(merged) - back
    return None


_COMBINED: Final = re.compile(
    r"(?P<host>\0domain\0(?::\0other\0)? )?\0address\0 (?:-|\0other\0) \0user\0 \[\0time\0\] "
    r'"\0request\0" \0status\0 \0bytes\0 "\0referrer\0" "\0agent\0"'
    r'(?P<tail>(?: (?:[\w.-]+=)?(?:\0\w+\0|"\0\w+\0"))*)'
)
_ROLES: Final[dict[str, Role]] = {
    "session": "session",
    "seconds": "duration",
    "milliseconds": "milliseconds",
    "microseconds": "microseconds",
    "forwarded_for": "forwarded_for",
}


def _as_combined(name: str, parts: Sequence[Part]) -> tuple[Shape, ...] | None:
    """Recognise the combined format with fields behind it: it has a fast shape of its own."""
    match = _COMBINED.fullmatch("".join(f"\0{part.holds}\0" if part.holds else part.literal for part in parts))
    if match is None or next(part.kind for part in parts if part.holds == "time") != "clf":
        return None
    roles = tuple(_ROLES.get(holds, "other") for holds in re.findall(r"\0(\w+)\0", match["tail"]))
    return combined.shapes(name, client=True, host=match["host"] is not None, trailing=Trailing(roles=roles))


def _pattern(name: str, parts: Sequence[Part], kinds: tuple[str, ...]) -> Pattern:
    regex, groups = "^", dict[str, str]()
    for at, part in enumerate(parts):
        if part.holds is None:
            regex += re.escape(part.literal)
            continue
        before = parts[at - 1] if at else Part()
        after = parts[at + 1].literal if at + 1 < len(parts) else ""
        regex += f"(?P<v{at}>{_of(part, before, after)})"
        groups.setdefault(part.holds, f"v{at}")
    time = next(part for part in parts if part.holds == "time")
    return Pattern(
        name=name,
        regex=regex + " *$",
        fields=_fields(groups),
        kinds=kinds or (time.kind,),
        time=pl.col(groups["time"]),
        request=groups.get("request"),
        escaped=True,
    )


def _of(part: Part, before: Part, after: str) -> str:
    """Return the expression of what a variable may hold, by what it is and by what stands around it."""
    if part.holds == "time":
        return _REGEX.get(part.kind) or _of_strftime(part.kind)
    if part.holds in _REGEX:
        return _REGEX[part.holds or ""]
    if before.literal.endswith('"') and after.startswith('"'):
        return rf"{_CHARACTER}*"
    if before.literal.endswith("[") and after.startswith("]"):
        return r"[^\]]*"
    if part.holds == "query" and before.holds == "path":
        return rf"(?:\?{_CHARACTER}*?)?"
    if after[:1] not in {"", " ", '"'}:
        return f"[^{re.escape(after[0])}]*?"
    if part.holds in _UNQUOTED:
        return _UNQUOTED[part.holds]
    return rf"{_CHARACTER}*?" if part.holds in _FREE else r"\S*"


def _of_strftime(kind: str) -> str:
    """Return the expression of what a time stamp of this pattern looks like."""
    pieces = re.split(r"(%\.?[-_0-9]?[A-Za-z])", kind)
    return "".join(_STRFTIME.get(one, r"\S+") if one.startswith("%") else re.escape(one) for one in pieces)


def _fields(groups: dict[str, str]) -> dict[str, pl.Expr]:
    plain = {
        "address": "source.ip", "forwarded_for": "portal.forwarded_for", "user": "user.name",
        "session": "portal.session", "method": "http.request.method", "target": "url.original",
        "status": "http.response.status_code", "bytes": "http.response.body.bytes", "domain": "url.domain",
        "referrer": "http.request.referrer", "agent": "user_agent.original",
    }  # fmt: skip
    fields = {column: pl.col(groups[holds]) for holds, column in plain.items() if holds in groups}
    if "address" not in groups and "peer" in groups:
        fields["source.ip"] = pl.col(groups["peer"])
    if "version" in groups:
        fields["http.version"] = value(pl.col(groups["version"])).str.strip_prefix("HTTP/")
    if "path" in groups and "target" not in groups:
        fields["url.original"] = pl.col(groups["path"]) + _query(groups)
    for unit, per_second in (("seconds", 1.0), ("milliseconds", 1e3), ("microseconds", 1e6)):
        if unit in groups:
            fields["event.duration"] = nanoseconds(pl.col(groups[unit]), per_second)
    return fields


def _query(groups: dict[str, str]) -> pl.Expr:
    if "query" not in groups:
        return pl.lit("")
    query = value(pl.col(groups["query"])).str.strip_prefix("?")
    return pl.when(query.is_not_null()).then("?" + query).otherwise(pl.lit(""))
