"""Write an alert in the Log Event Extended Format 2.0, for QRadar.

Source: IBM QRadar LEEF guide, version 2: event components, predefined and custom event attributes, date format.
LEEF has no escapes: what would end a field is written otherwise.
"""

from datetime import UTC, datetime
from typing import Final

from detector import VERSION
from detector.emit.alert import who
from detector.emit.alert.as_cef import SEVERITY
from detector.emit.alert.fit import short
from detector.emit.alert.plain import listed, printable
from detector.emit.alert.record import WHOLE, Alert, Trimmed

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""Not `%b`: that follows the locale."""


def leef(alert: Alert, created: datetime, trimmed: Trimmed = WHOLE) -> str:
    """Return the line of `alert`, attributes parted by tabs.

    Texts of a log stand last: QRadar finds custom keys by a regular expression, which takes the first.
    """
    ip = who.address(alert.source_ip)
    user = who.user_of(alert)
    attributes = {
        "cat": alert.rule_category,
        "devTime": _time(alert.timestamp),
        "devTimeFormat": "MMM dd yyyy HH:mm:ss.SSS z",
        "sev": SEVERITY[alert.level],
        "src": ip,
        "alertId": alert.id,
        "incidentId": alert.incident_id,
        "incidentState": alert.state,
        "level": alert.level,
        "riskScore": round(alert.risk),
        "startTime": _time(alert.start),
        "endTime": _time(alert.end),
        "signalsCount": alert.signals_count,
        "insuredPersons": alert.subjects_count,
        "attackTactics": ", ".join(alert.tactics),
        "attackTechniques": ", ".join(alert.techniques),
        "trimmed": ", ".join(f"{count} {what}" for what, count in trimmed.items()),
        "usrName": user and short(printable(user), 255),
        "srcName": None if ip else alert.source_ip,
        "ruleName": alert.rule_name,
        "nextStep": alert.next_step,
        "relatedAddresses": listed((*who.addresses(alert), *who.hosts(alert))),
        "relatedUsers": listed(alert.users),
        "client": alert.client,
        "reasons": "; ".join(one.text for one in alert.reasons),
        "msg": alert.message,
    }
    head = ("LEEF:2.0", "portal-detector", "portal-detector", VERSION, short(printable(alert.rule_id), 255), "x09")
    pairs = (f"{key}={printable(str(value))}" for key, value in attributes.items() if value not in (None, ""))
    return "|".join(printable(one).replace("|", "¦") for one in head) + "|" + "\t".join(pairs)


def _time(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return f"{_MONTHS[moment.month - 1]} {moment:%d %Y %H:%M:%S}.{moment.microsecond // 1000:03d} GMT"
