"""Write an alert in the Graylog Extended Log Format 1.1.

Source: GELF payload specification 1.1: additional fields are text or numbers, their names `_` and `[A-Za-z0-9_.-]`,
`_id` is not allowed. Names are those of Graylog's information model where it has one.
"""

from datetime import datetime
from typing import Any, Final

from detector import VERSION
from detector.clock import rfc3339
from detector.emit.alert import who
from detector.emit.alert.plain import listed
from detector.emit.alert.record import WHOLE, Alert, Trimmed
from detector.schema import LEVELS

SYSLOG: Final = {"informational": 6, "low": 5, "medium": 4, "high": 3, "critical": 2}
"""Severities of RFC 5424: informational, notice, warning, error, critical."""


def gelf(alert: Alert, created: datetime, trimmed: Trimmed = WHOLE) -> dict[str, Any]:
    """Return the flat document of `alert`; `timestamp` is seconds since 1970."""
    fields = {
        "alert_id": alert.id,
        "alert_category": alert.rule_category,
        "alert_created": rfc3339(created),
        "alert_severity": alert.level,
        "alert_severity_level": LEVELS.index(alert.level),
        "alert_signature": alert.rule_name,
        "alert_signature_id": alert.rule_id,
        "alert_start": rfc3339(alert.start),
        "alert_end": rfc3339(alert.end),
        "attack_tactics": ", ".join(alert.tactics),
        "attack_techniques": ", ".join(alert.techniques),
        "incident_id": alert.incident_id,
        "incident_state": alert.state,
        "incident_related": ", ".join(alert.related_incidents),
        "network": alert.network,
        "next_step": alert.next_step,
        "related_addresses": listed(who.addresses(alert)),
        "related_hosts": listed(who.hosts(alert)),
        "related_users": listed(alert.users),
        "risk_score": round(alert.risk, 1),
        "signals_count": alert.signals_count,
        "source_country": alert.country,
        "source_ip": who.address(alert.source_ip),
        "source_address": alert.source_ip,
        "subjects_count": alert.subjects_count,
        "trimmed": ", ".join(f"{count} {what}" for what, count in trimmed.items()),
        "user_agent_name": alert.client,
        "user_name": who.user_of(alert),
        "vendor_version": VERSION,
    }
    return {
        "version": "1.1",
        "host": "portal-detector",
        "short_message": alert.message or alert.rule_name or alert.rule_id,
        "full_message": "\n".join((alert.message, *(f"- {one.text}" for one in alert.reasons), alert.next_step)),
        "timestamp": round(alert.timestamp.timestamp(), 3),
        "level": SYSLOG[alert.level],
        **{f"_{name}": value for name, value in fields.items() if value not in (None, "")},
    }
