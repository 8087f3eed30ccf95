"""Filters that are proposed: they drop what is false and nothing else, or it is said that there is none.

Every proposal is run again here, by a backtest that knows nothing of how it was found.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from detector.cli import main

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
LINE = '{ip} - {user} [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" {status} 812 "-" "{agent}"'
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
RULES = """\
title: Report read
id: 20000000-0000-4000-8000-000000000001
name: report_read
logsource: {category: webserver}
detection:
  selection: {url.path|startswith: /reports/}
  condition: selection
custom: {output: false}
---
title: Many reports
id: 20000000-0000-4000-8000-000000000002
name: many_reports
level: high
correlation:
  type: event_count
  rules: [report_read]
  group-by: [user.name]
  timespan: 10m
  condition: {gte: 5}
---
title: Reports from one address
id: 20000000-0000-4000-8000-000000000003
level: medium
correlation:
  type: event_count
  rules: [report_read]
  group-by: [source.ip]
  timespan: 10m
  condition: {gte: 5}
---
title: Admin page
id: 20000000-0000-4000-8000-000000000004
level: medium
logsource: {category: webserver}
detection:
  selection: {url.path: /admin}
  condition: selection
"""


@dataclass
class Portal:
    """A log that is written request by request, and the commands that read it."""

    folder: Path
    lines: list[tuple[datetime, str]] = field(default_factory=list)

    def ask(self, user: str, path: str, times: int = 1, *, at: str = "0m", ip: str = "192.0.2.1",
            agent: str = BROWSER, every: int = 10) -> None:  # fmt: skip
        units = {"m": "minutes", "h": "hours", "d": "days"}
        begin = START + sum((timedelta(**{units[one[-1]]: int(one[:-1])}) for one in at.split()), timedelta())
        for n in range(times):
            moment = begin + timedelta(seconds=n * every)
            told = LINE.format(ip=ip, user=user, at=moment, path=path, status=200, agent=agent)
            self.lines.append((moment, told))

    def write(self) -> None:
        (self.folder / "rules").mkdir()
        (self.folder / "rules" / "rules.yml").write_text(RULES)
        (self.folder / "c.yml").write_text("rules: {shipped: false}\n")
        (self.folder / "access.log").write_text("\n".join(line for _, line in sorted(self.lines)) + "\n")

    def run(self, *arguments: str) -> Result:
        shared = ["--config", str(self.folder / "c.yml"), "--rules", str(self.folder / "rules"), "--no-progress"]
        return CliRunner().invoke(main, ["rules", *arguments, *shared])

    @property
    def log(self) -> str:
        return str(self.folder / "access.log")

    def alerts(self, *more: str) -> list[dict]:
        """Return the alerts of a backtest."""
        file = self.folder / "all.jsonl"
        assert self.run("backtest", self.log, "--alerts", str(file), *more).exit_code == 0
        return [json.loads(line) for line in file.read_text().splitlines()]

    def judge(self, rule: str, false: set[str]) -> list[str]:
        """Write the alerts of a rule on the accounts `false` to one file, the others to another."""
        mine = [one for one in self.alerts() if one["rule"]["name"] == rule]
        wrong = [one for one in mine if one["user"]["name"] in false]
        self.save("drop", wrong)
        self.save("keep", [one for one in mine if one not in wrong])
        return ["--drop", str(self.folder / "drop"), "--keep", str(self.folder / "keep")]

    def save(self, name: str, alerts: list[dict]) -> str:
        (self.folder / name).write_text("".join(json.dumps(one) + "\n" for one in alerts))
        return str(self.folder / name)

    def holds(self, text: str) -> None:
        """Hold a filter to its word: all to drop are gone, all others of all rules are there, none is new."""
        before = {one["event"]["id"] for one in self.alerts()}
        drop = {json.loads(line)["event"]["id"] for line in (self.folder / "drop").read_text().splitlines()}
        (self.folder / "rules" / "filter.yml").write_text(text)
        assert {one["event"]["id"] for one in self.alerts()} == before - drop
        assert drop


@pytest.fixture
def portal(tmp_path):
    return Portal(tmp_path)


def test_one_account_is_filtered_by_its_name_and_for_the_one_rule_alone(portal):
    for n, user in enumerate(("ann", "bob", "eve")):
        portal.ask(user, "/reports/1", 8, at=f"{n}h", ip=f"192.0.2.{n}")
    portal.write()
    judged = portal.judge("Many reports", {"bob"})
    done = portal.run("tune", "Many reports", portal.log, *judged, "--until", "2027-01-31", "--reason", "Ticket 4711")
    assert done.exit_code == 0, done.output
    proposed = yaml.safe_load(done.stdout)
    assert proposed["filter"] == {
        "rules": ["20000000-0000-4000-8000-000000000001"],
        "selection": {"user.name": "bob"},
        "condition": "not selection",
    }
    assert proposed["custom"]["for"] == "20000000-0000-4000-8000-000000000002"
    assert proposed["custom"]["reason"] == "Ticket 4711"
    assert str(proposed["custom"]["until"]) == "2027-01-31"
    assert "drops 1 of 1 alerts, keeps 2 of 2" in done.stderr
    assert "mutes 8 of 24 events that the rule reads, 3 of them not behind the alerts dropped" in done.stderr
    portal.holds(done.stdout)  # the rule that counts the same events by address still has bob's


def test_several_accounts_of_one_product_are_filtered_by_it(portal):
    for n, user in enumerate(("ann", "bob", "eve", "kim")):
        agent = f"CabinetPlus/4.{n}" if n else BROWSER
        portal.ask(user, "/reports/1", 6, at=f"{n}h", ip=f"198.51.{n}.7", agent=agent)
    portal.write()
    done = portal.run("tune", "Many reports", portal.log, *portal.judge("Many reports", {"bob", "eve", "kim"}))
    assert done.exit_code == 0, done.output
    assert yaml.safe_load(done.stdout)["filter"]["selection"] == {"user_agent.original|startswith": "CabinetPlus/"}
    portal.holds(done.stdout)


def test_a_filter_may_need_two_lines(portal):
    other = BROWSER.replace("Chrome/126", "Firefox/126")
    portal.ask("ann", "/reports/1", 6, at="0h", ip="192.0.2.1")
    portal.ask("ann", "/reports/1", 6, at="2h", ip="198.51.100.9")
    portal.ask("bob", "/reports/1", 6, at="4h", ip="192.0.2.1", agent=other)
    portal.write()
    mine = [one for one in portal.alerts() if one["rule"]["name"] == "Many reports"]
    drop, keep = portal.save("drop", mine[:1]), portal.save("keep", mine[1:])
    done = portal.run("tune", "Many reports", portal.log, "--drop", drop, "--keep", keep)
    assert done.exit_code == 0, done.output
    selection = yaml.safe_load(done.stdout)["filter"]["selection"]
    assert selection == {"user.name": "ann", "source.ip": "192.0.2.1"}
    portal.holds(done.stdout)


def test_unlike_alerts_need_several_selections(portal):
    kept = [("ann", "192.0.2.1"), ("bob", "192.0.2.2"), ("ann", "192.0.2.2"), ("bob", "192.0.2.1")]
    for n, (user, ip) in enumerate([*kept, ("ann", "192.0.2.3"), ("eve", "192.0.2.1")]):
        portal.ask(user, "/reports/1", 5, at=f"{n}h", ip=ip)
    portal.write()
    mine = [one for one in portal.alerts() if one["rule"]["name"] == "Many reports"]
    drop, keep = portal.save("drop", mine[4:]), portal.save("keep", mine[:4])
    done = portal.run("tune", "Many reports", portal.log, "--drop", drop, "--keep", keep)
    assert done.exit_code == 0, done.output
    proposed = yaml.safe_load(done.stdout)["filter"]
    assert proposed["condition"] == "not 1 of selection_*"
    portal.holds(done.stdout)


def test_where_nothing_tells_them_apart_there_is_none(portal):
    for at in ("0h", "2h"):
        portal.ask("ann", "/reports/1", 6, at=at)
    portal.write()
    mine = [one for one in portal.alerts() if one["rule"]["name"] == "Many reports"]
    drop, keep = portal.save("drop", mine[:1]), portal.save("keep", mine[1:])
    done = portal.run("tune", "Many reports", portal.log, "--drop", drop, "--keep", keep)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "no short filter tells" in done.stderr
    assert "2026-03-02T08:00:40.000Z user.name=ann are like those behind alerts to keep" in done.stderr


def test_a_filter_that_only_moves_the_alert_is_none(portal):
    portal.ask("ann", "/reports/1", 5, at="0m", agent="Fetch/1.0")
    portal.ask("ann", "/reports/1", 8, at="2m")  # the rule would fire on these, were the first five not there
    portal.ask("ann", "/reports/1", 6, at="3h")
    portal.write()
    mine = [one for one in portal.alerts() if one["rule"]["name"] == "Many reports"]
    drop, keep = portal.save("drop", mine[:1]), portal.save("keep", mine[1:])
    done = portal.run("tune", "Many reports", portal.log, "--drop", drop, "--keep", keep)
    assert done.exit_code == 1
    assert "it moves alerts instead of taking them away: 1 fire that did not before" in done.stderr


def test_a_rule_of_single_events_is_proved_by_accounts_without_a_log(portal):
    for n, user in enumerate(("ann", "bob", "eve")):
        portal.ask(user, "/admin", 3, at=f"{n}h", ip=f"192.0.2.{n}")
    portal.write()
    done = portal.run("tune", "Admin page", *portal.judge("Admin page", {"bob"}))
    assert done.exit_code == 0, done.output
    assert yaml.safe_load(done.stdout)["filter"]["selection"] == {"user.name": "bob"}
    assert "for" not in yaml.safe_load(done.stdout)["custom"]
    assert "what else it mutes, logs would tell" in done.stderr
    portal.holds(done.stdout)


def test_a_rule_that_counts_is_not_proved_without_a_log(portal):
    for n, user in enumerate(("ann", "bob")):
        portal.ask(user, "/reports/1", 6, at=f"{n}h")
    portal.write()
    done = portal.run("tune", "Many reports", *portal.judge("Many reports", {"bob"}))
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "counts events" in done.stderr
    assert "Give the logs that the alerts came from" in done.stderr


def test_alerts_as_batch_writes_them_are_known_again(portal):
    for n, user in enumerate(("ann", "bob")):
        portal.ask(user, "/reports/1", 6, at=f"{n}h", ip=f"192.0.2.{n}")
    portal.write()
    shared = ["--config", str(portal.folder / "c.yml"), "--rules", str(portal.folder / "rules")]
    raised = CliRunner().invoke(main, ["batch", portal.log, *shared, "--no-progress"])
    alerts = [json.loads(line) for line in raised.stdout.splitlines()]
    drop = portal.save("drop", [one for one in alerts if one["user"]["name"] == "bob"])
    keep = portal.save("keep", [one for one in alerts if one["user"]["name"] == "ann"])
    done = portal.run("tune", "Many reports", portal.log, "--drop", drop, "--keep", keep)
    assert done.exit_code == 0, done.output
    assert yaml.safe_load(done.stdout)["filter"]["selection"] == {"user.name": "bob"}


def test_alerts_that_these_logs_do_not_give_are_named(portal):
    portal.ask("ann", "/reports/1", 6)
    portal.write()
    (alert,) = (one for one in portal.alerts() if one["rule"]["name"] == "Many reports")
    drop = portal.save("drop", [alert, alert | {"@timestamp": "2026-03-09T08:00:40.000Z", "event": {"id": "x"}}])
    done = portal.run("tune", "Many reports", portal.log, "--drop", drop)
    assert done.exit_code == 2
    assert "1 of 2 alerts of --drop do not come out of these logs: 2026-03-09T08:00:40.000Z ann" in done.stderr


def test_other_alerts_that_go_too_are_named_and_avoided(portal):
    for n, user in enumerate(("ann", "bob", "eve")):
        portal.ask(user, "/reports/1", 6, at=f"{n}h", ip="192.0.2.1")
    portal.write()
    mine = [one for one in portal.alerts() if one["rule"]["name"] == "Many reports"]
    done = portal.run("tune", "Many reports", portal.log, "--drop", portal.save("drop", mine[:1]))
    assert yaml.safe_load(done.stdout)["filter"]["selection"] == {"user.name": "ann"}  # the address is everybody's
    assert "nobody judged" not in done.stderr
    portal.holds(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], "no rule 'nothing'"),
        (["Report read"], "raises no alerts of its own"),
        (["Admin page"], "--drop holds no alert of rule 'Admin page'"),
        (["Many reports", "-"], "standard input cannot be read twice"),
    ],
)
def test_what_cannot_be_asked(portal, arguments, told):
    portal.ask("ann", "/reports/1", 6)
    portal.write()
    portal.save("drop", [one for one in portal.alerts() if one["rule"]["name"] == "Many reports"])
    done = portal.run("tune", *arguments, "--drop", str(portal.folder / "drop"))
    assert done.exit_code == 2
    assert told in done.stderr


def test_the_same_alert_cannot_stay_and_go(portal):
    portal.ask("ann", "/reports/1", 6)
    portal.write()
    drop = portal.save("drop", [one for one in portal.alerts() if one["rule"]["name"] == "Many reports"])
    done = portal.run("tune", "Many reports", portal.log, "--drop", drop, "--keep", drop)
    assert done.exit_code == 2
    assert "given both to --keep and to --drop: 2026-03-02T08:00:40.000Z ann" in done.stderr


def test_the_filter_can_be_written_to_a_file(portal):
    for n, user in enumerate(("ann", "bob")):
        portal.ask(user, "/reports/1", 6, at=f"{n}h", ip=f"192.0.2.{n}")
    portal.write()
    judged = portal.judge("Many reports", {"bob"})
    file = portal.folder / "filter.yml"
    done = portal.run("tune", "Many reports", portal.log, *judged, "--write", str(file))
    assert done.stdout == ""
    portal.holds(file.read_text())


def test_what_sigma_takes_for_wildcards_is_escaped(portal):
    agent = r"Odd*agent? with\back (slash)"
    portal.ask("ann", "/reports/1", 6, at="0h", ip="192.0.2.1")
    for n, user in enumerate(f"u{n}" for n in range(30)):  # too many to be listed by name
        portal.ask(user, "/reports/1", 5, at=f"{n + 1}h", ip=f"198.51.{n}.1", agent=agent)
    portal.write()
    done = portal.run("tune", "Many reports", portal.log, *portal.judge("Many reports", {f"u{n}" for n in range(30)}))
    assert done.exit_code == 0, done.output
    asked = yaml.safe_load(done.stdout)["filter"]["selection"]
    assert asked == {"user_agent.original": r"Odd\*agent\? with\\back (slash)"}
    portal.holds(done.stdout)
