"""Write an alert as one line for people: a terminal, a chat, a log that is only read."""

from datetime import datetime

from detector.clock import rfc3339
from detector.emit.alert import who
from detector.emit.alert.plain import listed, printable
from detector.emit.alert.record import WHOLE, Alert, Trimmed
from detector.language import Words


def text(alert: Alert, created: datetime, trimmed: Trimmed = WHOLE) -> str:
    """Return the line of `alert`: when, how grave, who, what, since when, how many records, what to do."""
    about, words = who.user_of(alert) or alert.source_ip or alert.rule_name, Words.of(alert.language)
    rest = [
        words.say("line.persons", count=alert.subjects_count, since=rfc3339(alert.start)),
        words.say("line.risk", risk=alert.risk),
        f"incident {alert.incident_id}",
    ]
    if alert.techniques:
        rest.append(", ".join(alert.techniques))
    if trimmed:
        lacks = (f"{count} {words.name(f'line.{what}', what)}" for what, count in trimmed.items())
        rest.append(words.say("line.left_out", what=", ".join(lacks)))
    if len(alert.users) > 1:
        rest.append(words.say("line.accounts", accounts=listed(alert.users)))
    if alert.ips:
        rest.append(words.say("line.from", addresses=listed(alert.ips)))
    return printable(
        f"{rfc3339(alert.timestamp)} {alert.level.upper()} {alert.state} {about}: {alert.message}"
        f" [{'; '.join(rest)}] {alert.next_step}"
    )
