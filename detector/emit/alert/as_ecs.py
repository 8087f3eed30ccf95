"""Write an alert in the Elastic Common Schema.

Source: ECS 9.4.0 field reference; names outside ECS are under `portal.`.
"""

import ipaddress
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from detector import VERSION
from detector.clock import rfc3339
from detector.emit.alert.record import Alert
from detector.schema import RISK

VERSION_ECS: Final = "9.4.0"

NO_ACCOUNT: Final = "-"
"""`user.name` of an alert about a source and no single account: the mark access logs use for nobody."""


def ecs(alert: Alert, created: datetime) -> dict[str, Any]:
    """Return the nested document of `alert`, as INTERFACE.md's table has it."""
    return {
        "@timestamp": rfc3339(alert.timestamp),
        "message": alert.message,
        "ecs": {"version": VERSION_ECS},
        "event": _event(alert, created),
        "observer": {"product": "portal-detector", "version": VERSION},
        "related": {"ip": [ip for ip in map(address, alert.ips) if ip], "user": list(alert.users)},
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
        "user": {"name": user_name(alert)},
        "portal": _portal(alert),
    }


def user_name(alert: Alert) -> str:
    """Return the account the alert is about; of a source that touched exactly one account, that one."""
    if alert.account is not None:
        return alert.account
    return alert.users[0] if len(alert.users) == 1 else NO_ACCOUNT


def address(text: str) -> str | None:
    """Return `text` as a SIEM's address field takes it, None if it is no address: one bad value loses the document."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


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
    ip = address(alert.source_ip)
    source: dict[str, Any] = {"address": alert.source_ip} | ({"ip": ip} if ip else {})
    if alert.country:
        source["geo"] = {"country_iso_code": alert.country}
    if alert.network and alert.network.startswith("AS") and alert.network[2:].isdecimal():
        source["as"] = {"number": int(alert.network[2:])}
    return {"source": source}


def _portal(alert: Alert) -> dict[str, Any]:
    portal: dict[str, Any] = {
        "incident": {"id": alert.incident_id, "state": alert.state},
        "level": alert.level,
        "next_step": alert.next_step,
        "reasons": [asdict(reason) for reason in alert.reasons],
        "signals_count": alert.signals_count,
        "subjects_count": alert.subjects_count,
    }
    if alert.related_incidents:
        portal["incident"]["related"] = list(alert.related_incidents)
    return portal | {name: value for name, value in (("network", alert.network), ("client", alert.client)) if value}
