import pytest
from click.testing import CliRunner

from detector.cli import main

RULE = """\
title: Wrong
id: 0f7c1c5e-9f5b-4f0a-9a53-0d2f6a1d9d01
status: test
logsource: {category: webserver}
detection:
  selection: {cs-uri-stem|contains: '/admin'}
  condition: selection and not filter_that_is_missing
level: high
"""


def test_the_shipped_configuration_and_rules_are_without_fault():
    result = CliRunner().invoke(main, ["check"])
    assert result.exit_code == 0, result.output
    count, rest = result.stdout.split(" rules, ")
    assert int(count) > 0
    assert rest == "configuration ok\n"


@pytest.mark.parametrize("command", ["check", "batch", "tail"])
def test_every_fault_at_once_with_file_and_line(tmp_path, command):
    config, rules = tmp_path / "a.yml", tmp_path / "rules"
    config.write_text("input:\n  max_lateness_s: -1\n  bogus: 1\ncalendar:\n  timezone: Mars/Olympus\n", "utf-8")
    rules.mkdir()
    (rules / "wrong.yml").write_text(RULE, "utf-8")
    more = {"batch": ["-"], "tail": ["x.log", "--state", str(tmp_path / "state")]}.get(command, [])
    result = CliRunner().invoke(main, [command, *more, "--config", str(config), "--rules", str(rules)])
    assert result.exit_code == 2
    places = [line.split(": ")[0] for line in result.stderr.splitlines()]
    assert places[:3] == [f"{config}:2", f"{config}:3", f"{config}:5"]
    assert places[3].startswith(f"{rules}/wrong.yml:")
    assert "Traceback" not in result.output


def test_a_configuration_that_is_not_there_is_a_fault(tmp_path):
    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "none.yml")])
    assert result.exit_code == 2
    assert "none.yml:1: cannot be read" in result.stderr


def test_hostile_text_in_a_file_name_does_not_reach_the_terminal(tmp_path):
    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "\x1b[31m.yml")])
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("calendar: {extra_days_off: [2026-02-30]}", "calendar.extra_days_off.0"),
        ("input: {format: nosuch}", "no such format: 'nosuch'"),
        ("input: {format: {nginx: '$nosuch'}}", "no time stamp"),
        ("accounts: {file: nobody.csv}", "nobody.csv"),
        ("portal: {key: {file: no.key}}", "no.key"),
    ],
)
def test_what_a_run_would_refuse_is_a_fault_here(tmp_path, text, told):
    (tmp_path / "c.yml").write_text(text)
    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "c.yml")])
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr


PLACES = """\
input:
  format: nosuch
portal:
  actions:
    - {action: logon, path: '/logon'}
calendar:
  country: FR
  subdivision: Atlantis
rules:
  disabled:
    - Many exports
    - nope
  thresholds:
    lost: 5
"""


def test_faults_that_show_when_a_part_is_built_have_their_line_all_at_once(tmp_path):
    config = tmp_path / "c.yml"
    config.write_text(PLACES)
    result = CliRunner().invoke(main, ["check", "--config", str(config)])
    told = [line.removeprefix(f"{config}:").split(": ")[:2] for line in result.stderr.splitlines()]
    assert told == [
        ["2", "input.format"],
        ["8", "calendar.subdivision"],
        ["12", "rules.disabled.1"],
        ["14", "rules.thresholds.lost"],
    ]


@pytest.mark.parametrize("command", ["check", "batch"])
def test_faults_of_rules_hide_nothing_that_the_configuration_says_of_rules(tmp_path, command):
    config, rules = tmp_path / "c.yml", tmp_path / "rules"
    rules.mkdir()
    (rules / "wrong.yml").write_text(RULE, "utf-8")
    config.write_text(
        "bogus: 1\nrules:\n  folders: [rules]\n  min_level: none\n  disabled: [nope, Wrong, wrong]\n"
        "  thresholds: {lost: 3, Wrong: 4}\nsinks: [{kind: stdout, rules: [gone, Wrong]}]\n"
    )
    more = ["-"] if command == "batch" else []
    told = CliRunner().invoke(main, [command, *more, "--config", str(config)]).stderr.splitlines()
    assert [line.removeprefix(f"{config}:").split(", ")[0].split("; there may")[0] for line in told[:-1]] == [
        "1: bogus: no such key",
        "4: rules.min_level: 'informational'",
        "5: rules.disabled.0: no rule 'nope' in what can be read",
        "6: rules.thresholds.lost: no rule 'lost' in what can be read",
        "7: sinks.0.rules.0: no rule of the id 'gone' in what can be read; the model is 'account_behaviour'",
    ]
    assert told[-1].startswith(f"{rules}/wrong.yml:7: rule 'Wrong': ")


@pytest.mark.parametrize("command", ["check", "batch"])
def test_two_faults_in_one_line_are_two(tmp_path, command):
    config = tmp_path / "c.yml"
    config.write_text("{rules: {disabled: [nope]}, calendar: {country: XX}, sinks: [{kind: file, path: none/a}]}")
    more = ["-"] if command == "batch" else []
    result = CliRunner().invoke(main, [command, *more, "--config", str(config)])
    told = [line.removeprefix(f"{config}:").split(": ")[:2] for line in result.stderr.splitlines()]
    assert told == [["1", "calendar.country"], ["1", "rules.disabled.0"], ["1", "sinks.0.path"]]


def test_a_run_that_the_configuration_stops_says_the_line_too(tmp_path):
    config = tmp_path / "c.yml"
    config.write_text(PLACES.replace("nosuch", "auto").replace("- nope", ""))
    (tmp_path / "a.log").write_text("")
    result = CliRunner().invoke(main, ["batch", str(tmp_path / "a.log"), "--config", str(config)])
    assert result.exit_code == 2
    assert f"{config}:14: rules.thresholds.lost" in result.stderr


def test_a_bad_pattern_is_told_in_one_line(tmp_path):
    config = tmp_path / "c.yml"
    config.write_text("portal:\n  actions:\n    - action: logon\n      path: '/logon(['\n")
    result = CliRunner().invoke(main, ["check", "--config", str(config)])
    assert result.stderr.splitlines() == [
        f"{config}:4: portal.actions.0.path: not a regular expression of Rust's engine: unclosed character class,"
        " '/logon([' came"
    ]


SINKS = """\
sinks:
  - {kind: file, path: nowhere/alerts.jsonl}
  - kind: syslog
    host: siem.example.org
    tls: {ca_file: none.pem}
  - {kind: file, path: alerts.jsonl}
"""


def test_what_sinks_name_is_looked_at_and_nothing_is_made(tmp_path):
    config = tmp_path / "c.yml"
    config.write_text(SINKS)
    result = CliRunner().invoke(main, ["check", "--config", str(config)])
    first, second = result.stderr.splitlines()
    assert first.startswith(f"{config}:2: sinks.0.path: {tmp_path}/nowhere: a folder is required")
    assert second.startswith(f"{config}:3: sinks.1: {tmp_path}/none.pem: certificates in PEM are required there")
    assert [one.name for one in tmp_path.iterdir()] == ["c.yml"]


def test_a_run_names_the_line_of_a_sink_that_cannot_be_opened(tmp_path):
    config = tmp_path / "c.yml"
    config.write_text(SINKS.replace("nowhere/alerts", "other"))
    (tmp_path / "a.log").write_text("")
    result = CliRunner().invoke(main, ["batch", str(tmp_path / "a.log"), "--config", str(config)])
    assert (result.exit_code, f"{config}:3: sinks.1: " in result.stderr) == (2, True)


BLIND = """\
sinks:
  - kind: splunk_hec
    url: https://splunk.example.org:8088
    token: {env: A_TOKEN_THAT_NOBODY_SET}
  - kind: webhook
    url: https://soar.example.org/hook
    signature: {secret: {file: none.secret}}
  - kind: stdout
    rules: [account_behaviour, no-such-rule]
"""


@pytest.mark.parametrize("command", ["check", "batch"])
def test_secrets_that_are_not_there_and_rules_that_do_not_exist_are_faults_of_a_sink(tmp_path, command):
    config = tmp_path / "c.yml"
    config.write_text(BLIND)
    more = ["-", "--no-progress"] if command == "batch" else []
    result = CliRunner().invoke(main, [command, *more, "--config", str(config)])
    told = [line.removeprefix(f"{config}:") for line in result.stderr.splitlines()]
    assert [line.split(": ")[:2] for line in told] == [
        ["4", "sinks.0.token"],
        ["7", "sinks.1.signature.secret"],
        ["9", "sinks.2.rules.1"],
    ]
    assert "environment variable A_TOKEN_THAT_NOBODY_SET: a secret is required there" in told[0]


TWICE = """\
sinks:
  - kind: file
    path: a.jsonl
  - kind: file
    name: other
    path: sub/../a.jsonl
  - kind: stdout
  - kind: stdout
"""


def test_sinks_of_one_file_or_one_name_are_faults_of_the_second(tmp_path):
    config = tmp_path / "c.yml"
    config.write_text(TWICE)
    (tmp_path / "sub").mkdir()
    result = CliRunner().invoke(main, ["check", "--config", str(config)])
    assert result.stderr.splitlines() == [
        f"{config}:6: sinks.1.path: a sink before this one writes that file: give it another",
        f"{config}:8: sinks.3: a sink before this one is called 'stdout': give it another `name`",
    ]


def test_a_secret_in_the_configuration_is_answered_with_where_it_belongs(tmp_path):
    config = tmp_path / "c.yml"
    config.write_text("sinks:\n  - {kind: splunk_hec, url: 'https://splunk.example.org:8088', token: s3cr3t}\n")
    result = CliRunner().invoke(main, ["check", "--config", str(config)])
    assert "token: required {env: NAME} or {file: PATH}" in result.stderr
    assert "s3cr3t" not in result.stderr
