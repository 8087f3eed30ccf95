"""The formats of Splunk, Sentinel and Graylog, and the line for people."""

import ipaddress
import json
import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings

from detector.emit.alert import Alert, render
from detector.emit.alert.as_text import text
from tests.emit.alert.samples import WRITTEN, alerts, document, hostile, huge

CIM_REQUIRED = {"app", "description", "dest", "id", "severity", "signature", "signature_id", "src", "type", "user"}
"""Source: Splunk CIM, Alerts: the fields its own test add-on requires."""
CIM_SEVERITY = {"critical", "high", "medium", "low", "informational"}

_TEXTS = [
    "EventMessage", "EventType", "EventSubType", "EventProduct", "EventProductVersion", "EventVendor",
    "EventSchema", "EventSchemaVersion", "EventSeverity", "EventOriginalSeverity", "EventOriginalUid",
    "EventOriginalType", "EventUid", "AlertId", "AlertName", "AlertStatus", "AlertOriginalStatus",
    "DetectionMethod", "RuleName", "AttackTactics", "AttackTechniques", "AttackRemediationSteps",
    "IndicatorType", "IndicatorAssociation", "Username", "UsernameType", "DvcIpAddr",
]  # fmt: skip
ASIM = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("EventCount", "ThreatRiskLevel"), int),
    **dict.fromkeys(("TimeGenerated", "EventStartTime", "EventEndTime"), datetime),
    "AdditionalFields": dict,
}
"""Source: ASIM Alert Schema Reference 0.1, and the types of its empty parser, vimAlertEventEmpty."""
ASIM_MANDATORY = {
    "EventCount", "EventStartTime", "EventEndTime", "EventType", "EventUid", "EventProduct", "EventVendor",
    "EventSchema", "EventSchemaVersion",
}  # fmt: skip
ASIM_VALUES = {
    "EventType": {"Alert"},
    "EventSchema": {"AlertEvent"},
    "EventSchemaVersion": {"0.1"},
    "EventSubType": {"Threat", "Suspicious Activity", "Anomaly", "Compliance Violation"},
    "EventSeverity": {"Informational", "Low", "Medium", "High"},
    "AlertStatus": {"Active", "Closed"},
    "DetectionMethod": {"Behavioral Analytics", "Intrusion Detection"},
    "IndicatorType": {"Ip", "User"},
    "IndicatorAssociation": {"Associated", "Targeted"},
    "UsernameType": {"UPN", "Windows", "DN", "Simple"},
}


def is_moment(value: Any) -> bool:
    return value.endswith("Z") and datetime.fromisoformat(value).tzinfo is not None


def assert_cim(tree: dict[str, Any]) -> None:
    assert CIM_REQUIRED - set(tree) == set()
    assert tree["severity"] in CIM_SEVERITY
    assert tree["type"] == "alert"
    assert all(tree[name] for name in CIM_REQUIRED)
    assert tree["src_type"] in {"ip", "host", "unknown"}
    if "src_ip" in tree:
        assert tree["src"] == str(ipaddress.ip_address(tree["src_ip"]))
    for one in tree.get("related_ip", ()):
        ipaddress.ip_address(one)


def assert_asim(tree: dict[str, Any]) -> None:
    assert ASIM_MANDATORY - set(tree) == set()
    for name, value in tree.items():
        sort = ASIM[name]
        assert is_moment(value) if sort is datetime else type(value) is sort, name
        assert value in ASIM_VALUES.get(name, (value,)), name
    assert 0 <= tree["ThreatRiskLevel"] <= 100
    if "DvcIpAddr" in tree:
        ipaddress.ip_address(tree["DvcIpAddr"])
    assert ("Username" in tree) == ("UsernameType" in tree)


def assert_gelf(tree: dict[str, Any]) -> None:
    assert tree["version"] == "1.1"
    assert tree["host"]
    assert tree["short_message"]
    assert type(tree["timestamp"]) is float
    assert tree["level"] in range(8)
    named = {"version", "host", "short_message", "full_message", "timestamp", "level"}
    for name, value in tree.items():
        assert name in named or re.fullmatch(r"_[\w.\-]+", name, re.ASCII), name
        assert type(value) in (str, int, float), name
    assert "_id" not in tree
    if "_source_ip" in tree:
        ipaddress.ip_address(tree["_source_ip"])


RULES = {"cim": assert_cim, "asim": assert_asim, "gelf": assert_gelf}


@pytest.mark.parametrize("form", RULES)
@pytest.mark.parametrize("alert", [*alerts(), huge()], ids=lambda one: f"{one.state}-{one.id[:6]}")
def test_an_alert_is_as_the_vendor_has_it(form, alert):
    RULES[form](document(form, alert))


@pytest.mark.parametrize("form", RULES)
@given(alert=hostile)
@settings(max_examples=30, deadline=None)
def test_also_whatever_an_attacker_words(form, alert):
    RULES[form](document(form, alert))


def test_every_column_of_asim_is_written_by_some_alert():
    written = {name for one in alerts() for name in document("asim", one)}
    assert written == set(ASIM)


@pytest.mark.parametrize(("user", "sort"), [("u1", "Simple"), ("a@b.example", "UPN"), ("DOM\\u1", "Windows")])
def test_the_type_of_a_user_name(user, sort):
    assert document("asim", replace(alerts()[0], account=user))["UsernameType"] == sort


def test_a_critical_alert_is_high_in_sentinel_and_says_so():
    tree = document("asim", replace(alerts()[0], level="critical"))
    assert (tree["EventSeverity"], tree["EventOriginalSeverity"]) == ("High", "critical")


def test_a_closed_incident_is_closed_in_sentinel():
    states = {one.state: document("asim", one)["AlertStatus"] for one in alerts()}
    assert states == {"opened": "Active", "escalated": "Active", "closed": "Closed"}


def test_a_host_is_no_address_in_splunk():
    tree = document("cim", replace(alerts()[0], source_ip="printer.example"))
    assert (tree["src"], tree["src_type"]) == ("printer.example", "host")
    assert "src_ip" not in tree


def test_seconds_in_graylog():
    assert document("gelf", alerts()[0])["timestamp"] == 1772452800.0


def test_the_line_for_people():
    assert text(alerts()[0], WRITTEN) == (
        "2026-03-02T12:00:00.000Z HIGH opened u1: account u1 displayed 40 records in 5 min, usually 6"
        " [17 insured persons displayed since 2026-03-02T12:00:00.000Z; risk 73; incident 72d15f6a4b9b3d478495;"
        " T1078; from 192.0.2.7] Ask the holder of u1 whether it was them from 192.0.2.7, by a channel other than the"
        " portal; if not, close its sessions, renew its credentials, keep the logs and list whose files were read."
    )


def test_the_line_for_people_is_in_one_language():
    french = replace(alerts()[0], language="fr", users=("u1", "u2"), subjects_count=1712, message="m", next_step="n")
    assert text(Alert.from_json(french.as_json()), WRITTEN, {"users": 3}).partition(" m ")[2] == (
        "[1 712 assurés affichés depuis 2026-03-02T12:00:00.000Z; risque 73; incident 72d15f6a4b9b3d478495; T1078;"
        " omis : 3 comptes; comptes u1, u2; depuis 192.0.2.7] n"
    )


def test_an_alert_kept_before_alerts_had_a_language_is_english():
    kept = json.loads(alerts()[0].as_json())
    del kept["language"]
    assert Alert.from_json(json.dumps(kept)) == alerts()[0]


def test_a_line_is_one_line():
    alert = replace(alerts()[0], message="a\nCRITICAL forged", users=("x, y", "z"))
    assert b"\n" not in render("text", alert, WRITTEN)
    assert 'accounts "x, y", z' in render("text", alert, WRITTEN).decode()
