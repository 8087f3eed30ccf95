"""Write an alert as an OCSF Detection Finding (class 2004).

One incident is one finding (`finding_info.uid`), created, updated and closed by its alerts (`metadata.uid`).
Source: OCSF schema 1.8.0, events/findings/detection_finding.json and the objects it names.
"""

from datetime import datetime
from typing import Any, Final

from detector import VERSION
from detector.emit.alert import who
from detector.emit.alert.record import WHOLE, Alert, Reason, Trimmed
from detector.schema import LEVELS

VERSION_OCSF: Final = "1.8.0"
_CLASS: Final = 2004
_ACTIVITY: Final = {"opened": (1, "Create"), "escalated": (2, "Update"), "closed": (3, "Close")}
_STATUS: Final = {"opened": (1, "New"), "escalated": (2, "In Progress"), "closed": (4, "Resolved")}
_ANALYTIC: Final = {"rule": (1, "Rule"), "model": (2, "Behavioral")}
_USER_NAME: Final = 4
_IP_ADDRESS: Final = 2


def ocsf(alert: Alert, created: datetime, trimmed: Trimmed = WHOLE) -> dict[str, Any]:
    """Return the nested document of `alert`; times are milliseconds since 1970."""
    activity_id, activity = _ACTIVITY[alert.state]
    status_id, status = _STATUS[alert.state]
    level = LEVELS.index(alert.level)
    numbers = [reason for reason in alert.reasons if reason.observed is not None]
    return {
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
        "count": alert.signals_count,
        "message": alert.message,
        "is_alert": alert.state != "closed",
        "severity_id": level + 1,
        "severity": alert.level.capitalize(),
        "status_id": status_id,
        "status": status,
        "risk_level_id": level,
        "risk_level": "Info" if level == 0 else alert.level.capitalize(),
        "risk_score": round(alert.risk),
        "metadata": _metadata(alert, created, trimmed),
        "finding_info": _finding(alert),
        **({"anomaly_analyses": [_analysis(alert, numbers)]} if numbers else {}),
        "evidences": _evidences(alert),
        "observables": _observables(alert),
        "remediation": {"desc": alert.next_step},
        "unmapped": _unmapped(alert, trimmed),
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _metadata(alert: Alert, created: datetime, trimmed: Trimmed) -> dict[str, Any]:
    return {
        "version": VERSION_OCSF,
        "uid": alert.id,
        "correlation_uid": alert.incident_id,
        "logged_time": _ms(created),
        "product": {"name": "portal-detector", "vendor_name": "portal-detector", "version": VERSION},
        **({"is_truncated": True} if trimmed else {}),
    }


def _finding(alert: Alert) -> dict[str, Any]:
    type_id, kind = _ANALYTIC[alert.rule_category]
    return {
        "uid": alert.incident_id,
        "title": alert.rule_name,
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
        **({"related_events": [{"uid": one} for one in alert.related_incidents]} if alert.related_incidents else {}),
    }


def _evidences(alert: Alert) -> list[dict[str, Any]]:
    """Return who did it and from where, then the other addresses and accounts that are evidence."""
    user = who.user_of(alert)
    first: dict[str, Any] = {"actor": {"user": {"name": user}}} if user else {}
    if alert.source_ip:
        first["src_endpoint"] = _endpoint(alert, alert.source_ip)
    rest = [{"src_endpoint": {"ip": one}} for one in who.addresses(alert) if one != who.address(alert.source_ip)]
    rest += [{"user": {"name": one}} for one in alert.users if one != user]
    return [*([first] if first else []), *rest] or [{"data": {"rule": alert.rule_id}}]


def _endpoint(alert: Alert, source: str) -> dict[str, Any]:
    ip = who.address(source)
    endpoint: dict[str, Any] = {"ip": ip} if ip else {"name": source}
    if alert.country:
        endpoint["location"] = {"country": alert.country}
    if number := who.as_number(alert.network):
        endpoint["autonomous_system"] = {"number": number}
    return endpoint


def _observables(alert: Alert) -> list[dict[str, Any]]:
    user = who.user_of(alert)
    where = dict.fromkeys(who.addresses(alert), "evidences[].src_endpoint.ip")
    whom = {one: f"evidences[].{'actor.' if one == user else ''}user.name" for one in alert.users}
    return [{"type_id": _IP_ADDRESS, "name": name, "value": value} for value, name in where.items()] + [
        {"type_id": _USER_NAME, "name": name, "value": value} for value, name in whom.items()
    ]


def _analysis(alert: Alert, reasons: list[Reason]) -> dict[str, Any]:
    if alert.account is None and alert.source_ip:
        target = {"name": alert.source_ip, "type": "Source Address"}
    else:
        target = {"name": who.user_of(alert) or alert.rule_name, "type": "User Account"}
    return {
        "analysis_targets": [target],
        "anomalies": [_observed(one, one.observed, one.text) for one in reasons],
        "baselines": [_observed(one, one.expected, _history(one)) for one in reasons if one.expected is not None],
    }


def _observed(reason: Reason, value: float | None, pattern: str | None) -> dict[str, Any]:
    return {
        "observation_parameter": reason.feature,
        "observation_type": "Volume Analysis" if reason.surprise is None else "Distribution Analysis",
        "observations": [{"value": f"{value:.12g} {reason.unit or ''}".strip()}],
        **({"observed_pattern": pattern} if pattern else {}),
    }


def _history(reason: Reason) -> str | None:
    days = "" if reason.history_days is None else f" of {reason.history_days} days"
    return f"{reason.baseline}{days}" if reason.baseline else None


def _unmapped(alert: Alert, trimmed: Trimmed) -> dict[str, Any]:
    """Return what OCSF has no place for: also the reasons that are no number."""
    reasons = [
        {"feature": one.feature, "surprise": one.surprise} | ({"text": one.text} if one.observed is None else {})
        for one in alert.reasons
    ]
    return {
        "portal": {
            "incident": {"state": alert.state},
            "reasons": reasons,
            "subjects_count": alert.subjects_count,
            **({"client": alert.client} if alert.client else {}),
            **({"trimmed": dict(trimmed)} if trimmed else {}),
        }
    }
