"""Honest work that looks odd happens to those who are listed; the harder attacks know the account."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from detector.lab.simulate import population, simulate, volumes
from detector.lab.simulate.confounders import KINDS, SEA, SKI, Confounders, arrange
from detector.lab.simulate.population import Population
from detector.lab.simulate.rhythm import Span, stream
from detector.lab.simulate.shapes import GROUPS
from detector.lab.simulate.subjects import CODES, identifiers, kin

from .conftest import World

SPAN = Span(date(2026, 3, 2), 60)


@pytest.fixture(scope="module")
def people() -> Population:
    return population.populate(5, 900, SPAN)


@pytest.fixture(scope="module")
def plan(people: Population) -> Confounders:
    return arrange(5, people, SPAN, KINDS)


def test_every_kind_happens_to_a_few_and_none_when_not_asked_for(people: Population, plan: Confounders) -> None:
    told = plan.told(people, SPAN)
    assert set(told["kind"]) == {"locum elsewhere", "locum here", "season", "campaign", "takeover"}
    assert (told["first"] <= told["last"]).all()
    few = told.filter(pl.col("kind") != "season")["account"].n_unique()
    assert 0.02 < few / len(people) < 0.25
    assert arrange(5, people, SPAN, ()).told(people, SPAN).is_empty()


def test_a_locum_does_the_work_of_whom_he_stands_in_for_at_that_place(people: Population, plan: Confounders) -> None:
    means = volumes.volumes(5, people, SPAN)
    changed = plan.volumes(means)
    for account, day in np.argwhere(plan.guest)[:50]:
        host = plan.whose[account, day]
        assert people.profession[host] == people.profession[account]
        assert people.department[host] != people.department[account]
        assert changed[host, day] == 0
        here = np.array([account]), np.array([day])
        assert plan.place(np.array([account]), *here, np.array([False]))[0] == host
        assert plan.patients_of(*here, stream(1, "x"))[0] == host


def test_seasons_come_to_the_sea_and_the_mountains(people: Population, plan: Confounders) -> None:
    there = np.isin(CODES[people.department], (*SEA, *SKI)) & ~people.software
    share = plan.visitors.max(axis=1)
    assert (share[~there] == 0).all()
    assert 0.25 < (share[there] > 0).mean() < 0.45
    assert 0.3 < share[share > 0].mean() < 0.5
    assert (plan.factor[share == 0] <= 1.6).all()


def test_campaigns_see_people_in_the_day_one_after_another(plan: Confounders) -> None:
    account, day, hour = plan.campaigns(stream(3, "campaigns"))
    assert len(account) > 200
    assert (plan.extra[account, day] > 0).all()
    assert hour.min() > 8
    assert hour.max() <= 22


def test_partners_are_colleagues_or_neighbours(people: Population, plan: Confounders) -> None:
    other = np.flatnonzero(plan.partner != np.arange(len(people)))
    assert len(other) > 300
    assert (people.department[other] == people.department[plan.partner[other]]).all()


def test_relatives_are_always_the_same_two_and_from_the_same_department() -> None:
    persons = identifiers(np.arange(30), np.arange(30))
    rng = stream(1, "kin")
    drawn = np.stack([kin(persons, rng) for _ in range(20)])
    assert (drawn // 1_000_000 % 100 == persons // 1_000_000 % 100).all()
    assert {len(set(column)) for column in drawn.T} == {2}


def _read(world: World, shape: str) -> pl.DataFrame:
    name = next(one["attack"] for one in world.made.attacks if one["shape"] == shape)
    return world.truth.filter(pl.col("attack") == name)


@pytest.mark.parametrize("shape", ["local_slow", "list_with_own", "recent_list"])
def test_lists_are_from_the_account_s_own_department(world: World, shape: str) -> None:
    read = _read(world, shape).join(world.accounts, left_on="user.name", right_on="account")
    born = (pl.col("subject") // 1_000_000 % 100).cast(pl.String).str.zfill(2)
    assert read.select((born == pl.col("department")).mean()).item() > 0.6


def test_a_recent_list_begins_with_the_account_s_own_patients(world: World) -> None:
    read = _read(world, "recent_list")
    mine = world.events.filter(
        (pl.col("user") == read["user.name"][0])
        & (pl.col("time").dt.convert_time_zone("UTC") < read["@timestamp"][0])
        & pl.col("subject").is_not_null()
    )
    own = read["subject"].cast(pl.String).is_in(mine["subject"].to_list())
    assert own.head(15).all()
    assert not own.tail(15).any()


def test_one_in_twenty_accounts_are_abused_on_the_same_days(world: World) -> None:
    label = next(one for one in world.made.attacks if one["shape"] == "one_in_twenty")
    assert len(label["accounts"]) == round(world.made.accounts / 20)
    days = _read(world, "one_in_twenty").group_by("user.name").agg(pl.col("@timestamp").dt.date().min())["@timestamp"]
    assert (days.max() - days.min()).days <= 1  # type: ignore[operator, union-attr]


def test_a_slow_trainer_begins_with_little_and_grows(world: World) -> None:
    daily = _read(world, "slow_trainer").group_by(pl.col("@timestamp").dt.date()).len().sort("@timestamp")["len"]
    assert daily[0] <= 4
    assert daily.tail(3).mean() > 2 * daily.head(3).mean()  # type: ignore[operator]


def test_shapes_can_be_asked_for_by_group(tmp_path: Path) -> None:
    simulate(tmp_path, seed=2, accounts=60, days=14, attacks=["contamination", "stealth"], size=0.02)
    lines = (tmp_path / "labels.jsonl").read_text().splitlines()[1:]
    assert [json.loads(line)["shape"] for line in lines] == [*GROUPS["contamination"], *GROUPS["stealth"]]
    assert "`unusual.csv`" in (tmp_path / "README.md").read_text()
