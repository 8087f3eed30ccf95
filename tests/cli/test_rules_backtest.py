"""`detector rules backtest`: what rules would raise, by day, over archives however they are cut."""

import gzip
import json

import pytest
from click.testing import CliRunner, Result

from detector.cli import main
from tests.cli.test_batch import batch

RULE = """\
title: Record displayed
name: displayed
logsource: {{category: webserver}}
detection:
  selection: {{portal.action: record_view, event.outcome: success}}
  condition: selection
---
title: Many records
id: 0f7c1c5e-9f5b-4f0a-9a53-0d2f6a1d9d02
name: many_records
status: experimental
correlation:
  type: event_count
  rules: [displayed]
  group-by: [user.name]
  timespan: {span}
  condition: {{gte: {limit}}}
level: high
custom: {{mute: {span}}}
"""


def backtest(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["rules", "backtest", "--no-progress", *map(str, arguments)])


@pytest.fixture
def rules(tmp_path):
    """A rule that speaks once a day for whoever displays twenty records: the log's busy accounts, on each day."""
    folder = tmp_path / "my-rules"
    folder.mkdir()
    (folder / "many.yml").write_text(RULE.format(span="12h", limit=20))
    return folder


@pytest.fixture
def alone(tmp_path):
    """A configuration without the shipped pack: it is read in no time."""
    (tmp_path / "alone.yml").write_text("rules: {shipped: false}\n")
    return tmp_path / "alone.yml"


def told(*arguments: object) -> dict:
    result = backtest("-o", "json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_alerts_by_rule_and_day(log, rules, alone):
    found = told(log, "--rules", rules, "--config", alone)
    assert found["days"] == ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"]
    assert found["account_days"] == 3 + 3 + 3 + 1
    (one,) = found["rules"]
    assert one["alerts_by_day"] == {"2026-03-02": 3, "2026-03-03": 3, "2026-03-04": 3, "2026-03-05": 1}
    assert (one["alerts"], one["accounts"], one["status"]) == (10, 3, "experimental")
    assert one["alerts_per_1000_account_days"] == 1000.0
    assert found["alarms"] == 10
    assert found["incidents"] == 3  # one an account: its alerts of the next days join it


def test_the_table_has_a_row_a_rule_and_a_column_a_day(log, rules):  # beside the shipped pack
    lines = backtest(log, "--rules", rules).stdout.splitlines()
    assert lines[0].split() == [
        *("rule", "level", "03-02", "03-03", "03-04", "03-05", "alerts", "accounts", "per", "1,000"),
    ]
    assert [line.split() for line in lines if line.startswith("Many records ")] == [
        ["Many", "records", "high", "3", "3", "3", "1", "10", "3", "1000.00"]
    ]
    assert "2026-03-02 to 2026-03-05, 4 days, 10 account-days" in lines[-2]
    assert lines[-1].endswith("raised nothing.")


def test_rotated_and_compressed_files_are_one_log(log, rules, alone, tmp_path):
    lines = log.read_bytes().splitlines(keepends=True)
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "access.log.2.gz").write_bytes(gzip.compress(b"".join(lines[:777])))
    (archive / "access.log.1").write_bytes(b"".join(lines[777:1300]))
    (archive / "access.log").write_bytes(b"".join(lines[1300:]))
    only = ("--rules", rules, "--config", alone)
    assert told(archive, *only) == told(log, *only)


def test_rules_that_are_off_are_tried_and_those_counted_where_they_are_asked_for(log, rules, tmp_path):
    config = tmp_path / "off.yml"
    config.write_text("rules: {shipped: false, disabled: [Many records]}\n")
    (one,) = told(log, "--rules", rules, "--config", config)["rules"]
    assert one["alerts"] == 10
    (counted,) = told(log, "--rules", rules, "--config", config, "--rule", "displayed")["rules"]
    assert counted["title"] == "Record displayed"
    assert counted["alerts"] > 10


def test_a_span_of_days(log, rules, alone):
    found = told(log, "--rules", rules, "--config", alone, "--since", "2026-03-03", "--until", "2026-03-04")
    assert found["rules"][0]["alerts_by_day"] == {"2026-03-03": 3}
    assert found["days"] == ["2026-03-03"]


def test_alerts_are_written_with_ids_that_stay(log, rules, alone, tmp_path):
    texts = []
    for name in ("a", "b"):
        backtest(log, "--rules", rules, "--config", alone, "--alerts", tmp_path / name)
        texts.append([json.loads(line) for line in (tmp_path / name).read_text().splitlines()])
    ids = [[one["event"]["id"] for one in text] for text in texts]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0]) == 10
    assert {one["user"]["name"] for one in texts[0]} == {"u0", "u1", "u2"}
    assert (tmp_path / "a").stat().st_mode & 0o077 == 0


def test_what_batch_raises_by_rules_a_backtest_told_before(log, rules, tmp_path):
    backtest(log, "--rules", rules, "--alerts", tmp_path / "told.jsonl")
    fired = {_what(json.loads(line)) for line in (tmp_path / "told.jsonl").read_text().splitlines()}
    raised = [json.loads(line) for line in batch(log, "--rules", rules).stdout.splitlines()]
    by_rules = {_what(one) for one in raised if one["rule"]["category"] == "rule"}
    assert len(by_rules) > 2
    assert by_rules <= fired


def _what(alert: dict) -> tuple[str, str, str]:
    return alert["rule"]["id"], alert["@timestamp"], alert["user"]["name"]


def test_no_rule_of_that_name_is_2(log):
    result = backtest(log, "--rule", "nothing")
    assert result.exit_code == 2
    assert "no rule 'nothing'" in result.stderr


def test_no_log_is_3(tmp_path):
    assert backtest(tmp_path / "nothing.log").exit_code == 3
