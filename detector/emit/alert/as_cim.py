"""Write an alert in the fields of Splunk's Common Information Model, data model Alerts.

Source: Splunk Common Information Model Add-on manual, Alerts; what the model has no field for keeps the name it has
in `detector` and stands beside. `config/siem/splunk/` is the add-on that reads it.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from detector.clock import rfc3339
from detector.emit.alert import who
from detector.emit.alert.record import WHOLE, Alert, Trimmed
from detector.schema import LEVELS

UNKNOWN: Final = "unknown"
"""What Splunk's models say where a required field has no value."""


def cim(alert: Alert, created: datetime, trimmed: Trimmed = WHOLE) -> dict[str, Any]:
    """Return the flat document of `alert`; lists of one word each are joined by commas."""
    user = who.user_of(alert)
    ip = who.address(alert.source_ip)
    document = {
        "timestamp": rfc3339(alert.timestamp),
        "app": "portal-detector",
        "type": "alert",
        "id": alert.id,
        "severity": alert.level,
        "severity_id": LEVELS.index(alert.level) + 1,
        "signature": alert.rule_name,
        "signature_id": alert.rule_id,
        "description": alert.message,
        "dest": "portal",
        "dest_type": "application",
        "src": ip or alert.source_ip or UNKNOWN,
        "src_ip": ip,
        "src_type": "ip" if ip else "host" if alert.source_ip else UNKNOWN,
        "src_country": alert.country,
        "user": user or UNKNOWN,
        "user_name": user or UNKNOWN,
        "mitre_technique_id": ",".join(alert.techniques),
        "mitre_tactic_id": ",".join(alert.tactics),
        "category": alert.rule_category,
        "created": rfc3339(created),
        "start_time": rfc3339(alert.start),
        "end_time": rfc3339(alert.end),
        "risk_score": round(alert.risk, 1),
        "incident_id": alert.incident_id,
        "incident_state": alert.state,
        "related_incident": list(alert.related_incidents),
        "related_ip": who.addresses(alert),
        "related_host": who.hosts(alert),
        "related_user": list(alert.users),
        "network": alert.network,
        "http_user_agent": alert.client,
        "next_step": alert.next_step,
        "signals_count": alert.signals_count,
        "subjects_count": alert.subjects_count,
        "reasons": [{name: value for name, value in asdict(one).items() if value is not None} for one in alert.reasons],
        "trimmed": dict(trimmed),
    }
    return {name: value for name, value in document.items() if value not in (None, "", [], {})}
