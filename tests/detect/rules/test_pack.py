"""The shipped pack: every rule is tested both ways, explains itself, and leaves ordinary days alone."""

import re
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from detector.config import Config, shipped
from detector.detect.rules import Rules, custom, documents, editor, lacking, run_tests, write_junit
from detector.detect.rules.found import Found, adjusted
from detector.detect.rules.proof import frame
from detector.schema import LEVELS

RULES = Rules.load(Config())
SPEAKING = [rule for rule in RULES.catalogue if rule.output]


@pytest.mark.parametrize("rule", [rule for rule in RULES.catalogue if rule.tests], ids=lambda r: r.path.stem)
def test_rule_file(rule):
    assert [str(one.fault) for one in run_tests(RULES, [rule]) if not one.passed] == []


def test_no_rule_lacks_what_whoever_gets_its_alert_needs():
    assert list(lacking(RULES.catalogue)) == []


@pytest.mark.parametrize("rule", SPEAKING, ids=lambda r: r.title)
def test_every_rule_says_what_it_is_and_what_to_do(rule):
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", rule.id)
    assert rule.level in LEVELS
    assert rule.status in {"stable", "test", "experimental"}
    assert rule.version
    assert rule.description
    assert rule.references
    assert rule.falsepositives
    assert 2 <= len(rule.runbook) <= 3
    assert rule.techniques
    assert any(tag.startswith("owasp.oat.") for tag in rule.tags) or "T1550.004" in rule.techniques  # no OAT of it
    assert rule.tactics
    assert rule.custom.message
    assert not set(re.findall(r"\{(.+?)\}", rule.custom.message)) - KNOWN, rule.custom.message


KNOWN = {"count", "threshold", "timespan", "title", "user.name", "source.ip", "portal.network", "portal.network_kind",
         "portal.client", "user_agent.original", "source.geo.country_iso_code",
         "previous.source.geo.country_iso_code", "previous.source.ip", "previous.user.name"}  # fmt: skip


@pytest.mark.parametrize("rule", SPEAKING, ids=lambda r: r.title)
def test_every_rule_says_the_same_in_french(rule):
    named = re.compile(r"\{.+?\}|source\.ip|user\.name|related\.\w+|signal\.\w+|portal\.\w+|@timestamp|user_agent\.\w+"
                       r"|detector \w+|url\.path")  # fmt: skip
    english, french = rule.said_in("en"), rule.said_in("fr")
    assert french == rule.custom.fr, "something is left out"
    assert set(named.findall(french.message)) == set(named.findall(english.message))
    for other, step in zip(french.runbook, english.runbook, strict=True):
        assert set(named.findall(other)) == set(named.findall(step))


@pytest.mark.parametrize("rule", [rule for rule in RULES.catalogue if rule.correlation and rule.correlation.measures])
def test_every_threshold_can_be_overridden(rule):
    numbers = tuple(1000.0 + place for place in range(len(rule.correlation.measures)))
    settings = Config().rules.model_copy(update={"thresholds": {rule.id: numbers}})
    changed, faults = adjusted(Found(rules=(rule,)), settings)
    assert not faults
    said = [(one.bounds.pairs or one.times.pairs)[0][1] for one in changed[0].correlation.measures]
    assert said == list(numbers)


def test_rules_lie_in_folders_by_technique():
    inside = [rule.path.relative_to(shipped("rules")) for rule in RULES.catalogue]
    assert all(len(path.parts) == 2 and path.suffix == ".yml" for path in inside)


def test_runbooks_name_a_field_and_a_time():
    fields = re.compile(r"source\.ip|user\.name|related\.|signal\.|portal\.|@timestamp|user_agent")
    for rule in SPEAKING:
        assert any(fields.search(step) for step in rule.runbook), rule.title
        assert any(re.search(r"[Ww]ithin|past|24 hours", step) for step in rule.runbook), rule.title


def test_junit(tmp_path: Path):
    results = run_tests(RULES, RULES.catalogue[:9])
    write_junit(results, tmp_path / "out.xml")
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert suite.get("tests") == str(len(results))
    assert suite.get("failures") == "0"


def test_junit_names_a_failure(pack, tmp_path: Path):
    rules = pack(
        "title: R\nlogsource: {category: webserver}\ndetection: {s: {sc-status: 200}, condition: s}\n"
        "custom: {tests: [{name: wrong, events: [{sc-status: 404}], alerts: 1}, "
        "{name: bad value, events: [{sc-status: soup}], alerts: 0}]}"
    )
    results = run_tests(rules)
    assert [result.passed for result in results] == [False, False]
    assert "expected 1 alert, got 0" in str(results[0].fault)
    assert "does not fit" in str(results[1].fault)
    write_junit(results, tmp_path / "out.xml")
    assert ElementTree.parse(tmp_path / "out.xml").getroot().get("failures") == "2"


def loud(events: pl.DataFrame) -> list[str]:
    """Give the rules that would open an incident."""
    found = Rules.load(Config()).observe(events)
    return found.filter(pl.col("rule.level").is_in(LEVELS[2:]))["rule.name"].to_list()


LOGON = {"portal.action": "logon", "portal.network": "AS64500", "portal.client": "Chrome/Windows"}
VIEW = LOGON | {"portal.action": "record_view", "event.outcome": "success", "sc-status": 200}


def test_an_ordinary_busy_pharmacy():
    day = [LOGON | {"event.outcome": "success", "user.name": "pharmacy", "portal.source": "192.0.2.1"}]
    day += [VIEW | {"repeat": 60, "every": "8m", "user.name": "pharmacy", "portal.subject": "p{i}"}]
    assert loud(frame(day)) == []


def test_catching_up_after_an_outage():
    down = VIEW | {"event.outcome": "failure", "sc-status": 503}
    day = [VIEW | {"repeat": 4, "every": "1d", "user.name": "pharmacy", "portal.subject": "p{i}"}]
    day += [down | {"repeat": 90, "every": "5s", "user.name": "pharmacy", "portal.subject": "p{i}"}]
    day += [VIEW | {"repeat": 200, "every": "6s", "user.name": "pharmacy", "portal.subject": "p{i}"}]
    assert loud(frame(day)) == []


def test_a_hospital_behind_one_address_on_a_monday_morning():
    gate = LOGON | {"portal.source": "198.51.100.7", "source.ip": "198.51.100.7", "every": "2s"}
    past = [gate | {"event.outcome": "success", "user.name": "n{i}", "repeat": 300}]
    morning = []
    for part in range(6):
        wrong = gate | {"event.outcome": "failure", "user.name": f"n{part}{{i}}", "repeat": 10}
        right = gate | {"event.outcome": "success", "user.name": f"n{part}{{i}}", "repeat": 50, "every": "1s"}
        morning += [wrong, wrong, right]
    assert loud(frame([*past, {**morning[0], "@timestamp": "+3d"}, *morning[1:]])) == []
    assert loud(frame([*morning[2:], *morning[:2]])) == []  # even on the first day


def test_a_mass_password_reset():
    gate = LOGON | {"portal.source": "198.51.100.7", "source.ip": "198.51.100.7", "every": "3s", "repeat": 200}
    past = gate | {"event.outcome": "success", "user.name": "n{i}"}
    wrong = gate | {"event.outcome": "failure", "user.name": "n{i}"}
    assert loud(frame([past, wrong | {"@timestamp": "+2d"}, wrong, wrong, past])) == []


def test_telephones_that_change_networks_all_day():
    phone = {"portal.session": "s", "user.name": "nurse", "portal.client": "Safari/iOS", "repeat": 5, "every": "20s"}
    home = phone | {"portal.network": "AS64500", "portal.source": "192.0.2.1"}
    away = phone | {"portal.network": "AS64501", "portal.network_kind": "mobile", "portal.source": "198.51.100.{i}"}
    assert loud(frame([home, away] * 10)) == []


def test_a_vendors_account_runs_day_and_night():
    vendor = VIEW | {"user.name": "lgo", "portal.kind": "software", "portal.client_kind": "script"}
    assert loud(frame([vendor | {"repeat": 3000, "every": "1s", "portal.subject": "p{i}"}])) == []


def test_a_phished_account_used_as_at_viamedis():
    night = VIEW | {"user.name": "dr.martin", "repeat": 200, "every": "1s", "portal.subject": "p{i}"}
    assert "Records displayed faster than anyone reads" in loud(frame([night]))


def test_the_shipped_schema_is_the_generated_one(tmp_path: Path):
    editor.write(tmp_path)
    assert (tmp_path / editor.FILE).read_text() == (shipped("rules") / editor.FILE).read_text()


def test_the_schema_knows_what_rules_may_say():
    known = editor.schema()["properties"]
    assert set(known["custom"]["properties"]) == {*custom._READERS, "tests"}
    (pattern,) = known["detection"]["additionalProperties"]["anyOf"][0]["patternProperties"]
    for rule in RULES.catalogue:
        for document in documents.read(rule.path)[0]:
            assert set(document.data) <= set(known), document.data["title"]
            assert set(document.data.get("custom", {})) <= set(known["custom"]["properties"])
            for name, fields in document.data.get("detection", {}).items():
                if name != "condition":
                    assert all(re.search(pattern, field) for field in fields), name
    assert not re.search(pattern, "url.pth")
    assert not re.search(pattern, "url.path|containz")
