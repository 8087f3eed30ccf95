"""Both languages say all of it, with the same figures, each in its own way; what is raised does not change with it."""

import re
from dataclasses import replace
from string import Formatter
from typing import get_args

import pytest

from detector.config import Config, load
from detector.detect.models.features import AREAS, CLAIMS, CLIENTELE, COUNTS, HOUR, SILENCE, TRAIT_FEATURES
from detector.detect.rules import Rules, proof
from detector.emit.incident import Incidents
from detector.errors import FaultsError
from detector.language import Language, Words
from detector.schema import LEVELS
from tests.emit.signals import CONFIG, at, frame, signal

ENGLISH, FRENCH = Words.of("en"), Words.of("fr")


def figures(template: object) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(str(template)) if name} if isinstance(template, str) else set()


def forms(template: object) -> list[str]:
    return [form for _, _, form, _ in Formatter().parse(str(template)) if form and "|" in form]


def test_both_languages_have_the_same_keys():
    assert FRENCH.said.keys() == ENGLISH.said.keys()


@pytest.mark.parametrize("key", sorted(ENGLISH.said))
def test_a_sentence_has_the_same_figures_in_both(key):
    assert figures(FRENCH.said[key]) == figures(ENGLISH.said[key])
    for said in (ENGLISH.said[key], FRENCH.said[key]):
        assert all(form.count("|") == 1 for form in forms(said))
        assert type(said) is type(ENGLISH.said[key])


def test_every_measure_and_level_has_its_words():
    shares = [CLIENTELE, AREAS, CLAIMS, HOUR, SILENCE, *TRAIT_FEATURES.values()]
    wanted = {f"{kind}.{one.name}" for kind in ("reason", "unit") for one in (*COUNTS, *shares)}
    wanted |= {f"label.{one.name}" for one in COUNTS} | {f"level.{level}" for level in LEVELS}
    assert wanted <= ENGLISH.said.keys()


DAYS = [(0, "0 days", "0 jour"), (1, "1 day", "1 jour"), (2, "2 days", "2 jours"), (1234, "1,234 days", "1 234 jours")]


@pytest.mark.parametrize(("count", "english", "french"), DAYS)
def test_plurals_and_thousands(count, english, french):
    assert ENGLISH.say("span.day", count=count) == english
    assert FRENCH.say("span.day", count=count) == french


def test_decimals_and_shares():
    told = {"observed": 1234.0, "expected": 2.25}
    assert FRENCH.say("reason.megabytes_day", **told).endswith("d'ordinaire 2,2")
    shared = FRENCH.say("reason.clientele", hits=1, tries=40, expected=0.12)
    assert shared == "1 assuré sur 40 n'avait jamais été affiché au compte, d'ordinaire 12 %"


def test_a_language_that_is_none_is_a_fault_with_its_line(tmp_path):
    path = tmp_path / "detector.yml"
    path.write_text("models: {}\nlanguage: de\n", "utf-8")
    with pytest.raises(FaultsError, match=re.escape(f"{path}:2: language: ")):
        load(path)
    assert set(get_args(Language)) == {"en", "fr"}


def incidents_in(language: Language) -> list:
    rows = [
        signal(0),
        signal(1, user=None),
        signal(5, level="critical", rule__id="r2"),
        signal(9, "u2", signal__text=None),
    ]
    return Incidents(CONFIG.model_copy(update={"language": language})).admit(
        frame(*rows), lambda *_: 1234, at(60 * 24 * 3)
    )


def test_incidents_have_the_same_ids_and_other_words():
    english, french = incidents_in("en"), incidents_in("fr")
    assert [one.id for one in french] == [one.id for one in english]
    assert {one.state for one in french} == {"opened", "escalated", "closed"}
    for ours, theirs in zip(english, french, strict=True):
        assert replace(theirs, message="", next_step="", reasons=(), language="en") == replace(
            ours, message="", next_step="", reasons=()
        )
        assert theirs.next_step != ours.next_step
    closed = [one.message for one in french if one.state == "closed"]
    assert any("clos faute de nouvelle activité après 1 signal, de 2026-" in one for one in closed)
    assert all("1 234 assurés affichés" in one for one in closed if "compte" in one)


def test_rules_raise_the_same_signals_with_other_words():
    catalogue = Rules.load(Config()).catalogue
    told = ["signal.text", "portal.reasons"]
    for rule in [one for one in catalogue if one.output][::5]:
        events = proof.frame(next(one.events for one in rule.tests if one.alerts))
        english, french = (Rules(catalogue, Config(language=one)).observe(events) for one in ("en", "fr"))
        assert not english.is_empty()
        assert french.drop(told).equals(english.drop(told))
        assert not set(french["signal.text"]) & set(english["signal.text"])
