import functools
import ipaddress
import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.emit.alert.samples import alerts, document, hostile, huge

jsonschema = pytest.importorskip("jsonschema", reason="the extra `test` has it")
ocsf_json_schema = pytest.importorskip("ocsf_json_schema", reason="the extra `test` has it")


@functools.cache
def validator() -> Any:
    catalogue = ocsf_json_schema.OcsfJsonSchemaEmbedded(ocsf_json_schema.get_ocsf_schema(version="1.8.0"))
    schema = catalogue.get_class_schema(class_name="detection_finding", profiles=[])
    return jsonschema.Draft202012Validator(schema)


def assert_ocsf(tree: dict[str, Any]) -> None:
    faults = [f"{fault.json_path}: {fault.message}" for fault in validator().iter_errors(tree)]
    assert faults == []


def test_the_schema_sees_a_breach():
    tree = document("ocsf", alerts()[0])
    assert_ocsf(tree)
    for breach in ({"class_uid": "2004"}, {"activity_id": 7}, {"unheard_of": 1}, {"finding_info": {}}):
        assert not validator().is_valid(tree | breach)
    tree["anomaly_analyses"][0]["anomalies"][0]["observed_attribute"] = "a name of an older version"
    assert not validator().is_valid(tree)


@pytest.mark.parametrize("alert", [*alerts(), huge()], ids=lambda one: f"{one.state}-{one.id[:6]}")
def test_it_is_a_detection_finding_of_1_8(alert):
    assert_ocsf(document("ocsf", alert))


@given(alert=hostile)
@settings(max_examples=30, deadline=None)
def test_also_whatever_an_attacker_words(alert):
    tree = document("ocsf", alert)
    assert_ocsf(tree)
    for one in tree["evidences"]:
        ipaddress.ip_address(one.get("src_endpoint", {}).get("ip", "192.0.2.1"))
    assert_pointers(tree)


def assert_pointers(tree: dict[str, Any]) -> None:
    """An observable's name points at a place in the event that holds its value."""
    for one in tree["observables"]:
        nodes: list[Any] = [tree]
        for step in one["name"].split("."):
            found = [node[step.removesuffix("[]")] for node in nodes if step.removesuffix("[]") in node]
            nodes = [each for node in found for each in node] if step.endswith("[]") else found
        assert one["value"] in nodes, one


@pytest.mark.parametrize("alert", alerts(), ids=lambda one: f"{one.state}-{one.id[:6]}")
def test_the_finding_follows_the_incident(alert):
    tree = document("ocsf", alert)
    assert tree["activity_id"] == {"opened": 1, "escalated": 2, "closed": 3}[alert.state]
    assert tree["activity_name"] == {"opened": "Create", "escalated": "Update", "closed": "Close"}[alert.state]
    assert tree["type_uid"] == 200400 + tree["activity_id"]
    assert tree["status"] == {"opened": "New", "escalated": "In Progress", "closed": "Resolved"}[alert.state]
    assert tree["finding_info"]["uid"] == tree["metadata"]["correlation_uid"] == alert.incident_id
    assert tree["metadata"]["uid"] == alert.id
    assert tree["time"] == int(alert.timestamp.timestamp() * 1000)
    assert_pointers(tree)


def test_an_analysis_holds_the_anomaly_beside_its_baseline():
    (analysis,) = document("ocsf", alerts()[0])["anomaly_analyses"]
    assert analysis["analysis_targets"] == [{"name": "u1", "type": "User Account"}]
    assert analysis["anomalies"][0]["observations"] == [{"value": "240 records/h"}]
    assert analysis["baselines"][0]["observations"] == [{"value": "11.5 records/h"}]
    assert analysis["baselines"][0]["observed_pattern"] == "account of 21 days"


def test_a_source_that_is_no_address_is_a_name():
    tree = next(document("ocsf", one) for one in alerts() if one.source_ip == "printer.example")
    assert tree["evidences"][0]["src_endpoint"] == {"name": "printer.example"}
    assert "printer.example" not in json.dumps(tree["observables"])


def test_a_cut_finding_says_so():
    assert document("ocsf", huge())["metadata"]["is_truncated"] is True
