import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detector.cli import main
from detector.inquire import state as states
from tests.inquire.conftest import line


def asked(command: str, state: Path, config: Path, *arguments: object) -> Result:
    told = [command, *map(str, arguments), "--state", str(state), "--config", str(config)]
    return CliRunner().invoke(main, told)


def alerts_of(state: Path, account: str) -> list:
    with states.reading(state) as database:
        return [one for one in states.alerts(database) if one.account == account]


def test_an_incident_is_told_from_its_alerts_activity_and_habits(state, config):
    alerts = alerts_of(state, "p1")
    result = asked("explain", state, config, alerts[0].incident_id)
    assert result.exit_code == 0, result.output
    text = result.stdout
    assert "The account p1 was used in an unusual way" in text
    for alert in alerts:
        assert f"{alert.timestamp:%H:%M:%S}" in text
    for reason in alerts[-1].reasons:
        assert reason.text[:40] in " ".join(text.split())
    assert re.search(r"records within ten minutes +\d", text)
    assert re.search(r"Sat 07 Mar 13:00 +600 +600 +600 +600 +0 +#+ <- odd", text)
    assert f"detector scope --incident {alerts[0].incident_id} --state" in text
    assert f"detector feedback {alerts[0].incident_id} confirmed" in text
    assert "it learns nothing while" in text


@pytest.mark.parametrize("most", [6, 32])
def test_an_alert_and_the_beginning_of_an_id_tell_the_same(state, config, most):
    alert = alerts_of(state, "p2")[-1]
    whole = asked("explain", state, config, alert.incident_id).stdout
    assert asked("explain", state, config, alert.id[:most]).stdout == whole
    assert asked("explain", state, config, alert.incident_id[: most - 1]).stdout == whole


def test_json_holds_what_the_page_tells(state, config):
    alert = alerts_of(state, "p1")[0]
    told = json.loads(asked("explain", state, config, alert.incident_id, "-o", "json").stdout)
    assert (told["incident"], told["account"], told["level"]) == (alert.incident_id, "p1", "critical")
    assert told["habit"]["days"] == 5
    assert told["habit"]["frozen"] is True
    assert [one["kind"] for one in told["moments"]][:2] == ["evidence", "opened"]
    assert {"ip": "203.0.113.66", "entered": ["p1"]} in told["addresses"]
    assert told["most_subjects_count"] == 600  # and not the 25 of the morning


def test_who_used_the_same_address_is_named(state, config):
    told = json.loads(asked("explain", state, config, alerts_of(state, "h1")[0].incident_id, "-o", "json").stdout)
    assert {f"h{n}" for n in range(2, 9)} <= {one["account"] for one in told["companions"]}


def test_an_incident_without_an_account_tells_who_was_tried_and_who_was_entered(config, tmp_path):
    from tests.inquire.conftest import START, quiet_day

    rows = [line(*row) for row in quiet_day(0)]
    for n in range(60):
        at = START.replace(hour=20, minute=n // 4, second=n % 4 * 10)
        tried = f'203.0.113.9 - tried{n} [{at:%d/%b/%Y:%H:%M:%S} +0000] "POST /login HTTP/1.1" 401 90 "-" "curl/8"'
        rows.append(tried)
    rows.append(line(START.replace(hour=21), "p5", "203.0.113.9", 20_000_000_001))
    (tmp_path / "access.log").write_text("\n".join(rows) + "\n")
    told = ["batch", str(tmp_path / "access.log"), "--state", str(tmp_path / "state"), "--config", str(config)]
    assert CliRunner().invoke(main, [*told, "--alerts", str(tmp_path / "alerts.jsonl")]).exit_code == 0
    with states.reading(tmp_path / "state") as database:
        alert = next(one for one in states.alerts(database) if one.account is None)
    text = asked("explain", tmp_path / "state", config, alert.incident_id).stdout
    assert "203.0.113.9 drew attention" in text
    assert "tried0" in text
    assert "203.0.113.9: p5" in text


@pytest.mark.parametrize("wrong", ["zzzz", "*", "' OR true --"])
def test_an_unknown_id_is_answered_with_the_latest(state, config, wrong):
    result = asked("explain", state, config, wrong)
    assert result.exit_code == 3
    assert "no alert or incident" in result.stderr
    assert alerts_of(state, "p1")[0].incident_id in result.stderr


def test_an_ambiguous_beginning_names_those_it_fits(state, config):
    with states.reading(state) as database:
        firsts = [one.incident_id[0] for one in {one.incident_id: one for one in states.alerts(database)}.values()]
        firsts += [one.id[0] for one in states.alerts(database)]
    common = max(set(firsts), key=firsts.count)
    result = asked("explain", state, config, common)
    assert result.exit_code == 3
    assert "give more of it" in result.stderr


def test_a_timeline_adds_up_to_the_log(state, config):
    hours = json.loads(asked("timeline", state, config, "p1", "-o", "json").stdout)
    assert sum(one["requests"] for one in hours) == 6 * 25 + 600
    assert [one["odd"] for one in hours if one["records"] == 600] == [True]
    part = asked("timeline", state, config, "p1", "--since", "2026-03-07T13:00", "--until", "2026-03-07T13:30")
    assert len(part.stdout.splitlines()) == 2
    assert asked("timeline", state, config, "p1", "--since", "2027-01-01").stdout == ""


def test_a_timeline_from_archives_tells_each_request_and_nobodys_number(state, config, log):
    result = asked("timeline", state, config, "p1", "--since", "2026-03-07T13:00", log, "-o", "json")
    assert result.exit_code == 0, result.output
    rows = [json.loads(one) for one in result.stdout.splitlines()]
    assert len(rows) == 600
    assert {row["source.ip"] for row in rows} == {"203.0.113.66"}
    assert len({row["portal.subject"] for row in rows}) == 600
    assert not re.search(r"1852\d{10}", result.output)
    table = asked("timeline", state, config, "p1", "--since", "2026-03-07T13:19", log).stdout
    assert len(table.splitlines()) == 1 + 30
    assert not re.search(r"1852\d{10}", table)


def test_a_baseline_says_what_is_normal(state, config):
    habit = json.loads(asked("baseline", state, config, "p5", "-o", "json").stdout)
    assert (habit["days"], habit["frozen"], habit["clients"]) == (6 - 1, False, {"Chrome/Other": 1.0})
    assert len(habit["hours"]) == 168
    text = asked("baseline", state, config, "p5").stdout
    assert re.search(r"records in a day +\d+ +\d+", text)
    assert "Mon " in text


def test_an_unknown_account_is_answered_with_those_near(state, config):
    for command in ("timeline", "baseline"):
        result = asked(command, state, config, "p12")
        assert result.exit_code == 3
        assert "no account 'p12' is remembered" in result.stderr
        assert "p1" in result.stderr.partition("near it")[2]


def test_the_running_day_of_a_tail_is_told_too(config, log, tmp_path):
    """Between two snapshots a tail keeps a journal only: the hours come out the same."""
    live, folder = tmp_path / "live.log", tmp_path / "state"
    shutil.copy(log, live)
    given = [str(live), "--state", str(folder), "--config", str(config), "--alerts", str(tmp_path / "alerts.jsonl")]
    told = ["tail", *given, "--from-start", "--once"]
    assert CliRunner().invoke(main, told).exit_code == 0
    hours = json.loads(asked("timeline", folder, config, "p1", "-o", "json").stdout)
    assert sum(one["requests"] for one in hours) >= 6 * 25 + 600 - 20  # the last seconds are held back


def test_what_people_decided_is_told(state, config, tmp_path):
    folder = tmp_path / "state"
    shutil.copytree(state, folder)
    alert = alerts_of(folder, "p3")[0]
    said = ["feedback", alert.incident_id, "confirmed", "--note", "phished, ticket 7", "--who", "anna"]
    assert CliRunner().invoke(main, [*said, "--state", str(folder), "--config", str(config)]).exit_code == 0
    text = asked("explain", folder, config, alert.incident_id).stdout
    assert "confirmed by anna: phished, ticket 7" in text
