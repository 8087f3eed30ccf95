import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from detector.cli import main
from detector.config import shipped

RULE = """\
title: Admin page asked for
id: 0f7c1c5e-9f5b-4f0a-9a53-0d2f6a1d9d01
status: test
description: Somebody asks for the admin page.
tags: [attack.t1190]
logsource: {{category: webserver}}
detection:
  selection: {{cs-uri-stem|contains: '/admin'}}
  condition: selection
level: high
falsepositives: [An administrator]
custom:
  runbook: [Ask who it was.]
  tests:
    - name: match
      events: [{{cs-uri-stem: /admin/x, source.ip: 192.0.2.1}}]
      alerts: {alerts}
    - name: near miss
      events: [{{cs-uri-stem: /administ, source.ip: 192.0.2.1}}, {{cs-uri-stem: /, source.ip: 192.0.2.1}}]
      alerts: 1
"""


def run(folder: Path, *arguments: str, alerts: int = 1) -> Result:
    (folder / "rule.yml").write_text(RULE.format(alerts=alerts), "utf-8")
    return CliRunner().invoke(main, ["rules", *arguments, "--rules", str(folder)])


def test_the_shipped_pack_passes_its_own_tests():
    result = CliRunner().invoke(main, ["rules", "test"])
    assert result.exit_code == 0, result.output
    assert int(result.stdout.split(" rules, ")[1].split()[0]) > 0


def test_a_rule_that_fails_its_test_is_a_fault_with_its_line(tmp_path):
    result = run(tmp_path, "test", "--junit", str(tmp_path / "junit.xml"), alerts=2)
    assert result.exit_code == 2
    assert f"{tmp_path}/rule.yml:" in result.stderr
    assert "expected 2 alerts, got 1" in result.stderr
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert suite.attrib["failures"] == "1"


def test_list_has_one_line_a_rule(tmp_path):
    rows = [line.split("\t") for line in run(tmp_path, "list").stdout.splitlines()]
    assert ["0f7c1c5e-9f5b-4f0a-9a53-0d2f6a1d9d01", "high", "T1190", "Admin page asked for"] in rows


@pytest.mark.parametrize("name", ["0f7c1c5e-9f5b-4f0a-9a53-0d2f6a1d9d01", "Admin page asked for"])
def test_show_says_what_to_do(tmp_path, name):
    output = run(tmp_path, "show", name).stdout
    for expected in (
        "Somebody asks",
        "level: high",
        "T1190",
        "step 1: Ask who it was.",
        "An administrator",
        "rule.yml:1",
    ):
        assert expected in output


def test_show_of_no_rule_is_2(tmp_path):
    result = run(tmp_path, "show", "nothing")
    assert result.exit_code == 2
    assert "no rule 'nothing'" in result.stderr


def test_a_failed_test_says_what_was_expected_and_what_fired_when(tmp_path):
    result = run(tmp_path, "test", alerts=0)
    assert (
        f"{tmp_path}/rule.yml:15: 'Admin page asked for', test 'match': "
        "expected no alerts, got 1 (at 2026-03-02T08:00:01.000Z source.ip=192.0.2.1)" in result.stderr.splitlines()
    )


def test_a_rule_that_lacks_something_is_noted_and_no_fault(tmp_path):
    for result in (run(tmp_path, "test"), CliRunner().invoke(main, ["check", "--rules", str(tmp_path)])):
        assert result.exit_code == 0, result.output
        (note,) = (line for line in result.stderr.splitlines() if "rule.yml" in line)
        assert note == (
            f"note: {tmp_path}/rule.yml:1: rule 'Admin page asked for' lacks references, custom.runbook (2 steps),"
            " a test that nearly does (alerts: 0)"
        )


def test_tests_of_one_rule(tmp_path):
    result = run(tmp_path, "test", "--rule", "Admin page asked for")
    assert result.stdout == "1 rules, 2 tests passed\n"
    assert run(tmp_path, "test", "--rule", "nothing").exit_code == 2


def test_tests_speak_of_rules_as_they_are_written(tmp_path):
    title = next(line.split("\t")[3] for line in run(tmp_path, "list").stdout.splitlines() if "T1110" in line)
    (tmp_path / "config.txt").write_text(
        f"rules: {{disabled: [Admin page asked for], thresholds: {{{title!r}: 999}}}}\n"
    )
    result = run(tmp_path, "test", "--config", str(tmp_path / "config.txt"))
    assert result.exit_code == 0, result.output


def test_the_list_as_json(tmp_path):
    listed = json.loads(run(tmp_path, "list", "-o", "json").stdout)
    (mine,) = (one for one in listed if one["title"] == "Admin page asked for")
    assert mine["file"] == f"{tmp_path}/rule.yml"
    assert mine["techniques"] == ["T1190"]


def test_the_schema_is_the_shipped_one():
    printed = CliRunner().invoke(main, ["rules", "schema"]).stdout
    assert json.loads(printed) == json.loads(shipped("rules", "rule.schema.json").read_text())


def test_a_profile_tells_where_all_the_time_went(log):
    result = CliRunner().invoke(main, ["rules", "list", "--profile", str(log)])
    assert result.exit_code == 0, result.output
    head, *rows, whole = (re.split(r"  +", line) for line in result.stdout.splitlines())
    assert head == ["rule", "ms", "share", "matches", "alerts"]
    spent = [float(row[1].replace(",", "")) for row in rows]
    assert spent == sorted(spent, reverse=True)
    assert whole[0] == "(all)"
    assert float(whole[1].replace(",", "")) == pytest.approx(sum(spent), abs=0.06 * len(rows))
    by_name = {row[0]: row for row in rows}
    assert {"(reading: collect)", "(questions that rules share)"} <= set(by_name)
    assert by_name["Record displayed to a person"][3:] == ["1,680", "-"]
    assert sum(int(row[4]) for row in rows if row[4] != "-") == int(whole[4]) > 0


def test_a_profile_as_json(log):
    found = json.loads(CliRunner().invoke(main, ["rules", "list", "-o", "json", "--profile", str(log)]).stdout)
    assert found["lines"] == 1681
    assert sum(cost["alerts"] or 0 for cost in found["costs"]) > 0
    assert min(cost["seconds"] for cost in found["costs"]) >= 0


@pytest.mark.parametrize("arguments", [["--profile"], ["access.log"]])
def test_a_profile_needs_a_log_and_a_log_a_profile(arguments):
    assert CliRunner().invoke(main, ["rules", "list", *arguments]).exit_code == 2
