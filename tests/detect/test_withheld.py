import sqlite3
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from detector.detect.models.account import AccountModels, ClosedDay
from detector.detect.models.features import COUNTS
from detector.detect.withheld import KEPT_DAYS, MOST_DAYS, MOST_PAIRS, Held, Withheld

MONDAY = date(2026, 3, 2)


def held(account="u1", day=0, incident="i1", pairs=(1, 2)):
    closed = ClosedDay(
        ordinal=(MONDAY + timedelta(days=day)).toordinal(),
        counts={feature.name: 20.0 + day for feature in COUNTS},
        traits={"source.geo.country_iso_code": frozenset({"FR"}), "portal.network": frozenset({"AS64496"}),
                "subnet": frozenset({"192.0.2.0/24"}),
                "portal.client": frozenset()},
        hours=frozenset({9, 10}),
        clientele={"persons": 20, "strangers": 5, "ended": 18, "unbilled": 2, "areas": {2**64 - 1: 5},
                   "everybody": {2**64 - 1: 0.25, 7: 0.75}},
    )  # fmt: skip
    return Held(account=account, incident=incident, profession="nurse", day=closed, looks={"usual": (20, (-1.0, -2.0))},
                pairs=np.array(pairs, np.uint64))  # fmt: skip


@pytest.fixture
def withheld():
    return Withheld(sqlite3.connect(":memory:"))


def days_of(withheld, account="u1"):
    return [one.day.ordinal - MONDAY.toordinal() for one in withheld.of(account)]


def test_a_day_comes_back_as_it_was_and_is_learned_as_it_would_have_been(withheld):
    given = held()
    withheld.keep(given)
    (back,) = withheld.of("u1")
    assert (back.account, back.incident, back.profession) == ("u1", "i1", "nurse")
    assert back.pairs.tolist() == [1, 2]
    direct, late = AccountModels(), AccountModels()
    direct.learn(given.day)
    late.learn(back.day)
    assert late.numbers() == direct.numbers()
    own = {name: {2**64 - 1: value} for name, value in (("areas", 5), ("everybody", 0.25))}
    assert back.day == replace(given.day, clientele={**given.day.clientele, **own})


def test_benign_clears_the_days_of_its_incident_and_no_others(withheld):
    for day, incident in ((4, "i1"), (3, "i1"), (1, "i0"), (5, None)):
        withheld.keep(held(day=day, incident=incident))
    assert withheld.pardon("i1", ["u1"]) == 2
    cleared = withheld.cleared()
    assert [one.day.ordinal - MONDAY.toordinal() for one in cleared] == [3, 4]
    withheld.drop(cleared)
    assert days_of(withheld) == [1, 5]
    assert withheld.taught("i1") == 2


def test_confirmed_drops_them_and_bars_the_running_day(withheld):
    withheld.keep(held())
    withheld.keep(held(incident="i2", day=1))
    assert withheld.bar("i1", ["u1"]) == 1
    assert withheld.barred == {"i1": ["u1"]}
    withheld.begin(MONDAY, [])
    assert (days_of(withheld), withheld.barred) == ([1], {})


def test_confirmed_in_time_undoes_benign(withheld):
    withheld.keep(held())
    withheld.pardon("i1", ["u1"])
    withheld.bar("i1", [])
    assert (withheld.cleared(), withheld.barred, withheld.taught("i1")) == ([], {"i1": ["u1"]}, 0)


def test_confirmed_ends_learning_that_a_change_had_opened_again(withheld):
    today = MONDAY.toordinal()
    withheld.reopen("u1", "i1", today)
    assert withheld.reopened(today + 1) == {"u1": "i1"}
    withheld.bar("i1", [])
    assert withheld.barred == {"i1": ["u1"]}
    withheld.begin(MONDAY, [])
    assert withheld.reopened(today + 1) == {}


def test_what_is_kept_is_bounded(withheld):
    for day in range(MOST_DAYS + 4):
        withheld.keep(held(day=day, pairs=range(MOST_PAIRS + 5) if day == 17 else ()))
    withheld.begin(MONDAY + timedelta(days=17), ["u1"])
    assert days_of(withheld) == list(range(4, MOST_DAYS + 4))
    assert len(withheld.of("u1")[-1].pairs) == MOST_PAIRS
    withheld.begin(MONDAY + timedelta(days=KEPT_DAYS + 10), ["u2"])
    assert days_of(withheld) == list(range(11, MOST_DAYS + 4))


def test_the_words_of_the_running_day_survive_a_restart(withheld):
    withheld.pardon("i1", ["u1"])
    withheld.bar("i2", ["u2"])
    again = Withheld(sqlite3.connect(":memory:"))
    again.restore(withheld.snapshot())
    assert (again.pardoned, again.barred) == ({"i1": ["u1"]}, {"i2": ["u2"]})


def test_benign_on_the_same_day_undoes_confirmed(withheld):
    withheld.keep(held())
    withheld.bar("i1", ["u1"])
    assert withheld.pardon("i1", []) == 1
    assert (withheld.barred, withheld.pardoned) == ({}, {"i1": ["u1"]})
    assert len(withheld.cleared()) == 1
