"""Make signals of matches: who, since when, how many, and one sentence in plain words."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from detector.detect.rules.correlate import Match
from detector.detect.rules.fields import resolve
from detector.detect.rules.spec import PREVIOUS, Rule
from detector.language import Words
from detector.schema import EVENT, REASON, RISK, SIGNAL

MAX_RELATED = 100

_SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_COPIED = ("portal.network", "portal.client", "source.geo.country_iso_code")
_ALWAYS = ("@timestamp", "user.name", "source.ip", *_COPIED, "log.file.path", "log.offset")
_BRACES = r"\{([^{}]+)\}"


def signals(rule: Rule, matches: Sequence[Match], events: pl.DataFrame, words: Words) -> pl.DataFrame:
    """Describe a rule's matches. Shapes: m matches at rows of `events` -> m rows in `schema.SIGNAL`."""
    if not matches:
        return pl.DataFrame(schema=SIGNAL)
    found = events.select(_shown(rule, words))[[match.row for match in matches]].rows(named=True)
    told = [_signal(rule, match, event, words) for match, event in zip(matches, found, strict=True)]
    plain = {name: dtype for name, dtype in SIGNAL.items() if name != "portal.reasons"}
    described = pl.DataFrame({name: [one[name] for one in told] for name in plain}, schema=plain)
    reasons = [_reason(rule, match, one["signal.text"], words) for match, one in zip(matches, told, strict=True)]
    fields = {field.name: field.dtype for field in REASON.fields}
    flat = pl.DataFrame({name: [one[name] for one in reasons] for name in fields}, schema=fields)
    listed = flat.select(pl.concat_list(pl.struct(list(fields))).alias("portal.reasons"))
    return described.with_columns(listed.to_series())


def _shown(rule: Rule, words: Words) -> list[str]:
    """Name the columns that a rule's signals and its message speak of."""
    spoken = {_column(name) for name in re.findall(_BRACES, _message(rule, words))} & set(EVENT)
    return [*_ALWAYS, *sorted(spoken - set(_ALWAYS))]


def _signal(rule: Rule, match: Match, event: Mapping[str, Any], words: Words) -> dict[str, Any]:
    names = [_column(name) for name in rule.correlation.group_names] if rule.correlation else []
    grouped = dict(zip(names, match.key, strict=True)) if rule.correlation else {}
    shown = {**event, **grouped, **{PREVIOUS + name: value for name, value in match.previous.items()}}
    user = shown["user.name"] if not rule.correlation or "user.name" in grouped or len(match.users) == 1 else None
    source = shown["source.ip"]
    text = sentence(rule, match, shown, words)
    return {
        "@timestamp": event["@timestamp"],
        "signal.start": datetime.fromtimestamp(match.start_us / 1e6, UTC),
        "signal.came": None if match.came_us is None else datetime.fromtimestamp(match.came_us / 1e6, UTC),
        "signal.kind": "rule",
        "rule.id": rule.id,
        "rule.name": rule.title,
        "rule.version": rule.version,
        "rule.level": rule.level,
        "signal.key": _key(rule, match, event),
        "signal.risk": RISK[rule.level],
        "user.name": user,
        "source.ip": source,
        "related.user": list(match.users[:MAX_RELATED]),
        "related.ip": list(match.addresses[:MAX_RELATED]),
        "threat.technique.id": list(rule.techniques),
        "threat.tactic.id": list(rule.tactics),
        **{name: event[name] for name in _COPIED},
        "signal.count": int(match.count),
        "signal.text": text,
    }


def _column(name: str) -> str:
    column = resolve(name)
    return column.name if column else name


def _key(rule: Rule, match: Match, event: Mapping[str, Any]) -> str:
    if rule.correlation is not None:
        return " ".join(f"{name}={value}" for name, value in zip(rule.correlation.group_names, match.key, strict=True))
    parts = [f"{name}={value}" for name, value in zip(rule.custom.per, match.key, strict=True) if value is not None]
    if rule.mute_us == 0:  # then several rows of one moment may match
        parts.append(f"event={event['log.file.path']}:{event['log.offset']}")
    return " ".join(parts)


def threshold(rule: Rule) -> float:
    """Give the number that the count had to reach."""
    if rule.correlation is None:
        return 1.0
    if rule.correlation.measures:
        return rule.correlation.measures[0].bounds.expected
    return float(len(rule.correlation.ways[0][0]))


def sentence(rule: Rule, match: Match, shown: Mapping[str, Any], words: Words) -> str:
    """Write the rule's message with its numbers and the event's fields filled in."""
    numbers = {
        "count": words.write(match.count, "g"),
        "threshold": words.write(threshold(rule), "g"),
        "title": rule.title,
        "timespan": timespan(rule.correlation.span_us, words) if rule.correlation else "",
    }

    def filled(found: re.Match[str]) -> str:
        name = found[1]
        if name in numbers:
            return numbers[name]
        value = shown.get(_column(name))
        return words.say("rule.unknown") if value is None else words.name(f"{_column(name)}.{value}", str(value))

    return re.sub(_BRACES, filled, _message(rule, words))


def _message(rule: Rule, words: Words) -> str:
    return rule.said_in(words.language).message or _plain(rule, words)


def _plain(rule: Rule, words: Words) -> str:
    if rule.correlation is None:
        return words.say("rule.event")
    who = ", ".join(f"{name} {{{name}}}" for name in rule.correlation.group_names)
    return words.say("rule.counted", groups=f" ({who})" if who else "")


def timespan(span_us: int, words: Words) -> str:
    """Write a time span in words: `10 minutes`."""
    seconds = span_us // 1_000_000
    size, name = next((size, name) for size, name in _SPANS if seconds % size == 0)
    return words.say(f"span.{name}", count=seconds // size)


def _reason(rule: Rule, match: Match, text: str, words: Words) -> dict[str, Any]:
    return {
        "feature": rule.title,
        "observed": match.count,
        "expected": threshold(rule),
        "unit": rule.said_in(words.language).unit or _unit(rule, words),
        "surprise": None,
        "history_days": None,
        "baseline": None,
        "text": text,
    }


def _unit(rule: Rule, words: Words) -> str:
    if rule.correlation is None or not rule.correlation.measures:
        return words.say("unit.rules" if rule.correlation else "unit.events")
    first = rule.correlation.measures[0]
    if first.kind == "event_count":
        return words.say("unit.events")
    fields = ", ".join(first.fields)
    return words.say("unit.distinct", fields=fields) if first.kind == "value_count" else fields
