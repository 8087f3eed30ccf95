"""The labels tell what the log holds: nothing more, nothing less."""

import ipaddress
import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from detector.lab.simulate import SHAPES, simulate
from detector.lab.simulate.places import prefixes

from .conftest import World, read_log


def _label(world: World, shape: str) -> dict[str, object]:
    return next(one for one in world.made.attacks if one["shape"] == shape)


def test_there_is_one_line_an_attack_behind_the_logs_own(world: World) -> None:
    lines = [json.loads(line) for line in (world.folder / "labels.jsonl").read_text().splitlines()]
    assert [line["type"] for line in lines] == ["log", *["attack"] * len(SHAPES)]
    assert {line["shape"] for line in lines[1:]} == set(SHAPES)
    assert lines[0]["lines"] == world.events.height
    assert lines[0]["active_account_days"] == world.activity.height == world.made.active_account_days


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_reads_records(world: World, shape: str) -> None:
    label = _label(world, shape)
    own = world.truth.filter(pl.col("attack") == label["attack"])
    assert own.height == label["records"]
    assert own.height >= 20
    assert set(own["user.name"]) <= set(label["accounts"])  # type: ignore[call-overload]


def test_no_account_is_attacked_twice(world: World) -> None:
    every = [account for one in world.made.attacks for account in one["accounts"]]
    assert len(every) == len(set(every))


def test_each_record_stands_at_its_offset(world: World) -> None:
    log = world.made.log.read_bytes()
    for row in world.truth.sample(300, seed=1).iter_rows(named=True):
        line = log[row["log.offset"] : log.index(b"\n", row["log.offset"])].decode()
        assert row["log.offset"] == 0 or log[row["log.offset"] - 1 : row["log.offset"]] == b"\n"
        assert f" - {row['user.name']} [" in line
        assert f"/patients/{row['subject']}/" in line
        stamp = row["@timestamp"].astimezone(ZoneInfo("Europe/Paris"))
        assert stamp.strftime("%d/%b/%Y:%H:%M:%S %z") in line


def test_sources_and_times_enclose_each_attack(world: World) -> None:
    for label in world.made.attacks:
        if label["shape"] == "insider":
            continue
        first, last = (datetime.fromisoformat(str(label[side])) for side in ("start", "end"))
        theirs = world.events.filter(pl.col("user").is_in(label["accounts"]) & pl.col("ip").is_in(label["sources"]))
        assert theirs.height > 0
        if label["shape"] != "session_taken" and label["network"] != "residential":
            assert theirs["time"].min() >= first - timedelta(seconds=200), label["attack"]  # type: ignore[operator]
            assert theirs["time"].max() <= last, label["attack"]  # type: ignore[operator]


def test_activity_is_what_the_log_shows(world: World) -> None:
    logged_on = world.events.filter((pl.col("user") != "-") & (pl.col("session") != "-"))
    counted = logged_on.group_by(pl.col("time").dt.date().alias("local_date"), pl.col("user").alias("user.name")).len()
    told = world.activity.select("local_date", "user.name", pl.col("requests").cast(pl.UInt32).alias("len"))
    assert counted.sort("local_date", "user.name").equals(told.sort("local_date", "user.name"))


@pytest.mark.parametrize("network", ["hosting", "vpn", "tor", "residential", "abroad"])
@pytest.mark.parametrize("hours", ["night", "office"])
def test_an_attack_comes_from_its_network_at_its_hours(tmp_path: Path, network: str, hours: str) -> None:
    made = simulate(tmp_path, seed=7, accounts=40, days=8, attacks=[f"smash_and_grab:{network}:{hours}"], size=0.02)
    label = made.attacks[0]
    kind = prefixes("home" if network == "residential" else network)
    for source in label["sources"]:
        number = int(ipaddress.ip_address(source))
        assert any(int(b) <= number < int(b) + int(s) for b, s in zip(kind.base, kind.size, strict=True)), source
    hour = datetime.fromisoformat(label["start"]).astimezone(ZoneInfo("Europe/Paris")).hour
    assert hour in ((21, 22, 23, 0, 1, 2, 3) if hours == "night" else range(8, 17))


def test_a_session_is_taken_without_a_log_on(world: World) -> None:
    label = _label(world, "session_taken")
    theirs = world.events.filter(pl.col("user").is_in(label["accounts"]) & pl.col("ip").is_in(label["sources"]))
    assert not theirs["target"].eq("/login").any()
    victims = world.events.filter(pl.col("user").is_in(label["accounts"]) & ~pl.col("ip").is_in(label["sources"]))
    assert set(theirs["session"]) <= set(victims["session"])


def test_amelipro_chains_identifiers_and_half_do_not_exist(world: World) -> None:
    label = _label(world, "amelipro")
    theirs = world.events.filter(pl.col("ip").is_in(label["sources"]) & pl.col("user").is_in(label["accounts"]))
    asked = theirs.filter(pl.col("target").str.starts_with("/search"))
    numbers = asked["target"].str.extract(r"(\d{13})").cast(pl.Int64).sort()
    assert (numbers.diff().drop_nulls() == 1).mean() > 0.95  # type: ignore[operator]
    assert 0.35 < float((asked["status"] == 404).mean()) < 0.65  # type: ignore[arg-type]


def test_a_swarm_stays_within_each_accounts_normal(world: World) -> None:
    label = _label(world, "swarm")
    own = world.truth.filter(pl.col("attack") == label["attack"])
    daily = own.group_by("user.name", pl.col("@timestamp").dt.date()).len()["len"].median()
    assert len(label["accounts"]) >= 10  # type: ignore[arg-type]
    assert len(label["sources"]) <= 4  # type: ignore[arg-type]
    assert isinstance(daily, float)
    assert daily < 60


def test_the_sample_is_small_and_true() -> None:
    folder = Path(__file__).parents[2] / "sample_logs" / "portal_week"
    assert sum(one.stat().st_size for one in folder.iterdir()) < 2_000_000
    events = read_log(folder / "access.log.gz")
    head, attack = (json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines())
    assert events.height == head["lines"]
    assert events["time"].min().weekday() == 0  # type: ignore[union-attr]
    theirs = events.filter(pl.col("ip").is_in(attack["sources"]))
    assert set(theirs["user"]) - {"-"} == set(attack["accounts"])
    truth = pl.read_parquet(folder / "truth.parquet")
    shown = theirs.filter(pl.col("subject").is_not_null() & (pl.col("status") == 200))
    assert shown.height == truth.height == attack["records"]
