"""Write an alert as one line for people: a terminal, a chat, a log that is only read."""

from datetime import datetime

from detector.clock import rfc3339
from detector.emit.alert import who
from detector.emit.alert.plain import listed, printable
from detector.emit.alert.record import WHOLE, Alert, Trimmed


def text(alert: Alert, created: datetime, trimmed: Trimmed = WHOLE) -> str:
    """Return the line of `alert`: when, how grave, who, what, since when, how many records, what to do."""
    about = who.user_of(alert) or alert.source_ip or alert.rule_name
    rest = [
        f"{alert.subjects_count:,} insured persons displayed since {rfc3339(alert.start)}",
        f"risk {alert.risk:.0f}",
        f"incident {alert.incident_id}",
    ]
    if alert.techniques:
        rest.append(", ".join(alert.techniques))
    if trimmed:
        rest.append("left out: " + ", ".join(f"{count} {what}" for what, count in trimmed.items()))
    if len(alert.users) > 1:
        rest.append(f"accounts {listed(alert.users)}")
    if alert.ips:
        rest.append(f"from {listed(alert.ips)}")
    return printable(
        f"{rfc3339(alert.timestamp)} {alert.level.upper()} {alert.state} {about}: {alert.message}"
        f" [{'; '.join(rest)}] {alert.next_step}"
    )
