import csv
import ipaddress
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from detector.emit.alert import ecs
from tests.emit.alert.samples import REASON, WRITTEN, alerts, document, flat, hostile, huge

FIELDS = Path(__file__).parents[4] / "shared" / "data" / "schemas" / "ecs_9.4.0_fields.csv"

IGNORED_ABOVE = 1024
"""Characters of a keyword that Elasticsearch indexes, as ECS's own mappings set it."""

ALLOWED = {
    "event.kind": {"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"},
    "event.category": {"intrusion_detection", "web"},
    "event.type": {"info"},  # the one that both categories expect
    "event.outcome": {"success", "failure", "unknown"},
}
"""Source: ECS 9.4 categorization field values; the list of fields does not have them."""

ALWAYS = [
    "@timestamp", "ecs.version", "event.kind", "event.dataset", "event.category", "event.type", "event.id",
    "event.start", "event.end", "event.created", "event.severity", "event.risk_score", "rule.id", "rule.name",
    "rule.category", "rule.version", "user.name", "related.user", "related.ip", "threat.technique.id",
    "threat.tactic.id", "threat.framework", "message", "portal.incident.id", "portal.incident.state",
    "portal.reasons", "portal.subjects_count",
]  # fmt: skip


def reference() -> dict[str, dict[str, str]]:
    if not FIELDS.exists():
        pytest.skip(f"the list of ECS fields is not there: {FIELDS}")
    with FIELDS.open(encoding="utf-8") as file:
        return {row["Field"]: row for row in csv.DictReader(file)}


def fits(name: str, value: Any, sort: str) -> bool:
    if sort == "date":
        return datetime.fromisoformat(value).tzinfo is not None and value.endswith("Z") and len(value) == 24
    if sort == "long":
        return type(value) is int and -(2**63) <= value < 2**63
    if sort == "float":
        return type(value) in (int, float) and math.isfinite(value)
    if sort == "ip":
        return str(ipaddress.ip_address(value)) == value
    if sort == "keyword":
        return isinstance(value, str) and len(value) <= IGNORED_ABOVE and value in ALLOWED.get(name, {value})
    assert sort == "match_only_text", f"{name}: {sort} is not looked at here"
    return isinstance(value, str)


def assert_ecs(tree: dict[str, Any], known: dict[str, dict[str, str]]) -> None:
    for name, value in flat(tree).items():
        if name.startswith("portal."):
            continue
        assert name in known, name
        is_list = known[name]["Normalization"] == "array"
        assert isinstance(value, list) == is_list, name
        for one in value if is_list else [value]:
            assert fits(name, one, known[name]["Type"]), (name, one)


@pytest.mark.parametrize("alert", [*alerts(), huge()], ids=lambda one: f"{one.state}-{one.id[:6]}")
def test_fields_are_those_of_the_reference(alert):
    assert_ecs(document("ecs", alert), reference())


@given(alert=hostile)
@settings(max_examples=40, deadline=None)
def test_fields_are_those_of_the_reference_whatever_an_attacker_words(alert):
    assert_ecs(document("ecs", alert), reference())


@pytest.mark.parametrize("alert", alerts(), ids=lambda one: f"{one.state}-{one.id[:6]}")
def test_what_is_always_present(alert):
    tree = flat(document("ecs", alert))
    assert [name for name in ALWAYS if tree.get(name) is None] == []
    assert tree["event.kind"] == "alert"
    assert tree["event.dataset"] == "portal.detector"
    assert tree["event.start"] <= tree["@timestamp"]
    assert 0 <= tree["event.risk_score"] <= 100
    assert tree["portal.subjects_count"] == (17 if alert.account else 0)
    assert all(set(reason) == set(REASON) for reason in tree["portal.reasons"])


def test_the_numbers_of_the_reasons_are_as_they_came():
    assert ecs(alerts()[0], WRITTEN)["portal"]["reasons"] == [REASON]


def test_an_address_is_absent_when_none_raised_it_and_apart_when_it_is_none():
    by_key = {one.source_ip: flat(ecs(one, WRITTEN)) for one in alerts()}
    assert "source.ip" not in by_key[None]
    assert "source.ip" not in by_key["printer.example"]
    assert by_key["printer.example"]["source.address"] == "printer.example"
    assert by_key["printer.example"]["related.hosts"] == ["printer.example"]
    assert by_key["2001:db8::9"]["source.ip"] == "2001:db8::9"


def test_network_number_and_country():
    tree = flat(ecs(alerts()[0], WRITTEN))
    assert (tree["source.as.number"], tree["source.geo.country_iso_code"]) == (3215, "FR")


def test_nobody_is_a_dash():
    names = {one.source_ip: ecs(one, WRITTEN)["user"]["name"] for one in alerts() if one.account is None}
    assert names == {"2001:db8::9": "-", "printer.example": "u6", None: "-"}
