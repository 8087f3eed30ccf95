"""Write an alert as Microsoft Sentinel's ASIM has it: schema AlertEvent, version 0.1.

Source: The Advanced Security Information Model (ASIM) Alert Schema Reference, and its common fields. Aliases
(`User`, `IpAddr`, `AlertDescription` ...) are made by the function in `config/siem/sentinel/`, except `AlertId`.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from detector import VERSION
from detector.clock import rfc3339
from detector.emit.alert import who
from detector.emit.alert.record import WHOLE, Alert, Trimmed

_SEVERITY: Final = {"informational": "Informational", "low": "Low", "medium": "Medium", "high": "High",
                    "critical": "High"}  # fmt: skip
_SORT: Final = {"rule": ("Suspicious Activity", "Intrusion Detection"), "model": ("Anomaly", "Behavioral Analytics")}


def asim(alert: Alert, created: datetime, trimmed: Trimmed = WHOLE) -> dict[str, Any]:
    """Return the flat document of `alert`: a row of the table, `AdditionalFields` for what the schema has not."""
    user = who.user_of(alert)
    ip = who.address(alert.source_ip)
    subtype, method = _SORT[alert.rule_category]
    row = {
        "TimeGenerated": rfc3339(alert.timestamp),
        "EventVendor": "portal-detector",
        "EventProduct": "portal-detector",
        "EventProductVersion": VERSION,
        "EventSchema": "AlertEvent",
        "EventSchemaVersion": "0.1",
        "EventType": "Alert",
        "EventSubType": subtype,
        "EventCount": 1,
        "EventUid": alert.id,
        "EventOriginalUid": alert.id,
        "EventOriginalType": f"incident_{alert.state}",
        "EventStartTime": rfc3339(alert.start),
        "EventEndTime": rfc3339(alert.end),
        "EventSeverity": _SEVERITY[alert.level],
        "EventOriginalSeverity": alert.level,
        "EventMessage": alert.message,
        "AlertId": alert.id,
        "AlertName": alert.rule_name,
        "AlertStatus": "Closed" if alert.state == "closed" else "Active",
        "AlertOriginalStatus": alert.state,
        "DetectionMethod": method,
        "RuleName": alert.rule_name,
        "ThreatRiskLevel": round(alert.risk),
        "AttackTactics": ", ".join(alert.tactics),
        "AttackTechniques": ", ".join(alert.techniques),
        "AttackRemediationSteps": alert.next_step,
        "IndicatorType": "User" if user else "Ip" if ip else None,
        "IndicatorAssociation": "Associated" if user or ip else None,
        "Username": user,
        "UsernameType": user and _sort_of(user),
        "DvcIpAddr": ip,
        "AdditionalFields": _additional(alert, created, trimmed),
    }
    return {name: value for name, value in row.items() if value not in (None, "")}


def _sort_of(user: str) -> str:
    if "\\" in user:
        return "Windows"
    return "UPN" if "@" in user else "Simple"


def _additional(alert: Alert, created: datetime, trimmed: Trimmed) -> dict[str, Any]:
    fields = {
        "IncidentId": alert.incident_id,
        "Created": rfc3339(created),
        "RuleId": alert.rule_id,
        "RuleVersion": alert.rule_version,
        "SourceAddress": alert.source_ip,
        "SourceCountry": alert.country,
        "SourceNetwork": alert.network,
        "Client": alert.client,
        "InsuredPersons": alert.subjects_count,
        "SignalsCount": alert.signals_count,
        "RelatedIncidents": list(alert.related_incidents),
        "RelatedIpAddrs": who.addresses(alert),
        "RelatedHosts": who.hosts(alert),
        "RelatedUsers": list(alert.users),
        "Reasons": [{name: value for name, value in asdict(one).items() if value is not None} for one in alert.reasons],
        "Trimmed": dict(trimmed),
    }
    return {name: value for name, value in fields.items() if value not in (None, [], {})}
