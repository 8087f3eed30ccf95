"""The simulator repeats itself by seed, and its people behave as the facts say."""

import gzip
import ipaddress
import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from detector import config
from detector.errors import DetectorError
from detector.lab.simulate import FORMATS, SHAPES, parse_attack, simulate
from detector.lab.simulate.places import prefixes
from detector.lab.simulate.rhythm import Span

from .conftest import World, read_log

FILES = ("access.log", "accounts.csv", "labels.jsonl", "detector.yml", "README.md", "truth.parquet", "activity.parquet")


def _tiny(folder: Path, **options: object) -> Path:
    chosen = {"seed": 3, "accounts": 30, "days": 8, "attacks": ["viamedis"], "size": 0.02} | options
    return simulate(folder, **chosen).log  # type: ignore[arg-type]


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        _tiny(tmp_path / name)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_another_seed_writes_another_log(tmp_path: Path) -> None:
    assert _tiny(tmp_path / "one").read_bytes() != _tiny(tmp_path / "two", seed=4).read_bytes()


def test_an_attack_changes_nobody_elses_lines(tmp_path: Path) -> None:
    calm = read_log(_tiny(tmp_path / "calm", attacks=["none"]))["line"]
    attacked = read_log(_tiny(tmp_path / "attacked"))
    label = json.loads((tmp_path / "attacked" / "labels.jsonl").read_text().splitlines()[1])
    ordinary = attacked.filter(
        ~(pl.col("ip").is_in(label["sources"]) & pl.col("user").is_in([*label["accounts"], "-"]))
    )
    assert ordinary["line"].to_list() == calm.to_list()


def test_every_line_reads_back(world: World) -> None:
    assert world.events.select(pl.all_horizontal(pl.exclude("subject").is_not_null())).to_series().all()
    assert world.events.height == world.made.lines
    assert world.events["time"].is_sorted()
    assert world.made.log.stat().st_size == world.made.bytes


def test_identifiers_can_be_nobodys(world: World) -> None:
    seen = world.events["target"].str.extract(r"(\d{13})").drop_nulls()
    assert seen.len() > 10_000
    assert seen.str.contains(r"^[56]\d{12}$").all()


def test_monday_is_heaviest_and_sunday_nearly_nothing(world: World) -> None:
    people = pl.concat([world.views(one) for one in ("pharmacy", "general practitioner", "optician", "dentist")])
    by_day = dict(people.group_by(pl.col("time").dt.weekday()).len().iter_rows())
    assert by_day[1] == max(by_day.values())
    assert by_day.get(7, 0) / sum(by_day.values()) < 0.02


def test_people_lunch_and_sleep_and_the_desk_does_neither(world: World) -> None:
    def share(profession: str, hours: range) -> float:
        return float(world.views(profession)["time"].dt.hour().is_in(list(hours)).mean())  # type: ignore[arg-type]

    assert share("general practitioner", range(10, 11)) > 2 * share("general practitioner", range(13, 14))
    assert share("dentist", range(6)) < 0.01
    assert share("hospital desk", range(6)) > 0.02


@pytest.mark.parametrize(
    ("profession", "low", "high"),
    [("pharmacy", 30, 90), ("general practitioner", 13, 40), ("optician", 4, 12), ("software vendor", 500, 6000)],
)
def test_professions_have_their_volumes(world: World, profession: str, low: float, high: float) -> None:
    daily = world.views(profession).group_by("user", pl.col("time").dt.date()).len()["len"].mean()
    assert isinstance(daily, float)
    assert low <= daily <= high


def test_nurses_see_the_same_people_and_opticians_new_ones(world: World) -> None:
    def returning(profession: str) -> float:
        late = world.views(profession).with_columns(again=~pl.struct("user", "subject").is_first_distinct())
        return float(late.tail(late.height // 2)["again"].mean())  # type: ignore[arg-type]

    assert returning("nurse") > 0.7
    assert returning("optician") < 0.15


def test_most_patients_were_born_near(world: World) -> None:
    views = world.views("pharmacy").join(world.accounts, left_on="user", right_on="account")
    home = (views["subject"].str.slice(5, 2) == views["department"]).mean()
    assert isinstance(home, float)
    assert 0.65 < home < 0.85


def test_january_has_more_work_and_more_unknown_people(tmp_path: Path) -> None:
    def figures(start: date) -> tuple[float, float]:
        log = read_log(_tiny(tmp_path / str(start), start=start, attacks=["none"], accounts=120))
        searches = log.filter(pl.col("target").str.starts_with("/search"))
        return float((searches["status"] == 404).mean()), float(log.height)  # type: ignore[arg-type]

    january, march = figures(date(2026, 1, 12)), figures(date(2026, 3, 9))
    assert january[0] > 2.5 * march[0]
    assert january[1] > 1.1 * march[1]


def test_addresses_stay_in_the_prefixes_of_known_networks(world: World) -> None:
    kinds = ("home", "home6", "mobile", "egress", "vendor", "proxy", "hosting", "vpn", "tor", "abroad", "travel")
    known = [
        (int(base), int(base) + int(size))
        for kind in kinds
        for base, size in zip(prefixes(kind).base, prefixes(kind).size, strict=True)
    ]
    for text in world.events["ip"].unique():
        address = ipaddress.ip_address(text)
        number = int(address) if address.version == 4 else int(address) >> 64
        assert any(low <= number < high for low, high in known), text


def test_lines_move_as_they_do_in_life(world: World) -> None:
    addresses = world.events.filter(pl.col("user") != "-").group_by("user").agg(pl.col("ip").n_unique())
    by = addresses.join(world.accounts, left_on="user", right_on="account")
    assert (by.filter(pl.col("profession") == "nurse")["ip"] > 20).any()  # a carrier changes addresses all day
    assert (by.filter(pl.col("profession") == "general practitioner")["ip"] <= 2).any()
    shared = world.events.filter(pl.col("user") != "-").group_by("ip").agg(pl.col("user").n_unique())
    assert shared["user"].max() >= 3  # type: ignore[operator]


def test_who_forgot_the_password_asks_for_another(world: World) -> None:
    asked = world.events.filter(pl.col("target") == "/password/forgotten")
    assert 0.001 < asked.height / world.events.filter(pl.col("target") == "/login").height < 0.02
    failed = world.events.filter((pl.col("target") == "/login") & (pl.col("status") == 401))
    before = asked.join_asof(failed.select("time", failed="time"), on="time")
    assert (before["time"] - before["failed"]).dt.total_seconds().median() < 600  # type: ignore[operator]


def test_browsers_update_for_everybody(world: World) -> None:
    versions = world.events.select(pl.col("time").dt.date(), pl.col("agent").str.extract(r"Chrome/(\d+)")).drop_nulls()
    daily = versions.group_by("time").agg(pl.col("agent").mode().first()).sort("time")["agent"]
    assert daily.unique().len() >= 2
    assert daily.is_sorted()


def test_an_outage_fails_and_is_caught_up(world: World) -> None:
    down = world.events.filter(pl.col("status") == 502)
    assert down.height > 50
    hours = (down["time"].max() - down["time"].min()).total_seconds() / 3600  # type: ignore[operator, union-attr]
    assert 1.5 < hours <= 3


@pytest.mark.parametrize("log_format", FORMATS)
def test_every_format_holds_the_same_requests(tmp_path: Path, log_format: str) -> None:
    expected = read_log(_tiny(tmp_path / "plain"))
    path = _tiny(tmp_path / log_format, log_format=log_format)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == expected.height
    addresses = {
        "json": lambda line: json.loads(line)["remote_addr"],
        "w3c": lambda line: line.split(" ")[2],
    }.get(log_format, lambda line: line.split(" ")[0])
    assert [addresses(line) for line in lines] == expected["ip"].to_list()
    if log_format == "w3c":
        fields = next(line for line in path.read_text().splitlines() if line.startswith("#Fields")).split()[1:]
        assert {len(line.split(" ")) for line in lines} == {len(fields)}


def test_compressed_is_the_same_log(tmp_path: Path) -> None:
    packed = _tiny(tmp_path / "packed", compress=True)
    assert gzip.decompress(packed.read_bytes()) == _tiny(tmp_path / "plain").read_bytes()
    again = _tiny(tmp_path / "again", compress=True)
    assert packed.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("log_format", FORMATS)
def test_the_configuration_beside_the_log_is_valid(tmp_path: Path, log_format: str) -> None:
    _tiny(tmp_path, log_format=log_format)
    read = config.load(tmp_path / "detector.yml")
    assert read.input.format == log_format
    assert read.accounts.file is not None
    assert read.accounts.file.exists()


def test_names_that_do_not_exist_are_said_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(DetectorError) as fault:
        simulate(tmp_path, attacks=["smash", "swarm:moon"], log_format="elf", events=["flood"], accounts=0)
    for word in ("smash", "moon", "elf", "flood", "accounts", *SHAPES):
        assert word in str(fault.value)
    assert not list(tmp_path.iterdir())


def test_an_attack_is_spelled_by_shape_network_and_hours() -> None:
    assert parse_attack("swarm") == ("swarm", None, None)
    assert parse_attack("swarm:tor:night") == ("swarm", "tor", "night")
    assert parse_attack("swarm::office") == ("swarm", None, "office")
    with pytest.raises(DetectorError, match="SHAPE"):
        parse_attack("swarm:tor:night:more")


def test_a_day_of_summer_time_has_its_own_offset() -> None:
    span = Span(date(2026, 3, 28), 3)
    assert [int(one) for one in (span.offsets[1:] - span.offsets[:-1]) / 3600] == [23, 24]
    assert list(span.day_of(span.at(1, 12.0).reshape(1))) == [1]


@pytest.mark.parametrize("accounts", [1, 5, 40])
def test_a_portal_of_few_works(tmp_path: Path, accounts: int) -> None:
    made = simulate(tmp_path, seed=2, accounts=accounts, days=4, attacks=["smash_and_grab"], size=0.01)
    assert made.lines > 1000
    assert len(made.attacks) == 1
