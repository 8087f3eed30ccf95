"""Tell a person how a run went: counts, the worst incidents, what was not read, what to be careful of."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from detector.clock import rfc3339
from detector.emit.alert import Alert
from detector.emit.alert.plain import printable
from detector.schema import LEVELS
from detector.telemetry import Telemetry

MAX_SHOWN: Final = 10

STYLES: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "informational": "dim"}


def summarize(telemetry: Telemetry, alerts: Sequence[Alert], *, learned: bool, console: Console | None = None) -> None:
    """Write the summary on standard error; colours only where it is a terminal and NO_COLOR is not set."""
    console = console or _console()
    tell_reading(telemetry, console)
    console.print(_text(_verdict(telemetry, learned), "bold"))
    if alerts:
        _worst(alerts, console)
    for reason, what in telemetry.muted.items():
        console.print(_text(f"  kept from rules: {_number(what['events'], 'event')}: {reason}"))
    tell_warnings(telemetry, console)


def tell_reading(telemetry: Telemetry, console: Console | None = None) -> None:
    """Write what was read and what was not: the part of the summary that `parse` has too."""
    console = console or _console()
    for stream, (_, why) in sorted(telemetry.formats.items()):
        console.print(_text(f"{stream}: {why}"))
    console.print(_text(_counts(telemetry)))
    for reason, count in telemetry.rejects_by_reason.most_common(MAX_SHOWN):
        console.print(_text(f"  not read: {_number(count, 'line')}: {reason}"))


def tell_warnings(telemetry: Telemetry, console: Console | None = None) -> None:
    """Write what may make the result misleading."""
    console = console or _console()
    for warned in telemetry.warnings.values():
        console.print(_text(f"WARNING: {warned.text}", "bold yellow"))


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


def _counts(telemetry: Telemetry) -> str:
    span = ""
    if telemetry.first_event and telemetry.last_event:
        span = f", {rfc3339(telemetry.first_event)} to {rfc3339(telemetry.last_event)}"
    seconds = telemetry.seconds
    speed = telemetry.lines / max(seconds, 1e-3)
    return (
        f"{_number(telemetry.lines, 'line')} in {seconds:,.1f} s ({speed:,.0f} a second):"
        f" {_number(telemetry.events, 'event')} of {_number(telemetry.accounts, 'account')},"
        f" {telemetry.rejects:,} not read, {telemetry.late:,} late{span}"
    )


def _verdict(telemetry: Telemetry, learned: bool) -> str:
    if learned:
        return "Learned; a clean history raises nothing."
    opened = telemetry.incidents["opened"]
    by_level = ", ".join(f"{telemetry.alerts[level]} {level}" for level in reversed(LEVELS) if telemetry.alerts[level])
    return f"{_number(opened, 'incident')} opened; alerts: {by_level or 'none'}"


def _worst(alerts: Sequence[Alert], console: Console) -> None:
    """Write two or three lines an incident: what it is about, how it began, how grave it became."""
    opening = {alert.incident_id: alert.message for alert in alerts if alert.state == "opened"}
    last = {alert.incident_id: alert for alert in alerts}
    for alert in worst(alerts):
        end = last[alert.incident_id]
        who = alert.account or alert.source_ip or "-"
        console.print(
            _text(f"{alert.level.upper()} {who}", STYLES[alert.level]),
            _text(
                f"{end.state} {rfc3339(end.timestamp)}, evidence from {rfc3339(end.start)} on,"
                f" {_number(end.subjects_count, 'insured person')} displayed by then"
            ),
        )
        for said in dict.fromkeys((opening.get(alert.incident_id, alert.message), alert.message)):
            console.print(_text(f"  {said}"))


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
