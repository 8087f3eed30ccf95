"""What the README shows is what comes out. `REFRESH=1 pytest tests/test_readme.py` writes it anew."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "detector" / "docs").rglob("*.md"))
ALERT = re.compile(r"(?<=```json\n).*?(?=\n```)", re.DOTALL)
SUMMARY = re.compile(r"(?<=and the summary on standard error:\n\n```\n).*?(?=\n```)", re.DOTALL)
TIMES = re.compile(r"in [0-9.,]+ s \([0-9,]+ a second\)")


def shown(alert: dict) -> str:
    """The alert with line breaks where people look: one field of the top a line, one reason a line."""
    portal = dict(alert["portal"])
    reasons = ",\n   ".join(map(json.dumps, portal.pop("reasons")))
    inner = [f'"{name}": {json.dumps(value)}' for name, value in portal.items()] + [f'"reasons": [\n   {reasons}]']
    outer = [f'"{name}": {json.dumps(value)}' for name, value in alert.items() if name != "portal"]
    return "{" + ",\n ".join([*outer, '"portal": {' + ",\n  ".join(inner) + "}"]) + "}"


@pytest.fixture(scope="module")
def run() -> tuple[dict, str]:
    done = subprocess.run(
        [sys.executable, "-m", "detector", "batch", "sample_logs"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first = json.loads(done.stdout.splitlines()[0])
    summary = done.stderr.strip().replace(f"{ROOT}/", "")
    if os.environ.get("REFRESH"):
        refresh(first, summary)
    return first, summary


def refresh(first: dict, summary: str) -> None:
    """Write the README's alert and summary anew, and its incident into every page that names it."""
    text = README.read_text("utf-8")
    former = incident(json.loads(ALERT.search(text)[0]))
    text = ALERT.sub(lambda _: shown(first), text, count=1)
    README.write_text(SUMMARY.sub(lambda _: summary, text, count=1), "utf-8")
    for page in (README, *DOCS):
        page.write_text(page.read_text("utf-8").replace(former, incident(first)), "utf-8")


def incident(alert: dict) -> str:
    return alert["portal"]["incident"]["id"]


def timeless(alert: dict) -> dict:
    return alert | {"event": {**alert["event"], "created": ""}}


def test_the_alert_is_the_one_that_the_first_command_raises(run):
    text = ALERT.search(README.read_text("utf-8"))[0]
    assert timeless(json.loads(text)) == timeless(run[0])
    assert text == shown(json.loads(text))


def test_the_summary_is_the_one_it_writes(run):
    text = SUMMARY.search(README.read_text("utf-8"))[0]
    assert TIMES.sub("", text) == TIMES.sub("", run[1])


def test_the_incident_that_commands_name_is_the_one_that_is_raised(run):
    for page in (README, ROOT / "detector" / "docs" / "quickstart.md"):
        named = re.findall(r"(?<=detector explain )[0-9a-f]{20}", page.read_text("utf-8"))
        assert named == [incident(run[0])]


def test_the_test_command_is_the_one_that_ci_runs():
    command = next(line for line in README.read_text("utf-8").splitlines() if "[test]" in line)
    install, test = (part.strip().removeprefix(".venv/bin/") for part in command.split("&&"))
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    assert f'"$bin/{install.split()[0]}" {install.partition(" ")[2]}' in ci
    assert f'"$bin/{test.split()[0]}" {test.partition(" ")[2]}' in ci


def test_every_command_and_exit_code_is_named():
    from detector.cli import COMMANDS

    text = README.read_text("utf-8")
    assert [name for name in COMMANDS if f"`detector {name}" not in text] == []
    assert re.search(r"Exit codes: 0 .*; 1 .*; 2 .*; 3\s.*; 4 ", text, re.DOTALL)


def test_every_section_of_the_configuration_is_named():
    from detector.config import Config

    text = README.read_text("utf-8")
    assert [name for name in Config.model_fields if f"| `{name}` |" not in text] == []


def test_every_link_inside_the_repository_leads_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []
