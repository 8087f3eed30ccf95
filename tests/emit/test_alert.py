import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from detector.emit.alert import WRITERS, Alert, ecs, ocsf
from detector.emit.incident import Incidents
from tests.emit.signals import CONFIG, at, frame, signal

FIELDS = Path(__file__).parents[3] / "shared" / "data" / "schemas" / "ecs_9.4.0_fields.csv"
WRITTEN = datetime(2026, 3, 9, 8, tzinfo=UTC)

REASON = {
    "feature": "records_per_h",
    "observed": 240.0,
    "expected": 11.5,
    "unit": "records/h",
    "surprise": 14.2,
    "history_days": 21,
    "baseline": "account",
    "text": "240 records in an hour, usually 11.5",
}

ALWAYS = [
    "@timestamp",
    "ecs.version",
    "event.kind",
    "event.dataset",
    "event.category",
    "event.type",
    "event.id",
    "event.start",
    "event.end",
    "event.created",
    "event.severity",
    "event.risk_score",
    "rule.id",
    "rule.name",
    "rule.category",
    "rule.version",
    "user.name",
    "related.user",
    "related.ip",
    "threat.technique.id",
    "threat.tactic.id",
    "threat.framework",
    "message",
    "portal.incident.id",
    "portal.incident.state",
    "portal.reasons",
    "portal.subjects_count",
]


def alerts() -> list[Alert]:
    rows = [
        signal(0, portal__reasons=[REASON], portal__network="AS3215", source__geo__country_iso_code="FR"),
        signal(1, level="critical", signal__kind="model", rule__id="volume", portal__client="curl"),
        signal(2, None, source__ip="2001:db8::9", related__user=["u4", "u5"]),
        signal(3, None, source__ip="printer.example", related__user=["u6"]),
        signal(4, None, source__ip=None, signal__key="portal.network=AS64500"),
        signal(5, 'u"\x1b[31m<b>&\u202e', related__ip=["fe80::1%eth0", "192.0.2.8"]),
    ]
    return Incidents(CONFIG).admit(frame(*rows), lambda *_: 17, at(60 * 24))


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return leaves


def reference() -> dict[str, dict[str, str]]:
    if not FIELDS.exists():
        pytest.skip(f"the list of ECS fields is not there: {FIELDS}")
    with FIELDS.open(encoding="utf-8") as file:
        return {row["Field"]: row for row in csv.DictReader(file)}


def fits(value: Any, sort: str) -> bool:
    if sort == "date":
        return datetime.fromisoformat(value).tzinfo is not None and value.endswith("Z") and len(value) == 24
    if sort == "long":
        return type(value) is int
    if sort == "float":
        return type(value) in (int, float)
    if sort == "ip":
        return all(c in "0123456789abcdef:." for c in value)
    return isinstance(value, str) and value != ""


def test_the_alerts_here_cover_every_turn_and_shape():
    assert {one.state for one in alerts()} == {"opened", "escalated", "closed"}
    assert {one.rule_category for one in alerts()} == {"rule", "model"}
    assert None in {one.account for one in alerts()}
    assert None in {one.source_ip for one in alerts()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda one: f"{one.state}-{one.id[:6]}")
def test_ecs_fields_are_those_of_the_reference(alert):
    known = reference()
    for name, value in flat(ecs(alert, WRITTEN)).items():
        if name.startswith("portal."):
            continue
        assert name in known, name
        is_list = known[name]["Normalization"] == "array"
        assert isinstance(value, list) == is_list, name
        for one in value if is_list else [value]:
            assert fits(one, known[name]["Type"]), (name, one)


@pytest.mark.parametrize("alert", alerts(), ids=lambda one: f"{one.state}-{one.id[:6]}")
def test_ecs_has_what_is_always_present(alert):
    document = flat(ecs(alert, WRITTEN))
    assert [name for name in ALWAYS if document.get(name) is None] == []
    assert document["event.kind"] == "alert"
    assert document["event.dataset"] == "portal.detector"
    assert document["event.start"] <= document["@timestamp"]
    assert 0 <= document["event.risk_score"] <= 100
    assert document["portal.subjects_count"] == (17 if alert.account else 0)
    names = {"feature", "observed", "expected", "unit", "surprise", "history_days", "baseline", "text"}
    assert all(set(reason) == names for reason in document["portal.reasons"])


def test_ecs_tells_the_numbers_of_the_reasons_as_they_came():
    assert ecs(alerts()[0], WRITTEN)["portal"]["reasons"] == [REASON]


def test_ecs_address_is_absent_when_none_raised_it_and_apart_when_it_is_none():
    by_key = {one.source_ip: flat(ecs(one, WRITTEN)) for one in alerts()}
    assert "source.ip" not in by_key[None]
    assert "source.ip" not in by_key["printer.example"]
    assert by_key["printer.example"]["source.address"] == "printer.example"
    assert by_key["2001:db8::9"]["source.ip"] == "2001:db8::9"


def test_ecs_network_number_and_country():
    document = flat(ecs(alerts()[0], WRITTEN))
    assert (document["source.as.number"], document["source.geo.country_iso_code"]) == (3215, "FR")


@pytest.mark.parametrize("form", WRITERS)
def test_nothing_written_can_steer_a_terminal_or_break_the_line(form):
    for alert in alerts():
        text = json.dumps(WRITERS[form](alert, WRITTEN))
        assert text.isascii()
        assert text.isprintable()


def test_user_name_of_a_source_is_its_only_account_or_nobody():
    names = {one.source_ip: ecs(one, WRITTEN)["user"]["name"] for one in alerts() if one.account is None}
    assert names == {"2001:db8::9": "-", "printer.example": "u6", None: "-"}


REQUIRED = ["activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id", "time", "type_uid"]


@pytest.mark.parametrize("alert", alerts(), ids=lambda one: f"{one.state}-{one.id[:6]}")
def test_ocsf_is_a_detection_finding(alert):
    document = ocsf(alert, WRITTEN)
    assert [name for name in REQUIRED if name not in document] == []
    assert (document["class_uid"], document["category_uid"]) == (2004, 2)
    assert document["type_uid"] == 200400 + document["activity_id"]
    assert document["activity_id"] == {"opened": 1, "escalated": 2, "closed": 3}[alert.state]
    assert document["metadata"]["version"] == "1.8.0"
    assert document["metadata"]["product"]["name"]
    assert document["finding_info"]["uid"] == alert.incident_id
    assert document["metadata"]["uid"] == alert.id
    assert document["time"] == int(alert.timestamp.timestamp() * 1000)
    assert 1 <= document["severity_id"] <= 5
    assert all({"actor", "src_endpoint"} & set(one) for one in document["evidences"])
    assert all({"tactic", "technique"} & set(one) for one in document["finding_info"]["attacks"])
    for analysis in document.get("anomaly_analyses", ()):
        assert analysis["analysis_target"]["name"]
        assert all(one["observations"] and one["observed_attribute"] for one in analysis["anomalies"])


@pytest.mark.parametrize("alert", alerts(), ids=lambda one: f"{one.state}-{one.id[:6]}")
def test_the_outbox_text_gives_the_alert_back(alert):
    assert Alert.from_json(alert.as_json()) == alert
