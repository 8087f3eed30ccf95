"""Write an alert as an OCSF Detection Finding (class 2004).

One incident is one finding (`finding_info.uid`), created, updated and closed by its alerts (`metadata.uid`).
Source: OCSF schema 1.8.0, events/findings/detection_finding.json and the objects it names.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from detector import VERSION
from detector.emit.alert.as_ecs import address, user_name
from detector.emit.alert.record import Alert, Reason
from detector.schema import LEVELS

VERSION_OCSF: Final = "1.8.0"
_CLASS: Final = 2004
_ACTIVITY: Final = {"opened": (1, "Create"), "escalated": (2, "Update"), "closed": (3, "Close")}
_STATUS: Final = {"opened": (1, "New"), "escalated": (2, "In Progress"), "closed": (4, "Resolved")}
_ANALYTIC: Final = {"rule": (1, "Rule"), "model": (3, "Statistical")}


def ocsf(alert: Alert, created: datetime) -> dict[str, Any]:
    """Return the nested document of `alert`; times are milliseconds since 1970."""
    activity_id, activity = _ACTIVITY[alert.state]
    status_id, status = _STATUS[alert.state]
    level = LEVELS.index(alert.level)
    document = {
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + activity_id,
        "type_name": f"Detection Finding: {activity}",
        "time": _ms(alert.timestamp),
        "start_time": _ms(alert.start),
        "end_time": _ms(alert.end),
        "message": alert.message,
        "is_alert": alert.state != "closed",
        "severity_id": level + 1,
        "severity": alert.level.capitalize(),
        "status_id": status_id,
        "status": status,
        "risk_level_id": level,
        "risk_level": "Info" if level == 0 else alert.level.capitalize(),
        "risk_score": round(alert.risk),
        "metadata": _metadata(alert, created),
        "finding_info": _finding(alert),
        "evidences": _evidences(alert),
        "remediation": {"desc": alert.next_step},
        "unmapped": _unmapped(alert),
    }
    if numbers := [reason for reason in alert.reasons if reason.observed is not None]:
        document["anomaly_analyses"] = [_analysis(alert, numbers)]
    return document


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _metadata(alert: Alert, created: datetime) -> dict[str, Any]:
    return {
        "version": VERSION_OCSF,
        "uid": alert.id,
        "logged_time": _ms(created),
        "product": {"name": "portal-detector", "vendor_name": "portal-detector", "version": VERSION},
    }


def _finding(alert: Alert) -> dict[str, Any]:
    type_id, kind = _ANALYTIC[alert.rule_category]
    return {
        "uid": alert.incident_id,
        "title": alert.rule_name,
        "desc": alert.message,
        "first_seen_time": _ms(alert.start),
        "last_seen_time": _ms(alert.end),
        "modified_time": _ms(alert.timestamp),
        "analytic": {
            "uid": alert.rule_id,
            "name": alert.rule_name,
            "version": alert.rule_version,
            "type_id": type_id,
            "type": kind,
        },
        "attacks": [{"technique": {"uid": one}} for one in alert.techniques]
        + [{"tactic": {"uid": one}} for one in alert.tactics],
    }


def _evidences(alert: Alert) -> list[dict[str, Any]]:
    addresses = [ip for ip in map(address, alert.ips) if ip]
    raised_by = alert.source_ip and address(alert.source_ip)
    endpoints = [raised_by] * bool(raised_by) + [ip for ip in addresses if ip != raised_by]
    user = {"user": {"name": user_name(alert)}}
    return [{"actor": user, "src_endpoint": {"ip": ip}} for ip in endpoints] or [{"actor": user}]


def _analysis(alert: Alert, reasons: list[Reason]) -> dict[str, Any]:
    target = {"name": user_name(alert), "type": "User Account"}
    if alert.account is None and alert.source_ip:
        target = {"name": alert.source_ip, "type": "Source Address"}
    return {
        "analysis_target": target,
        "anomalies": [_observed(one, one.observed, one.text) for one in reasons],
        "baselines": [_observed(one, one.expected, None) for one in reasons if one.expected is not None],
    }


def _observed(reason: Reason, value: float | None, pattern: str | None) -> dict[str, Any]:
    text = f"{value:g} {reason.unit or ''}".strip()
    return {"observed_attribute": reason.feature, "observations": [{"value": text}]} | (
        {"observed_pattern": pattern} if pattern else {}
    )


def _unmapped(alert: Alert) -> dict[str, Any]:
    return {
        "portal": {
            "incident": {"state": alert.state, "related": list(alert.related_incidents)},
            "reasons": [asdict(reason) for reason in alert.reasons],
            "related_user": list(alert.users),
            "signals_count": alert.signals_count,
            "subjects_count": alert.subjects_count,
        }
    }
