"""With `language: fr` nothing that people read is English: alerts, report, explain, baseline; nothing else changes."""

import json
import re
from html import unescape

import pytest
from click.testing import CliRunner

from detector.cli import main
from tests.inquire.conftest import CONFIG

ENGLISH = re.compile(
    r"\b(the|of|and|with|from|was|were|is|are|an|in|usually|usual|account|accounts|address|records?|persons?|new|rare|never"
    r"|hours?|days?|closed|open|opened|escalated|high|medium|low|critical|logged|displayed|within|ask|close|call|more"
    r"|what|why|who|when|none|lines?|country|network|alerts|peers|insured|Mon|Tue|Wed|Thu|Fri|Sat|Sun|March)\b",
    re.IGNORECASE,
)
NOT_SAID = re.compile(r"`[^`]*`|detector [a-z]+ .*|[a-z_]+\.[a-z_.]+|--[a-z]+")
"""Commands and the names of fields."""


def english(text: str, names: set[str]) -> set[str]:
    """Return the English words in a text, the `names` of rules aside."""
    for name in names:
        text = text.replace(name, "")
    return {found[0] for found in ENGLISH.finditer(NOT_SAID.sub("", text))} - {"an"}


@pytest.fixture(scope="module")
def french(log, tmp_path_factory):
    folder = tmp_path_factory.mktemp("french")
    (folder / "detector.yml").write_text(f"language: fr\n{CONFIG}", "utf-8")
    told = ["batch", str(log), "--state", str(folder / "state"), "--config", str(folder / "detector.yml")]
    outs = ["--alerts", str(folder / "alerts.jsonl"), "--report", str(folder / "report.html")]
    result = CliRunner().invoke(main, [*told, *outs])
    assert result.exit_code == 0, result.output
    (folder / "summary").write_text(result.stderr, "utf-8")
    return folder


def alerts_in(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def alerts(french):
    return alerts_in(french / "alerts.jsonl")


@pytest.fixture(scope="module")
def names(alerts):
    return {one["rule"]["name"] for one in alerts}


def shown(french, command: str, *asked: str) -> str:
    config = ["--state", str(french / "state"), "--config", str(french / "detector.yml")]
    result = CliRunner().invoke(main, [command, *config, *asked])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_same_alerts_with_other_words(alerts, state):
    ours = alerts_in(state.parent / "alerts.jsonl")
    assert [one["event"]["id"] for one in alerts] == [one["event"]["id"] for one in ours]
    assert [one["rule"] for one in alerts] == [one["rule"] for one in ours]
    assert all(theirs["message"] != one["message"] for theirs, one in zip(alerts, ours, strict=True))
    assert all(english(one["message"], set()) for one in ours), "what looks for English words finds none in English"


def test_no_alert_speaks_english(alerts, names):
    assert alerts
    for one in alerts:
        portal = one["portal"]
        reasons = [text for reason in portal["reasons"] for text in (reason["text"], reason["unit"])]
        for text in (one["message"], portal["next_step"], *reasons):
            assert english(text, names) == set(), text


def test_the_report_speaks_french(french, names):
    page = (french / "report.html").read_text("utf-8")
    assert '<html lang="fr">' in page
    told = re.sub(r"<style>.*?</style>|<pre>.*?</pre>", "", page, flags=re.DOTALL)
    labels = " ".join(re.findall(r'aria-label="([^"]*)"', told))
    text = unescape(re.sub(r"<[^>]+>", "\n", told) + labels)
    assert english(text.partition("Chiffres de cette exécution")[0], names) == set()
    assert "incidents sont ouverts" in text


def test_the_summary_speaks_french(french, names):
    *_, told = (french / "summary").read_text("utf-8").partition("incidents ouverts ; alertes : ")
    assert told
    assert english(re.sub("ATTENTION : .*", "", told), names) == set()


def test_explain_and_baseline_speak_french(french, alerts, names):
    for one in {one["portal"]["incident"]["id"] for one in alerts}:
        assert english(shown(french, "explain", one), names) == set()
    assert english(shown(french, "baseline", "p1"), names) == set()
    assert english(shown(french, "timeline", "p1"), names) == set()
