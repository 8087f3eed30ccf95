from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from detector.cli import main

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
