"""Tell a person how a run went: counts, the worst incidents, what was not read, what to be careful of."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from detector.clock import rfc3339
from detector.emit.alert import Alert
from detector.emit.alert.plain import printable
from detector.language import Words
from detector.schema import LEVELS
from detector.telemetry import Telemetry

MAX_SHOWN: Final = 10

STYLES: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "informational": "dim"}


def summarize(
    telemetry: Telemetry, alerts: Sequence[Alert], words: Words, *, learned: bool, console: Console | None = None
) -> None:
    """Write the summary on standard error; colours only where it is a terminal and NO_COLOR is not set."""
    console = console or _console()
    tell_reading(telemetry, console, words)
    console.print(_text(_verdict(telemetry, learned, words), "bold"))
    if alerts:
        _worst(alerts, console, words)
    for reason, what in telemetry.muted.items():
        console.print(_text(words.say("summary.muted", events=what["events"], reason=reason)))
    tell_warnings(telemetry, console, words)


def tell_reading(telemetry: Telemetry, console: Console | None = None, words: Words | None = None) -> None:
    """Write what was read and what was not: the part of the summary that `parse` has too; in English without `words`.

    Why a line was not read, and how a format was told, is the program's own log: English.
    """
    console, words = console or _console(), words or Words.of("en")
    for stream, (_, why) in sorted(telemetry.formats.items()):
        console.print(_text(f"{stream}: {why}"))
    console.print(_text(_counts(telemetry, words)))
    for reason, count in telemetry.rejects_by_reason.most_common(MAX_SHOWN):
        console.print(_text(words.say("summary.rejects", lines=count, reason=reason)))


def tell_warnings(telemetry: Telemetry, console: Console | None = None, words: Words | None = None) -> None:
    """Write what may make the result misleading."""
    console, words = console or _console(), words or Words.of("en")
    for warned in telemetry.warnings.values():
        console.print(_text(words.say("summary.warning", text=warned.text), "bold yellow"))


def worst(alerts: Sequence[Alert], most: int = MAX_SHOWN) -> list[Alert]:
    """Return the gravest alert of each incident, gravest incidents first."""
    gravest: dict[str, Alert] = {}
    for alert in alerts:
        known = gravest.get(alert.incident_id)
        if known is None or (alert.state != "closed" and _gravity(alert) > _gravity(known)):
            gravest[alert.incident_id] = alert
    ranked = sorted(gravest.values(), key=lambda one: (*(-n for n in _gravity(one)), one.timestamp, one.id))
    return ranked[:most]


def _console() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def _gravity(alert: Alert) -> tuple[int, float, int]:
    return LEVELS.index(alert.level), alert.risk, alert.subjects_count


def _text(line: str, style: str = "") -> Text:
    return Text(printable(line), style=style)  # never markup: hostile text stands in it


def _counts(telemetry: Telemetry, words: Words) -> str:
    span = ""
    if telemetry.first_event and telemetry.last_event:
        ends = {"first": rfc3339(telemetry.first_event), "last": rfc3339(telemetry.last_event)}
        span = words.say("summary.span", **ends)
    return words.say(
        "summary.counts",
        lines=telemetry.lines,
        seconds=telemetry.seconds,
        speed=telemetry.lines / max(telemetry.seconds, 1e-3),
        events=telemetry.events,
        accounts=telemetry.accounts,
        rejects=telemetry.rejects,
        late=telemetry.late,
        span=span,
    )


def _verdict(telemetry: Telemetry, learned: bool, words: Words) -> str:
    if learned:
        return words.say("summary.learned")
    by_level = ", ".join(
        words.say("tile.level", incidents=telemetry.alerts[level], level=words.name(f"level.{level}", level))
        for level in reversed(LEVELS)
        if telemetry.alerts[level]
    )
    levels = by_level or words.say("summary.no_alert")
    return words.say("summary.opened", opened=telemetry.incidents["opened"], levels=levels)


def _worst(alerts: Sequence[Alert], console: Console, words: Words) -> None:
    """Write two or three lines an incident: what it is about, how it began, how grave it became."""
    opening = {alert.incident_id: alert.message for alert in alerts if alert.state == "opened"}
    last = {alert.incident_id: alert for alert in alerts}
    for alert in worst(alerts):
        end = last[alert.incident_id]
        who = alert.account or alert.source_ip or "-"
        state = words.name(f"state.{end.state}", end.state)
        told = {"state": state, "at": rfc3339(end.timestamp), "since": rfc3339(end.start)}
        console.print(
            _text(f"{words.name(f'level.{alert.level}', alert.level).upper()} {who}", STYLES[alert.level]),
            _text(words.say("summary.incident", persons=end.subjects_count, **told)),
        )
        for said in dict.fromkeys((opening.get(alert.incident_id, alert.message), alert.message)):
            console.print(_text(f"  {said}"))
