"""Rules written for another taxonomy load and match through processing pipelines; faults name rule, file and line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from detector.cli import main
from detector.config import Config
from detector.config import Rules as RulesSection
from detector.detect.rules import Rules
from detector.detect.rules.proof import frame
from detector.errors import FaultsError

ZEEK = """
title: Zeek's names
id: 40000000-0000-4000-8000-000000000001
name: zeek_probe
logsource: {product: zeek, service: http}
detection:
  sel:
    uri|contains: /admin
    status_code: [403, 404]
    id.orig_h|cidr: 203.0.113.0/24
  ours:
    username|expand: '%testers%'
  condition: sel and not ours
---
title: Zeek's names, counted
id: 40000000-0000-4000-8000-000000000002
correlation:
  type: value_count
  rules: [zeek_probe]
  group-by: [id.orig_h]
  timespan: 5m
  condition: {field: uri, gte: 2}
---
title: The scanner of ours
logsource: {product: zeek, service: http}
filter:
  rules: [zeek_probe]
  ours: {id.orig_h: 203.0.113.9}
  condition: not ours
"""
MAPPING = """
name: Zeek's http log in our names
priority: 20
vars:
  testers: [tess, toby]
transformations:
  - id: zeek_http
    type: field_name_mapping
    mapping:
      id.orig_h: source.ip
      uri: url.original
      status_code: sc-status
  - type: value_placeholders
"""
ONLY_POSTS = """
priority: 30
transformations:
  - type: add_condition
    conditions: {cs-method: POST}
    rule_conditions:
      - {type: logsource, product: zeek, service: http}
"""


@pytest.fixture
def load(tmp_path: Path):
    """Load rules through pipelines, each a text."""

    def loaded(rules: str, *pipelines: str) -> Rules:
        (tmp_path / "rules").mkdir(exist_ok=True)
        (tmp_path / "rules" / "pack.yml").write_text(rules, "utf-8")
        paths = [tmp_path / f"pipeline_{i}.yml" for i in range(len(pipelines))]
        for path, text in zip(paths, pipelines, strict=True):
            path.write_text(text, "utf-8")
        section = RulesSection(shipped=False, folders=(tmp_path / "rules",), pipelines=tuple(paths))
        return Rules.load(Config(rules=section))

    return loaded


def faults(load, rules: str, *pipelines: str) -> list[tuple[str, int, str]]:
    with pytest.raises(FaultsError) as raised:
        load(rules, *pipelines)
    return [(Path(fault.file).name, fault.line, fault.message) for fault in raised.value.faults]


def probes(address: str, **more: object) -> list[dict[str, object]]:
    every = {"source.ip": address, "sc-status": 404, "repeat": 2, "url.original": "/admin/{i}"}
    return [every | more]


def test_a_pack_of_another_taxonomy_detects(load):
    rules = load(ZEEK, MAPPING)
    events = [*probes("203.0.113.7"), *probes("203.0.113.8", **{"user.name": "tess"}), *probes("203.0.113.9")]
    assert rules.observe(frame(events))["source.ip"].to_list() == ["203.0.113.7"]
    assert rules.muted == {"The scanner of ours": 2}


def test_pipelines_apply_by_priority_whatever_their_order(load):
    first = ONLY_POSTS.replace("priority: 30", "priority: 10").replace("cs-method: POST", "uri|endswith: '/0'")
    for order in ((MAPPING, first, ONLY_POSTS), (ONLY_POSTS, first, MAPPING)):
        rules = load(ZEEK.replace("gte: 2", "gte: 1"), *order)
        posts = probes("203.0.113.7", **{"cs-method": "POST"})
        assert rules.observe(frame([*probes("203.0.113.8"), *posts]))["signal.count"].to_list() == [1]


def test_our_own_rules_are_in_our_names_already(tmp_path: Path):
    (tmp_path / "p.yml").write_text("transformations: [{type: rule_failure, message: none shall pass}]", "utf-8")
    assert Rules.load(Config(rules=RulesSection(pipelines=(tmp_path / "p.yml",)))).catalogue


def test_without_its_pipeline_every_field_is_a_fault_in_its_line(load):
    assert [(name, line) for name, line, _ in faults(load, ZEEK)] == [("pack.yml", n) for n in (8, 9, 10, 20, 22, 28)]


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("uri: url.original", "uri: url.orignal"), 8, "rule \"Zeek's names\": no field 'url.orignal'"),
        (("uri: url.original", "uri: url.orignal"), 22, "rule \"Zeek's names, counted\": no field 'url.orignal'"),
        (("testers:", "scanners:"), 12, "refuses it: Placeholder replacement variable 'testers' doesn't exists."),
        (("  - type: value_placeholders\n", ""), 12, "placeholder %testers% has no values"),
        (("  - type: v", "  - {type: rule_failure, message: not in this house}\n  - type: v"), 6, "not in this house"),
        (("  - type: v", "  - {type: rule_failure, message: not in this house}\n  - type: v"), 17, "not in this house"),
        (
            ("  - type: v", "  - {type: detection_item_failure, message: no lists, field_name_conditions: "
             "[{type: include_fields, fields: [sc-status]}]}\n  - type: v"), 9, "refuses it: no lists",
        ),
    ],
)  # fmt: skip
def test_faults_that_show_after_the_pipeline_name_rule_and_line(load, change, line, words):
    found = {(at, message) for name, at, message in faults(load, ZEEK, MAPPING.replace(*change)) if name == "pack.yml"}
    assert any(at == line and words in message for at, message in found), found


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("transformations:\n- type: field_name_maping\n", 2, "field_name_maping"),
        ("transformations:\n- type: value_placeholders\n- type: field_name_mapping\n  maping: {}\n", 3, "maping"),
        ("vars: {}\nvars: {}\n", 2, "said twice"),
        ("transformation: []\n", 1, "unknown key 'transformation'"),
        ("name: x\ntransformations: {}\n", 2, "is a list"),
        ("name: x\npostprocessing: []\n", 2, "there are none here"),
        ("name: x\ntransformations:\n- {type: query_expression_placeholders, expression: x}\n", 3, "another system"),
        ("transformations:\n- {type: command_placeholders, command: ls}\n", 2, "put them under vars"),
        ("name: [\n", 2, "not YAML"),
        ("- a\n", 1, "is a mapping"),
        ("", 1, "one processing pipeline is required"),
    ],
)
def test_faults_of_a_pipeline(load, text, line, words):
    found = faults(load, ZEEK, text)
    assert [(name, at, words in message) for name, at, message in found] == [("pipeline_0.yml", line, True)], found


def test_a_pipeline_that_is_not_there(tmp_path: Path):
    section = RulesSection(shipped=False, pipelines=(tmp_path / "none.yml",))
    with pytest.raises(FaultsError, match=r"none\.yml:1: cannot be read"):
        Rules.load(Config(rules=section))


def test_the_option_beside_rules(tmp_path: Path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "zeek.yml").write_text(ZEEK, "utf-8")
    (tmp_path / "mapping.yml").write_text(MAPPING, "utf-8")
    said = ["--rules", str(tmp_path / "rules")]
    assert CliRunner().invoke(main, ["check", *said]).exit_code == 2
    result = CliRunner().invoke(main, ["check", *said, "--pipeline", str(tmp_path / "mapping.yml")])
    assert result.exit_code == 0, result.output
