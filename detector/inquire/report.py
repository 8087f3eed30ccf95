"""Write a run as one HTML page that needs nothing else: the incidents, their reasons, the health of the run."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from typing import Final

from detector.clock import rfc3339
from detector.emit.alert import Alert, Reason
from detector.emit.alert.plain import printable
from detector.emit.summary import worst
from detector.telemetry import Telemetry

MAX_INCIDENTS: Final = 500

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.5rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere }
article { border: 1px solid var(--line); border-left: .4rem solid gray; border-radius: .4rem; padding: .6rem 1rem;
  margin: 1rem 0 }
.critical { border-left-color: #b00020 } .high { border-left-color: #e2571e } .medium { border-left-color: #d9a400 }
.warning { background: #d9a40033; padding: .5rem 1rem; border-radius: .4rem }
.meta { opacity: .75; font-size: .85rem }
"""

# The page runs no script and asks no server, whatever a hostile user name tries.
_HEAD: Final = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>Portal detector: report</title>
<style>{_STYLE}</style></head><body>
"""


def write_report(telemetry: Telemetry, alerts: Sequence[Alert]) -> str:
    """Return the page. Everything that came from a log is escaped."""
    by_incident = sorted(alerts, key=lambda one: one.incident_id)
    turns = {key: list(group) for key, group in groupby(by_incident, key=lambda one: one.incident_id)}
    shown = worst(alerts, MAX_INCIDENTS)
    left_out = len(turns) - len(shown)
    return "".join(
        [
            _HEAD,
            "<h1>Report of a run</h1>",
            *(f'<p class="warning">{_safe(one.text)}</p>' for one in telemetry.warnings.values()),
            f"<h2>Incidents: {len(turns)}</h2>",
            *(_incident(alert, turns[alert.incident_id]) for alert in shown),
            f"<p>{left_out} less grave incidents are not shown.</p>" if left_out else "",
            "" if turns else "<p>None.</p>",
            "<h2>Health</h2>",
            _table(("figure", "value"), _health(telemetry)),
            "<h2>Lines that could not be read</h2>",
            _table(("reason", "lines"), telemetry.rejects_by_reason.most_common()),
            "</body></html>\n",
        ]
    )


def _safe(value: object) -> str:
    return escape(printable(str(value)))


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th>{_safe(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else "<p>None.</p>"


def _incident(alert: Alert, turns: Sequence[Alert]) -> str:
    last = max(turns, key=lambda one: one.timestamp)
    who = alert.account or alert.source_ip or "-"
    return (
        f'<article class="{alert.level}"><h3>{_safe(who)}: {_safe(alert.message)}</h3>'
        f'<p class="meta">{alert.level}, risk {alert.risk:.0f}; {last.state};'
        f" {rfc3339(last.start)} to {rfc3339(last.end)}; {last.subjects_count:,} insured persons displayed by then;"
        f" incident {_safe(alert.incident_id)}; {_safe(', '.join(alert.techniques))}</p>"
        f"{_table(('feature', 'observed', 'expected', 'unit', 'surprise', 'baseline'), map(_row, last.reasons))}"
        f"{_table(('turn', 'when', 'rule', 'what'), map(_turn, turns))}"
        f"<p>{_safe(alert.next_step)}</p></article>"
    )


def _row(reason: Reason) -> tuple[object, ...]:
    known = "" if reason.history_days is None else f" of {reason.history_days} days"
    return (
        f"{reason.feature}: {reason.text}",
        _number(reason.observed),
        _number(reason.expected),
        reason.unit or "",
        _number(reason.surprise),
        f"{reason.baseline}{known}" if reason.baseline else "",
    )


def _turn(alert: Alert) -> tuple[object, ...]:
    return alert.state, rfc3339(alert.timestamp), alert.rule_name, alert.message


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def _health(telemetry: Telemetry) -> list[tuple[str, object]]:
    wanted = ("lines", "events", "rejects", "late", "accounts", "seconds", "lines_per_s", "peak_rss_bytes")
    stats = telemetry.stats()
    rows: list[tuple[str, object]] = [(name, f"{stats[name]:,}") for name in wanted]
    rows += [("first event", stats["first_event"]), ("last event", stats["last_event"])]
    rows += [(f"format of {stream}", f"{name}: {why}") for stream, (name, why) in telemetry.formats.items()]
    return rows
