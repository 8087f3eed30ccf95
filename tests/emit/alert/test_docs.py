"""The page on formats shows what is written. `REFRESH=1 pytest tests/emit/alert/test_docs.py` writes it anew."""

import json
import os
import re
from pathlib import Path

import pytest

from detector.cli.options import ALERT_FORMATS
from detector.emit.alert import FORMATS, Alert, render
from tests.emit.alert.samples import WRITTEN, example

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "detector" / "docs" / "formats.md"


@pytest.fixture(scope="module")
def alert() -> Alert:
    return example()


def shown(form: str, alert: Alert) -> str:
    """One line of the JSON's top level a line, members of long lists one a line; text as it is."""
    line = render(form, alert, WRITTEN).decode()
    if not line.startswith("{"):
        return line
    return "{" + ",\n ".join(f"{json.dumps(name)}: {_broken(value)}" for name, value in json.loads(line).items()) + "}"


def _broken(value: object, indent: str = "  ") -> str:
    said = json.dumps(value)
    if len(said) <= 240:
        return said
    if isinstance(value, list):
        return "[\n" + ",\n".join(indent + _broken(one, indent + " ") for one in value) + "]"
    if isinstance(value, dict):
        inner = (f"{indent}{json.dumps(name)}: {_broken(one, indent + ' ')}" for name, one in value.items())
        return "{\n" + ",\n".join(inner) + "}"
    return said


def block(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=\n### {form}\n)(.*?```(?:json)?\n)(.*?)(?=```)", re.DOTALL)


@pytest.mark.parametrize("form", FORMATS)
def test_the_example_is_what_is_written(form, alert):
    text = PAGE.read_text("utf-8")
    if os.environ.get("REFRESH"):
        text = block(form).sub(lambda found: found[1] + shown(form, alert) + "\n", text, count=1)
        PAGE.write_text(text, "utf-8")
    found = block(form).search(text)
    assert found is not None
    assert found[2] == shown(form, alert) + "\n"


def test_every_format_is_in_the_table_and_on_the_command_line():
    text = PAGE.read_text("utf-8")
    assert [form for form in FORMATS if f"| [`{form}`](#{form})" not in text] == []
    assert ALERT_FORMATS == FORMATS


def test_the_configuration_takes_every_format():
    from typing import get_args

    from detector.config.sinks import AlertFormat

    assert get_args(AlertFormat) == FORMATS


SELDOM = {"c6a2", "cn3", "is_truncated", "trimmed", "_trimmed", "Trimmed"}
"""Not of every alert; other tests hold them."""


def test_the_fields_that_the_table_names_are_written(alert):
    table = PAGE.read_text("utf-8").split("## What stands where")[1].split("\n## ")[0]
    heads, _, *rows = [row.split("|")[2:-1] for row in table.splitlines() if row.startswith("|")]
    for row in rows:
        for form, cell in zip(heads, row, strict=True):
            line = render(form.strip(" `"), alert, WRITTEN).decode()
            for name in re.findall(r"`([^` ]+)`", cell):
                word = name.split(".")[-1].removesuffix("[]")
                assert word in SELDOM or re.search(rf"(?<!\w){word}(?!\w)", line), (form, name)
