"""The JSON Schema for editors: every shipped rule is valid by it, and what a person types wrong is not."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from detector.config import shipped
from detector.detect.rules import documents, editor

VALIDATOR = Draft202012Validator(editor.schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
BROKEN = Path(__file__).parents[2] / "cli" / "broken_rules"
FILES = sorted(shipped("rules").rglob("*.yml"))


def faults(path: Path) -> list[str]:
    return [fault.message for one in documents.read(path)[0] for fault in VALIDATOR.iter_errors(one.data)]


def test_the_schema_is_one():
    Draft202012Validator.check_schema(editor.schema())


def test_the_shipped_schema_is_the_one_that_is_generated():
    assert json.loads((shipped("rules") / editor.FILE).read_text("utf-8")) == editor.schema()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_shipped_rule_is_valid(path):
    assert faults(path) == []


@pytest.mark.parametrize(
    "name",
    [
        "wrong_field", "wrong_field_in_a_list_of_maps", "wrong_modifier", "condition_missing", "detection_misspelt",
        "level_that_is_none", "references_is_text", "id_is_no_uuid", "log_source_missing", "title_missing",
        "correlation_type_that_is_none", "timespan_that_is_none", "timespan_missing", "bound_that_is_none",
        "bound_of_text", "percentile_over_a_hundred", "further_measure_that_is_none", "gap_of_no_time",
        "custom_key_misspelt", "runbook_of_numbers", "test_without_its_alerts", "test_whose_alerts_are_text",
        "tag_without_namespace", "no_mapping", "neither_rule_nor_filter", "second_document",
    ],
)  # fmt: skip
def test_an_editor_underlines_what_check_refuses(name):
    path = BROKEN / f"{name}.yml"
    found, unread = documents.read(path)
    assert unread or faults(path), found


def test_a_rule_that_others_are_broken_beside_is_valid():
    assert faults(BROKEN / "a_rule_that_is_right.yml") == []
