"""Write an alert in the Elastic Common Schema.

Source: ECS 9.4.0 field reference; names outside ECS are under `portal.`.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from detector import VERSION
from detector.clock import rfc3339
from detector.emit.alert import who
from detector.emit.alert.record import WHOLE, Alert, Trimmed
from detector.schema import RISK

VERSION_ECS: Final = "9.4.0"

NO_ACCOUNT: Final = "-"
"""`user.name` of an alert about a source and no single account: the mark access logs use for nobody."""


def ecs(alert: Alert, created: datetime, trimmed: Trimmed = WHOLE) -> dict[str, Any]:
    """Return the nested document of `alert`, as INTERFACE.md's table has it."""
    return {
        "@timestamp": rfc3339(alert.timestamp),
        "message": alert.message,
        "ecs": {"version": VERSION_ECS},
        "event": _event(alert, created),
        "observer": {"product": "portal-detector", "version": VERSION},
        "related": {"ip": who.addresses(alert), "user": list(alert.users), **_known(hosts=who.hosts(alert))},
        "rule": {
            "category": alert.rule_category,
            "id": alert.rule_id,
            "name": alert.rule_name,
            "version": alert.rule_version,
        },
        **_source(alert),
        "threat": {
            "framework": "MITRE ATT&CK",
            "tactic": {"id": list(alert.tactics)},
            "technique": {"id": list(alert.techniques)},
        },
        "user": {"name": who.user_of(alert) or NO_ACCOUNT},
        "portal": _portal(alert, trimmed),
    }


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _event(alert: Alert, created: datetime) -> dict[str, Any]:
    return {
        "action": f"incident_{alert.state}",
        "category": ["intrusion_detection", "web"],
        "created": rfc3339(created),
        "dataset": "portal.detector",
        "end": rfc3339(alert.end),
        "id": alert.id,
        "kind": "alert",
        "risk_score": round(alert.risk, 1),
        "severity": round(RISK[alert.level]),
        "start": rfc3339(alert.start),
        "type": ["info"],
    }


def _source(alert: Alert) -> dict[str, Any]:
    if alert.source_ip is None:
        return {}
    source: dict[str, Any] = {"address": alert.source_ip, **_known(ip=who.address(alert.source_ip))}
    if alert.country:
        source["geo"] = {"country_iso_code": alert.country}
    if number := who.as_number(alert.network):
        source["as"] = {"number": number}
    return {"source": source}


def _portal(alert: Alert, trimmed: Trimmed) -> dict[str, Any]:
    return {
        "incident": {"id": alert.incident_id, "state": alert.state, **_known(related=list(alert.related_incidents))},
        "level": alert.level,
        "next_step": alert.next_step,
        "reasons": [asdict(reason) for reason in alert.reasons],
        "signals_count": alert.signals_count,
        "subjects_count": alert.subjects_count,
        **_known(network=alert.network, client=alert.client, trimmed=dict(trimmed)),
    }
