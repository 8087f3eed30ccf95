"""Accounts abused together are one incident that names them; what befalls many for good reasons is none."""

import sqlite3
from datetime import timedelta
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from detector import schema
from detector.config import Config
from detector.context.day import ACCOUNT
from detector.detect.behaviour import Behaviour
from detector.detect.campaign.explain import MODEL
from detector.detect.campaign.newcomers import FADE, SIZES
from detector.detect.campaign.visits import KINDS
from tests.detect.campaign.portal import ACCOUNTS, LAST, START, events, looks, misses, ordinary

VICTIMS = range(10, 22)
NAMES = {f"u{one:03d}" for one in VICTIMS}
LAST_DAY = START.date() + timedelta(days=LAST)
ATTACKER = {"source": "198.51.100.9", "network": "AS64510"}
ORDER = ["@timestamp", "rule.id", "signal.key"]


@cache
def history():
    """Return the state and the snapshot of a portal after its ordinary days."""
    database = sqlite3.connect("")
    behaviour = Behaviour(Config(), database)
    for day in range(LAST):
        frame = events(ordinary(day))
        behaviour.observe(frame, frame.get_column("portal.local_date")[0])
        behaviour.close_day({})
    database.commit()
    return database.serialize(), behaviour.snapshot()


def watch(rows, cuts=(), restart=False):
    """Observe the day after, cut at `cuts`, never between events of one moment; with `restart`, anew each time."""
    state, saved = history()
    database = sqlite3.connect("")
    database.deserialize(state)
    frame, behaviour, found = events(rows), None, [schema.empty(schema.SIGNAL)]
    moments, today = frame.get_column("@timestamp"), frame.get_column("portal.local_date")[0]
    edges = sorted({0, frame.height, *(int((moments < moments[cut]).sum()) for cut in cuts)})
    for start, end in pairwise(edges):
        if behaviour is None or restart:
            saved = saved if behaviour is None else behaviour.snapshot()
            behaviour = Behaviour(Config(), database)
            behaviour.restore(saved)
        found.append(behaviour.observe(frame[start:end], today))
    return pl.concat(found).sort(ORDER), behaviour


def campaigns(rows):
    return watch(rows)[0].filter(pl.col("rule.id") == MODEL)


def swarm(count=4):
    rng, rows = np.random.default_rng(99), ordinary(LAST)
    for account in VICTIMS:
        rows += looks(rng, account, LAST, count, persons="anybody", **ATTACKER)
    return rows


def named(signals):
    return set(signals.get_column("related.user").explode())


def test_a_swarm_within_everybodys_own_limits_is_one_campaign_that_names_all():
    found = campaigns(swarm())
    assert found.get_column("signal.key").n_unique() == 1
    assert named(found) == NAMES
    assert set(found.get_column("source.ip")) == {"198.51.100.9"}
    assert found.get_column(ACCOUNT).null_count() == found.height
    (looked,) = [one for one in found["portal.reasons"][0] if one["feature"] == "campaign_looks"]
    assert looked["observed"] <= 24  # of 48


@pytest.mark.parametrize("shared", [
    {"client": "Firefox/Linux", "version": "149"},
    {"version": "120"},
    {"network": "AS64511"},
])  # fmt: skip
def test_a_campaign_that_shares_no_address_is_found_by_what_it_shares(shared):
    rng, rows = np.random.default_rng(5), ordinary(LAST)
    for account in VICTIMS:
        rows += looks(rng, account, LAST, 4, persons="anybody", source=f"198.51.{account}.7", **shared)
    found = campaigns(rows)
    assert named(found) == NAMES
    assert found.get_column("source.ip").null_count() == found.height


def test_numbers_tried_in_sequence_join_the_accounts_that_pass_from_one_hundred_to_the_next():
    rng, rows = np.random.default_rng(6), ordinary(LAST)
    for step in range(6):
        for account in range(10 + step, 14 + step):
            rows += misses(rng, account, LAST, f"hundred-{step}", hours=(9 + step, 10 + step))
    found = campaigns(rows)
    assert found.get_column("signal.key").n_unique() == 1
    assert named(found) == {f"u{one:03d}" for one in range(10, 19)}


def moved(count=20, **where):
    """Return everybody's work, that of `count` accounts from elsewhere."""
    rng, rows = np.random.default_rng(4), ordinary(LAST, but=range(count))
    for account in range(count):
        rows += looks(rng, account, LAST, 11, **where)
    return rows


def outage():
    rng, rows = np.random.default_rng(7), []
    for account in range(ACCOUNTS):
        rows += looks(rng, account, LAST, 20, hours=(15, 17))
    return rows


def reset():
    rng, rows = np.random.default_rng(8), ordinary(LAST)
    for account in range(ACCOUNTS):
        (row,) = looks(rng, account, LAST, 1, hours=(7, 8), source="198.51.100.9")
        rows += [row | {"portal.action": "logon", "event.outcome": "failure", "portal.subject": None}] * 3
    return rows


def two():
    rng, rows = np.random.default_rng(3), ordinary(LAST)
    for account in (10, 11):
        rows += looks(rng, account, LAST, 8, persons="anybody", **ATTACKER)
    return rows


@pytest.mark.parametrize("rows", [
    pytest.param(lambda: ordinary(LAST), id="nothing"),
    pytest.param(lambda: moved(**ATTACKER), id="a hospital moves"),
    pytest.param(lambda: moved(count=ACCOUNTS, version="150"), id="a browser is updated"),
    pytest.param(lambda: moved(count=15, network="AS64510"), id="a vendor changes its network"),
    pytest.param(outage, id="an outage is caught up with"),
    pytest.param(reset, id="all passwords are reset"),
    pytest.param(two, id="two accounts"),
])  # fmt: skip
def test_what_befalls_many_for_good_reasons_is_no_campaign(rows):
    assert campaigns(rows()).is_empty()


@pytest.mark.parametrize(("size", "restart"), [(11, False), (41, True)])
def test_any_cut_and_any_restart_give_the_same_signals(size, restart):
    rows = swarm()
    whole, _ = watch(rows)
    cuts = range(0, len(rows), size)
    assert watch(rows, cuts, restart)[0].equals(whole)


def test_a_day_of_a_campaign_makes_nobody_at_home_there_and_teaches_no_model():
    _, quiet = watch(ordinary(LAST))
    _, abused = watch(swarm())
    for behaviour in (quiet, abused):
        behaviour.close_day({})
    assert abused.campaigns.settled.days[-1][1] <= quiet.campaigns.settled.days[-1][1]
    days = {name: [one.baselines.accounts.get(name).days for one in (quiet, abused)] for name in ("u001", "u010")}
    assert days == {"u001": [LAST + 1, LAST + 1], "u010": [LAST + 1, LAST]}


def test_a_campaign_of_yesterday_goes_on_under_its_name_and_names_its_accounts_again():
    _, behaviour = watch(swarm())
    behaviour.close_day({})
    rng, rows = np.random.default_rng(1), ordinary(LAST + 1)
    for account in range(18, 26):
        rows += looks(rng, account, LAST + 1, 4, persons="anybody", **ATTACKER)
    frame = events(rows)
    found = behaviour.observe(frame, frame.get_column("portal.local_date")[0]).filter(pl.col("rule.id") == MODEL)
    assert set(found.get_column("signal.key")) == {"portal.source=198.51.100.9"}
    assert {f"u{one:03d}" for one in range(22, 26)} < named(found) <= {f"u{one:03d}" for one in range(18, 26)}


def test_every_reason_says_what_was_seen_against_what():
    first = campaigns(swarm()).row(0, named=True)
    for reason in first["portal.reasons"]:
        assert reason["observed"] > (reason["expected"] or 0)
        assert f"{reason['observed']:.0f}" in reason["text"]
    assert "198.51.100.9" in first["signal.text"]


def test_the_company_at_a_key_is_learned_by_how_many_are_at_home_there():
    rows, rng = moved(20, network="AS64496"), np.random.default_rng(2)
    for account in range(30, 36):
        rows += looks(rng, account, LAST, 3, network=f"AS{64510 + account % 4}", version=f"{150 + account % 4}")
    told = watch(rows)[1].campaigns
    before = [told._model(kind).company.copy() for kind in range(len(KINDS))]
    found = [np.zeros(len(SIZES) + 1) for _ in KINDS]
    for (kind, key), pairs in told.tally.pairs.group_by("kind", "key"):
        (home,) = told.settled.population(np.array([key], np.uint64))
        found[kind][sum(home >= size for size in SIZES)] += pairs.height - 1
    assert found[2][0] > 0 < found[2][1]
    told.close_day(LAST_DAY, ())
    for kind, more in enumerate(found):
        assert told._model(kind).company[1] == pytest.approx(before[kind][1] * FADE + more)


def test_the_places_of_a_day_that_a_person_confirmed_to_be_an_abuse_are_not_learned():
    behaviour = watch(two())[1]
    theirs = behaviour.campaigns.due.filter(pl.col(ACCOUNT).is_in(["u010", "u011"]))
    pairs = (theirs.get_column("key").to_numpy(), theirs.get_column("account_key").to_numpy())
    behaviour.withheld.bar("i1", ["u010", "u011"])
    behaviour.reached = behaviour.reached.clear()  # an incident of days ago: today they were over no threshold
    behaviour.close_day({})
    assert len(theirs)
    assert not behaviour.campaigns.settled.is_written(*pairs).any()
