"""Invented lines of the published data sets' forms are converted by their protocols, and the detector reads them."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from detector.cli.trial import trial
from detector.config import load
from detector.errors import InputError
from detector.lab.datasets import clue, rba
from detector.lab.replay import Replay
from detector.lab.truth import read_truth
from detector.telemetry import Telemetry

START = datetime(2020, 2, 3, 9, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:84.0) Gecko/20100101 Firefox/84.0"
CURL = "curl/7.68.0"


def _log_in(at: datetime, user: int, address: str, country: str, **more: Any) -> dict[str, Any]:
    row = {
        "Login Timestamp": at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], "User ID": user, "Round-Trip Time [ms]": "",
        "IP Address": address, "Country": country, "Region": "Viken", "City": "-", "ASN": 64496,
        "User Agent String": FIREFOX, "Browser Name and Version": "Firefox 84.0", "OS Name and Version": "Windows 10",
        "Device Type": "desktop", "Login Successful": True, "Is Attack IP": False, "Is Account Takeover": False,
    }  # fmt: skip
    return row | more


@pytest.fixture(scope="module")
def logins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty users for thirty days; one is taken over on the last day, guessers come from two attack addresses."""
    rows = [
        _log_in(START + timedelta(days=day, minutes=7 * user), -user, f"192.0.2.{user}", "NO")
        for day in range(30)
        for user in range(20)
    ]
    bad = {"Is Attack IP": True, "User Agent String": CURL, "Browser Name and Version": "curl 7.68.0"}
    for minute in range(40):
        at, failed = START + timedelta(days=20, minutes=minute, seconds=30), {"Login Successful": False}
        rows.append(_log_in(at, minute % 20, f"198.51.100.{minute % 2}", ("RU", "NO")[minute % 2], **bad, **failed))
    last = START + timedelta(days=29, hours=8)
    rows.append(_log_in(last, -3, "198.51.100.0", "RU", **bad, **{"Is Account Takeover": True}))
    rows.sort(key=lambda row: str(row["Login Timestamp"]))
    path = tmp_path_factory.mktemp("rba") / "rba-dataset.csv"
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, ["index", *rows[0]])
        writer.writeheader()
        writer.writerows({"index": number} | row for number, row in enumerate(rows))
    return path


def _events(labels: Path) -> tuple[pl.DataFrame, Telemetry]:
    telemetry, config = Telemetry(), load(labels.parent / "detector.yml")
    replay = Replay([labels.parent / "access.json.log"], config)
    return pl.concat(list(replay.events(telemetry))), telemetry


def test_rba_log_ins_become_log_ons_with_their_takeovers_as_labels(logins: Path, tmp_path: Path) -> None:
    labels = rba.convert(logins, tmp_path / "out", attackers=0)
    events, telemetry = _events(labels)
    assert events.height == telemetry.stats()["lines"] == 641
    assert (events["portal.action"] == "logon").all()
    assert events.filter(pl.col("event.outcome") == "failure").height == 40
    assert events["@timestamp"].is_sorted()
    truth = read_truth(labels)
    (attack,) = truth.attacks
    assert (attack.shape, attack.accounts, attack.sources) == ("takeover", {"u-3"}, {"198.51.100.0"})
    assert attack.start == START + timedelta(days=29, hours=8)
    assert (truth.lines, sum(truth.active.values())) == (641, 600)


def test_rba_attackers_know_what_their_name_says(logins: Path, tmp_path: Path) -> None:
    labels = rba.convert(logins, tmp_path / "out", attackers=4, seed=3)
    shapes = {shape: [one for one in read_truth(labels).attacks if one.shape == shape] for shape in rba.ATTACKERS}
    assert {shape: len(attacks) for shape, attacks in shapes.items()} == {"naive": 4, "vpn": 4, "targeted": 4}
    assert {one.network for one in shapes["vpn"]} == {"NO"}
    assert {address for one in shapes["vpn"] for address in one.sources} == {"198.51.100.1"}
    assert all(address.startswith("192.0.2.") for one in shapes["targeted"] for address in one.sources)
    lines = [json.loads(line) for line in (labels.parent / "access.json.log").read_text().splitlines()]
    assert len(lines) == 641 + 12
    assert [one["time_iso8601"] for one in lines] == sorted(one["time_iso8601"] for one in lines)
    again = rba.convert(logins, tmp_path / "again", attackers=4, seed=3)
    assert again.read_bytes() == labels.read_bytes()


def test_one_command_converts_runs_and_prints(logins: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(trial, ["--data-set", "rba", str(logins), "--dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "takeover" in done.output
    assert (tmp_path / "rba-dataset" / "labels.jsonl").exists()


def _clue_lines() -> list[dict[str, Any]]:
    """Six users, forty days, each with files of its own; what they do is neither the same nor quite different."""
    rng, rows = np.random.default_rng(5), []
    users = [f"calm-{colour}-heron-clerk" for colour in ("blue", "red", "grey", "pink", "teal", "gold")]
    kinds = ("file_created", "file_updated", "file_deleted", "share_created", "calendar_viewed", "file_renamed")
    for number, user in enumerate(users):
        place = {"countryCode": ("AT", "DE")[number % 2], "city": "Linz", "latitude": 48.3}
        for day in range(40):
            morning = START + timedelta(days=day, minutes=number)
            own = [("login_successful", {"user": user})]
            own += [("file_accessed", {"path": f"/{user}/{rng.integers(0, 40)}"}) for _ in range(4 + number)]
            own += [(kinds[(number + turn) % 6], {"path": "/a/b", "groups": ["x"]}) for turn in range(3)]
            for turn, (kind, params) in enumerate(own):
                at = (morning + timedelta(minutes=9 * turn)).strftime("%Y-%m-%dT%H:%M:%SZ")
                rows.append({"params": params, "type": kind, "time": at, "uid": user, "uidType": "name",
                             "role": "sales"} | ({"isLocalIP": True} if turn % 2 else {"location": place}))  # fmt: skip
    rows.sort(key=lambda row: row["time"])
    visitor = {
        "params": {},
        "type": "login_attempt",
        "time": rows[-1]["time"],
        "uid": "far-ant",
        "uidType": "ipaddress",
    }
    return [{"id": number} | row for number, row in enumerate([*rows, visitor], 1)]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clue") / "clue.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in _clue_lines()))
    return path


def test_clue_names_are_switched_from_a_day_on_and_fall_silent_after_a_week(cloud: Path, tmp_path: Path) -> None:
    labels = clue.convert(cloud, tmp_path / "out", pairs=1)
    events, telemetry = _events(labels)
    assert telemetry.stats()["rejects"] == 0
    truth = read_truth(labels)
    one, other = truth.attacks
    assert {one.shape, other.shape} == {"switch"}
    for attack, whose in ((one, other), (other, one)):
        (account,), (source,) = attack.accounts, whose.accounts
        assert attack.start.hour == 0
        assert attack.end - attack.start == timedelta(days=7, seconds=-1)
        mine = pl.read_parquet(labels.parent / "truth.parquet").filter(pl.col("attack") == attack.name)
        assert set(mine["user.name"]) == {account}
        assert mine["subject"].str.starts_with(f"/{source}/").all()
        last = events.filter(pl.col("user.name") == account)["@timestamp"].max()
        assert last <= attack.end  # type: ignore[operator]
    names = events["user.name"].value_counts().height
    assert names == 7  # six users, and nobody


def test_clue_files_are_persons_looked_up_and_places_keep_their_country(cloud: Path, tmp_path: Path) -> None:
    events, _ = _events(clue.convert(cloud, tmp_path / "out", pairs=1))
    views = events.filter(pl.col("portal.action") == "record_view")
    assert views["portal.subject"].is_not_null().all()
    assert events.filter(pl.col("portal.action") == "logon").height > 200
    countries = events.group_by("user.name").agg(pl.col("source.geo.country_iso_code").drop_nulls().unique())
    assert {country for found in countries["source.geo.country_iso_code"] for country in found} == {"AT", "DE"}


def test_users_who_are_too_few_or_too_short_cannot_be_switched(cloud: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.json"
    short.write_text("\n".join(cloud.read_text().splitlines()[:300]) + "\n")
    with pytest.raises(InputError, match="no two users"):
        clue.convert(short, tmp_path / "out")


@pytest.mark.parametrize("convert", [rba.convert, clue.convert])
def test_another_file_is_refused_by_name(tmp_path: Path, convert: Any) -> None:
    other = tmp_path / "other.csv"
    other.write_text('{"a": 1, "b": 2}\n{"a": 1, "b": 2}\n')
    with pytest.raises(InputError, match=r"other\.csv: .*required"):
        convert(other, tmp_path / "out")
    with pytest.raises(InputError, match="cannot be read"):
        convert(tmp_path / "missing.csv", tmp_path / "out")
