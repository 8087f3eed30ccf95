"""What ships for the receiving side fits what is sent: every field is known there, and nothing else is asked for."""

import configparser
import ipaddress
import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from detector.config import shipped
from detector.emit.alert import render
from detector.emit.alert.record import Alert
from tests.emit.alert.samples import WRITTEN, alerts, document, hostile, huge
from tests.emit.alert.test_ecs import reference
from tests.emit.alert.test_flat import ASIM

SIEM = shipped("config", "siem")
TEMPLATE = json.loads((SIEM / "elastic" / "index-template.json").read_text("utf-8"))
MAPPING = TEMPLATE["template"]["mappings"]
ADDON = SIEM / "splunk" / "portal_detector"


def leaves(properties: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, mapped in properties.items():
        if "properties" in mapped:
            yield from leaves(mapped["properties"], f"{prefix}{name}.")
        else:
            yield prefix + name, mapped


MAPPED = dict(leaves(MAPPING["properties"]))


def taken(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what Elasticsearch takes from a document: each single value and the path of its field."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from taken(value, f"{path}.{name}" if path else name)
    elif isinstance(tree, list):
        for one in tree:
            yield from taken(one, path)
    elif tree is not None:
        yield path, tree


def accepted(value: Any, sort: str) -> bool:
    match sort:
        case "keyword" | "match_only_text":
            return isinstance(value, str)
        case "ip":
            return ipaddress.ip_address(value).compressed == value
        case "date":
            return datetime.fromisoformat(value).tzinfo is not None
        case "long":
            return type(value) is int and -(2**63) <= value < 2**63
        case "float" | "double":
            return type(value) in (int, float) and abs(value) <= (3.4e38 if sort == "float" else math.inf)
    return False


def assert_indexed(alert: Alert) -> set[str]:
    found = set()
    for path, value in taken(document("ecs", alert)):
        assert accepted(value, MAPPED[path]["type"]), (path, value)
        found.add(path)
    return found


def every_sort() -> list[Alert]:
    rich = replace(alerts()[0], client="curl", related_incidents=("78d6003f683d46b3becf",))
    full = huge()
    many = tuple(f"T{number:04}.001" * 20 for number in range(200))
    return [*alerts(), rich, replace(full, techniques=many, tactics=many, related_incidents=many)]


def test_the_mapping_is_strict_and_knows_all_that_is_sent_and_nothing_more():
    assert MAPPING["dynamic"] == "strict"
    found = set().union(*map(assert_indexed, every_sort()))
    assert set(MAPPED) - found == {"event.ingested"}  # the pipeline's


@given(alert=hostile)
@settings(max_examples=30, deadline=None)
def test_no_alert_is_refused_whatever_an_attacker_words(alert):
    assert_indexed(alert)


def test_the_mapping_is_that_of_ecs():
    known = reference()
    for name, mapped in MAPPED.items():
        if not name.startswith("portal."):
            assert mapped["type"] == known[name]["Type"], name
        if mapped["type"] == "keyword":
            assert mapped["ignore_above"] == 1024


def test_the_pipeline_sets_a_field_that_is_mapped():
    (step,) = json.loads((SIEM / "elastic" / "ingest-pipeline.json").read_text("utf-8"))["processors"]
    assert step["set"]["field"] in MAPPED


def conf(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((ADDON / name).read_text("utf-8"))
    return parser


def test_the_addon_refers_to_fields_that_are_sent():
    sent = {name.replace(".", "{}.", 1) if name.startswith("reasons") else name for name in _cim_names()}
    props = conf("default/props.conf")["portal:detector:alert"]
    for key, said in props.items():
        if key.startswith("EVAL-"):
            (name,) = re.findall(r"\b[a-z_]+\b(?!\()", re.sub(r'"[^"]*"', "", said))
            assert name in sent, key
        if key.startswith("FIELDALIAS-"):
            original, alias = re.fullmatch(r'"([^"]+)" AS (\w+)', said).groups()  # type: ignore[union-attr]
            assert original in sent, key
            assert key == f"FIELDALIAS-{alias}"


def _cim_names() -> set[str]:
    names = set()
    for alert in every_sort():
        for name, value in document("cim", alert).items():
            names.add(f"{name}{{}}" if isinstance(value, list) else name)
            if name == "reasons":
                names |= {f"reasons.{part}" for reason in value for part in reason}
    return names


def test_the_addon_cuts_lines_and_finds_the_time():
    props = conf("default/props.conf")["portal:detector:alert"]
    for alert in every_sort():
        line = render("cim", alert, WRITTEN).decode()
        assert len(line) <= int(props["TRUNCATE"])
        assert re.search(props["LINE_BREAKER"], line) is None
        prefix = re.search(props["TIME_PREFIX"], line)
        assert prefix is not None
        stamp = line[prefix.end() : prefix.end() + int(props["MAX_TIMESTAMP_LOOKAHEAD"])]
        moment = datetime.strptime(stamp, props["TIME_FORMAT"].replace("%3N", "%f"))
        assert moment == alert.timestamp.replace(tzinfo=None, microsecond=alert.timestamp.microsecond // 1000 * 1000)


def test_the_addon_tags_its_event_type_as_alert():
    (event_type,) = conf("default/eventtypes.conf").sections()
    assert dict(conf("default/tags.conf")[f"eventtype={event_type}"]) == {"alert": "enabled"}
    (source_type,) = conf("default/props.conf").sections()
    assert f'"{source_type}"' in conf("default/eventtypes.conf")[event_type]["search"]
    assert event_type in conf("default/macros.conf")["portal_alerts"]["definition"]
    assert conf("default/app.conf")["package"]["id"] == ADDON.name


SORTS = {"string": str, "int": int, "datetime": datetime, "dynamic": dict}


@pytest.mark.parametrize(
    ("file", "where"),
    [
        ("table.json", lambda tree: tree["properties"]["schema"]),
        ("dcr.json", lambda tree: tree["resources"][0]["properties"]["streamDeclarations"]["Custom-PortalAlerts_CL"]),
    ],
)
def test_the_columns_of_sentinel_are_those_of_asim(file, where):
    columns = where(json.loads((SIEM / "sentinel" / file).read_text("utf-8")))["columns"]
    assert {one["name"]: SORTS[one["type"]] for one in columns} == ASIM
    assert len(columns) == len(ASIM)


@pytest.mark.parametrize("file", ["ASimAlertEventPortalDetector.kql", "PortalIncidents.kql"])
def test_the_functions_of_sentinel_name_columns_that_are_there(file):
    text = re.sub(r"//.*", "", (SIEM / "sentinel" / file).read_text("utf-8"))
    made = set(re.findall(r"\b([A-Z]\w+) =", text))
    inside = set(re.findall(r"AdditionalFields\.(\w+)", text))
    additional = {name for one in every_sort() for name in document("asim", one)["AdditionalFields"]}
    assert inside <= additional
    names = set(re.findall(r"(?<![.\w])[A-Z]\w+", text)) - inside
    assert names - set(ASIM) - made <= {"PortalAlerts_CL", "ASimAlertEventPortalDetector"}
    assert "arg_max" in text


def test_every_folder_says_how_it_is_installed():
    assert all((folder / "README.md").is_file() for folder in Path(SIEM).iterdir() if folder.is_dir())
