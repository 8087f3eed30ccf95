import json
import re
import shutil
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detector import clock
from detector.cli import main
from detector.cli.export import FORMS
from detector.inquire import blocklist
from tests.inquire.conftest import ATTACKS, HOME, HOSPITAL, START, line, lines

LISTED = {"203.0.113.66", "2001:db8:bad::66"}


def export(state: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["export", "blocklist", "--state", str(state), *map(str, arguments)])


def plain(text: str) -> set[str]:
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def test_addresses_of_nobody_else_and_the_abused_accounts_are_listed(state, config):
    result = export(state, "--config", config)
    assert result.exit_code == 0, result.output
    assert plain(result.stdout) == LISTED | set(ATTACKS)


def test_what_is_left_out_is_counted_with_its_reason(state, config):
    said = export(state, "--config", config).stderr
    assert "Left out: 1: a trusted proxy." not in said  # private comes first, whatever the configuration says
    assert "Left out: 1: private or reserved." in said
    assert "Left out: 1: used by accounts without an incident." in said  # the hospital
    # p4 at its own practice; and the usual places of others, which a journey to the thief names
    assert re.search(r"Left out: \d+: used by its accounts before the incident\.", said)
    assert "Nothing is blocked by itself" in said


@pytest.mark.parametrize("never", [HOSPITAL, HOME["p4"], "10.9.8.7"])
@pytest.mark.parametrize("form", FORMS)
def test_a_place_of_others_is_in_no_form(state, config, form, never):
    text = export(state, "--config", config, "--format", form, "--min-level", "informational").stdout
    assert never not in text
    assert "203.0.113.66" in text


def test_only_addresses_or_only_accounts(state, config):
    assert plain(export(state, "--config", config, "--addresses").stdout) == LISTED
    assert plain(export(state, "--config", config, "--accounts").stdout) == set(ATTACKS)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("input: {trusted_proxies: [203.0.113.0/24]}", "a trusted proxy"),
        ("allow: [{reason: our scanner, until: 2099-12-31, networks: [203.0.113.0/24]}]", "allowed by the"),
    ],
)
def test_the_configuration_protects(state, tmp_path, more, reason):
    path = tmp_path / "other.yml"
    path.write_text(f"calendar: {{timezone: UTC}}\n{more}\n")
    result = export(state, "--config", path, "--addresses")
    assert plain(result.stdout) == {"2001:db8:bad::66"}
    assert f"Left out: 1: {reason}" in result.stderr


@pytest.mark.parametrize("kind", ["mobile", "relay"])
def test_an_address_that_strangers_share_is_left_out(state, tmp_path, kind):
    (tmp_path / "kinds.yml").write_text(f"{kind}: {{prefixes: [203.0.113.0/24]}}\n")
    path = tmp_path / "other.yml"
    path.write_text("calendar: {timezone: UTC}\nnetworks: {kinds_file: kinds.yml}\n")
    result = export(state, "--config", path, "--addresses")
    assert plain(result.stdout) == {"2001:db8:bad::66"}
    assert "strangers share" in result.stderr


def test_a_neighbour_in_the_same_64_protects_it(log, config, tmp_path):
    live = tmp_path / "access.log"
    later = line(START + timedelta(days=5, hours=9), "h8", "2001:db8:bad::1", 10_000_000_001)
    live.write_text(log.read_text() + later + "\n")
    batch(live, config, tmp_path / "state")
    assert plain(export(tmp_path / "state", "--config", config, "--addresses").stdout) == {"203.0.113.66"}


def test_a_state_that_does_not_know_who_is_where_lists_no_address(config, tmp_path):
    live = tmp_path / "access.log"
    last_days = [one for one in lines() if "[06/" in one or "[07/" in one]
    live.write_text("\n".join(last_days) + "\n")
    batch(live, config, tmp_path / "state")
    result = export(tmp_path / "state", "--config", config)
    assert not LISTED & plain(result.stdout)
    assert "p1" in plain(result.stdout)
    assert "fewer than 3 days" in result.stderr


def test_a_closed_incident_is_on_no_list(log, config, tmp_path):
    live = tmp_path / "access.log"
    later = line(START.replace(day=20), "h8", HOSPITAL, 10_000_000_001)
    live.write_text(log.read_text() + later + "\n")
    batch(live, config, tmp_path / "state")
    result = export(tmp_path / "state", "--config", config)
    assert plain(result.stdout) == set()
    assert "of 0 open incidents" in result.stderr


def batch(log: Path, config: Path, state: Path) -> None:
    told = ["batch", log, "--state", state, "--config", config, "--alerts", state.with_name("alerts.jsonl")]
    result = CliRunner().invoke(main, list(map(str, told)))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("form", ["nginx", "nginx-map"])
def test_the_real_nginx_takes_the_file(state, config, form, tmp_path):
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    export(state, "--config", config, "--format", form, "--output", tmp_path / "blocked.conf")
    inside, outside = ("include blocked.conf;", "") if form == "nginx" else ("", "include blocked.conf;")
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log off; {outside} server {{ listen 127.0.0.1:1; {inside} }} }}\n"
    )
    done = subprocess.run([nginx, "-t", "-p", str(tmp_path), "-c", "nginx.conf"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "blocked.conf").read_text()
    assert ("deny 203.0.113.66;" if form == "nginx" else "    203.0.113.66 1;") in text
    assert ("    p1 1;" in text) == (form == "nginx-map")


def test_nginx_cannot_deny_an_account(state, config):
    assert export(state, "--config", config, "--form", "nginx", "--accounts").exit_code == 2


def test_crowdsec_decisions(state, config):
    decisions = json.loads(export(state, "--config", config, "--format", "crowdsec", "--hours", 4).stdout)
    assert {(one["scope"], one["value"]) for one in decisions} == {
        *(("ip", address) for address in LISTED),
        *(("username", account) for account in ATTACKS),
    }
    assert {(one["type"], one["duration"]) for one in decisions} == {("ban", "240m")}
    assert all(one["reason"].startswith("portal-detector: incident ") for one in decisions)


def test_stix(state, config):
    stix2 = pytest.importorskip("stix2", reason="the extra `test` has it")
    text = export(state, "--config", config, "--format", "stix").stdout
    bundle = stix2.parse(text, allow_custom=False)
    seen = [one for one in bundle.objects if one["type"].endswith("-addr") or one["type"] == "user-account"]
    assert len(seen) == len(LISTED) + len(ATTACKS)
    for one in seen:
        made = type(one)(**{name: value for name, value in one.items() if name not in ("id", "type", "spec_version")})
        assert made.id == one["id"]  # the standard's own deterministic id
    indicators = {one["id"]: one for one in bundle.objects if one["type"] == "indicator"}
    assert len(indicators) == len(seen)
    assert all(one["valid_from"] < one["valid_until"] for one in indicators.values())
    sightings = [one for one in bundle.objects if one["type"] == "sighting"]
    assert {one["sighting_of_ref"] for one in sightings} == set(indicators)
    known = {one["id"] for one in bundle.objects}
    assert all(set(one["observed_data_refs"] + one["where_sighted_refs"]) <= known for one in sightings)
    again = json.loads(export(state, "--config", config, "--format", "stix").stdout)
    assert {one["id"] for one in again["objects"]} == known


def test_it_works_beside_a_running_tail_and_knows_what_came_since_the_snapshot(log, config, tmp_path):
    alerts, state = tmp_path / "alerts.jsonl", tmp_path / "state"
    told = ["tail", log, "--state", state, "--config", config, "--alerts", alerts, "--from-start"]
    process = subprocess.Popen([sys.executable, "-m", "detector", *map(str, told)], stderr=subprocess.PIPE)
    guard = threading.Timer(60, process.kill)  # a test must not hang where the program does
    guard.start()
    try:
        wanted = len(ATTACKS)
        while len(accounts_of(alerts)) < wanted:
            assert process.poll() is None, process.stderr.read().decode()
            clock.pause(0.05)
        result = export(state, "--config", config)
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate()
        guard.cancel()
    assert result.exit_code == 0, result.output
    assert plain(result.stdout) == LISTED | set(ATTACKS)


def accounts_of(alerts: Path) -> set[str]:
    text = alerts.read_text() if alerts.exists() else ""
    return {json.loads(one)["user"]["name"] for one in text.splitlines(keepends=True) if one.endswith("\n")}


def test_the_state_is_not_touched(state, config):
    before = {path.name: path.read_bytes() for path in state.iterdir()}
    export(state, "--config", config)
    assert {path.name: path.read_bytes() for path in state.iterdir()} == before


def test_a_folder_without_a_state_is_said_to_be_one(tmp_path):
    result = export(tmp_path)
    assert result.exit_code == 2
    assert "no state is there" in result.stderr


def test_the_command_names_the_forms_there_are():
    assert tuple(blocklist.FORMS) == FORMS


def test_the_list_is_for_its_owner(state, config, tmp_path):
    export(state, "--config", config, "--output", tmp_path / "list.txt")
    assert (tmp_path / "list.txt").stat().st_mode & 0o777 == 0o600
