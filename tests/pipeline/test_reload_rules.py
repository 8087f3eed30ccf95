"""What follows a reload is judged by its rules and its list of what is allowed; incidents that are open stay open."""

import json
from datetime import datetime, timedelta

from detector import config
from detector.config import ToFile
from detector.emit.sinks.file import FileSink
from detector.pipeline import Pipeline
from detector.pipeline.flow import Setup
from detector.pipeline.live import tail
from detector.pipeline.service import Service

RULE = """\
title: Asked for {name}
id: 0f7c1c5e-9f5b-4f0a-9a53-0d2f6a1d9d0{number}
status: test
logsource: {{category: webserver}}
detection:
  selection: {{cs-uri-stem: /{name}}}
  condition: selection
level: {level}
"""

BEFORE = "rules: {shipped: false, folders: [rules]}\nincidents: {quiet_h: 1000}\n"
AFTER = BEFORE + "allow: [{reason: a drill, until: 2026-12-31, accounts: [bob]}]\n"


def lines(begin, *asked):
    for number, (account, what) in enumerate(asked):
        at = datetime(2026, 3, 2, begin) + timedelta(minutes=number)
        yield f'192.0.2.1 - {account} [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /{what} HTTP/1.1" 200 12 "-" "curl/8"\n'


def test_a_rule_taken_away_and_an_account_allowed_at_once(tmp_path):
    rules, log, alerts, service = tmp_path / "rules", tmp_path / "access.log", tmp_path / "alerts.jsonl", Service()
    rules.mkdir()
    for number, (name, level) in enumerate({"alpha": "high", "beta": "high", "gamma": "critical"}.items()):
        (rules / f"{name}.yml").write_text(RULE.format(name=name, number=number, level=level), "utf-8")
    (tmp_path / "c.yml").write_text(BEFORE, "utf-8")
    log.write_text("".join(lines(9, ("ann", "alpha"), ("bob", "beta"), ("eve", "none"))), "utf-8")

    def setup():
        return Setup(config=config.load(tmp_path / "c.yml"), sinks=[FileSink(ToFile(path=alerts))])

    def renew():
        assert sum(pipeline.detection.incidents.open_by_level.values()) == 2
        (rules / "alpha.yml").unlink()
        (tmp_path / "c.yml").write_text(AFTER, "utf-8")
        after = (
            ("ann", "alpha"),
            ("cyd", "alpha"),
            ("bob", "beta"),
            ("bob", "gamma"),
            ("dan", "beta"),
            ("ann", "gamma"),
        )
        with log.open("a", encoding="utf-8") as file:
            file.writelines(lines(10, *after, ("eve", "none")))
        return setup()

    def attend(pipeline, ended):
        if not pipeline.telemetry.counts["reloads"] and pipeline.telemetry.incidents["opened"] == 2:
            service.reload()

    first = setup()
    pipeline = Pipeline(first.config, state=tmp_path / "state", sinks=first.sinks, attend=attend)
    tail(pipeline, [log], from_start=True, idle_exit_s=0.0, service=service, renew=renew)

    told = [json.loads(line) for line in alerts.read_text("utf-8").splitlines()]
    said = [(one["user"]["name"], one["rule"]["name"], one["portal"]["incident"]["state"]) for one in told]
    assert sorted(said[:2]) == [("ann", "Asked for alpha", "opened"), ("bob", "Asked for beta", "opened")]
    assert said[2:] == [("dan", "Asked for beta", "opened"), ("ann", "Asked for gamma", "escalated")]
    assert told[-1]["portal"]["incident"]["id"] in {one["portal"]["incident"]["id"] for one in told[:2]}
    assert pipeline.telemetry.counts["reloads"] == 1
