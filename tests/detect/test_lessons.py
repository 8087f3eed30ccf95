"""What an account learns of days that raised an alert: after a word, after a lasting change, and otherwise nothing."""

import sqlite3
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest

from detector import schema
from detector.config import Config
from detector.detect.behaviour import Behaviour
from detector.detect.models.change import KNOWN_DAYS
from tests.detect import portal_days
from tests.detect.portal_days import START

ACCOUNT, BEFORE, AFTER = 1, 14, 8
NAME, NETWORK = "u001", "AS64500"


def portal(who, records, network=NETWORK, beside=False):
    """Return three weeks in which an account is used from elsewhere from the 15th day on, `beside` its work or not."""
    rng = np.random.default_rng(9)
    usual = portal_days.events(days=BEFORE + AFTER, accounts=8, seed=8, patients=True)
    moved = (pl.col("user.name") == NAME) & (pl.col("@timestamp").dt.ordinal_day() >= _ordinal_day(BEFORE))
    parts = [usual if beside else usual.filter(~moved)]
    for day in range(BEFORE, BEFORE + AFTER):
        seconds = np.sort(rng.integers(8 * 3600, 18 * 3600, records)) + day * 86400
        part = portal_days._part(seconds, ACCOUNT, "FR", network, "Chrome/Windows", rng, who(records, rng))
        parts.append(schema.conform(part, schema.EVENT).with_columns(pl.lit(False).alias(schema.LATE)))
    return pl.concat(parts).sort("@timestamp", maintain_order=True)


def _ordinal_day(day):
    return (START.date() - date(START.year, 1, 1)).days + 1 + day


def its_own(count, rng):
    return portal_days._of_its_own(ACCOUNT, count, rng)


def watch(frame, *, restart=False, words=()):
    """Observe day by day, the account frozen by an incident from the change on; say on which days learning re-opened.

    `words`: on which day behind the change what is said of the incident, `pardon` or `bar`.
    """
    database, reopened = sqlite3.connect(":memory:"), []
    behaviour, open_still = Behaviour(Config(), database), True
    for number, ((day,), part) in enumerate(frame.group_by("portal.local_date", maintain_order=True)):
        behaviour.observe(part, day)
        for when, word in words:
            if number == BEFORE + when:
                getattr(behaviour.withheld, word)("i1", [NAME] if open_still else [])
                open_still = word != "pardon"
        if restart and number >= BEFORE - 1:
            saved, behaviour = behaviour.snapshot(), Behaviour(Config(), database)
            behaviour.restore(saved)
        frozen = {NAME: "i1"} if number >= BEFORE and open_still else {}
        changed = behaviour.close_day(frozen)
        if NAME in changed:
            reopened.append(number - BEFORE)
            open_still = False
    return behaviour, reopened


@cache
def moved():
    return watch(MOVED)


@cache
def pardoned():
    return watch(LIST, words=PARDON)


def networks(behaviour):
    return behaviour.accounts.get(NAME).traits["portal.network"].values


MOVED = portal(its_own, 30)
LIST = portal(portal_days._anybody, 30)
LIST_BESIDE = portal(portal_days._anybody, 30, beside=True)
LIST_AT_HOME = portal(portal_days._anybody, 30, network="AS101", beside=True)
PARDON = ((3, "pardon"),)


def test_a_professional_who_moved_is_learned_again_within_a_week():
    behaviour, reopened = moved()
    assert len(reopened) == 1
    assert 3 <= reopened[0] <= 6
    assert behaviour.accounts.get(NAME).days == BEFORE + AFTER > KNOWN_DAYS
    assert networks(behaviour)[NETWORK] > AFTER / 2  # the first four days of a new place weigh one
    assert behaviour.withheld.of(NAME) == []


@pytest.mark.parametrize("frame", [LIST, LIST_BESIDE, LIST_AT_HOME], ids=["instead", "beside", "from_its_own_place"])
def test_a_list_never_opens_learning_again_however_long_it_is_read(frame):
    behaviour, reopened = watch(frame)
    assert reopened == []
    assert behaviour.accounts.get(NAME).days == BEFORE
    assert NETWORK not in networks(behaviour)
    assert len(behaviour.withheld.of(NAME)) == AFTER


def test_the_reason_says_what_has_changed_and_since_when():
    database, told = sqlite3.connect(":memory:"), {}
    behaviour = Behaviour(Config(), database)
    for number, ((day,), part) in enumerate(MOVED.group_by("portal.local_date", maintain_order=True)):
        behaviour.observe(part, day)
        told |= behaviour.close_day({NAME: "i1"} if number >= BEFORE else {})
    assert told.keys() == {NAME}
    assert told[NAME]["feature"] == "change"
    assert told[NAME]["observed"] > told[NAME]["expected"]
    assert "since 2026-03-16, and of its own clientele" in told[NAME]["text"]


def test_benign_teaches_the_days_held_back_and_the_running_one_in_their_order():
    behaviour, _ = pardoned()
    assert networks(behaviour)[NETWORK] > 3
    assert behaviour.withheld.taught("i1") == 3
    persons = LIST.filter(pl.col("portal.network") == NETWORK)["portal.subject"]
    assert behaviour.known.meet(_pairs(behaviour, persons[:30]))[1].sum() == 0


@pytest.mark.parametrize("other", [{NAME: "i2"}, {NAME: "i2", "u002": "i2"}], ids=["own", "of_several"])
def test_days_cleared_of_one_incident_wait_for_another_that_is_open(other):
    behaviour, _ = watch(LIST)
    behaviour.withheld.pardon("i1", [NAME])
    last = LIST.filter(pl.col("portal.local_date") == LIST["portal.local_date"].max())
    behaviour.observe(last, last["portal.local_date"][0])
    behaviour.close_day(other)
    assert NETWORK not in networks(behaviour)
    assert {one.incident for one in behaviour.withheld.of(NAME)} == {"i2"}


def test_what_changed_about_one_of_several_accounts_does_not_open_learning_again():
    behaviour, told = Behaviour(Config(), sqlite3.connect(":memory:")), {}
    for number, ((day,), part) in enumerate(MOVED.group_by("portal.local_date", maintain_order=True)):
        behaviour.observe(part, day)
        told |= behaviour.close_day({NAME: "i1", "u002": "i1"} if number >= BEFORE else {})
    assert told == {}


def _pairs(behaviour, persons):
    from detector.context.acquaintance import pairs_of
    from detector.context.day import marked

    rows = marked(LIST.filter(pl.col("portal.subject").is_in(persons.implode())))
    return pairs_of(rows)


def test_confirmed_teaches_nothing_of_it():
    barred, reopened = watch(MOVED, words=[(0, "bar")])
    assert NETWORK not in networks(barred) or reopened
    dropped, _ = watch(LIST, words=[(3, "bar")])
    days = [one.day.ordinal - START.date().toordinal() - BEFORE for one in dropped.withheld.of(NAME)]
    assert days == [4, 5, 6, 7]
    assert NETWORK not in networks(dropped)


@pytest.mark.parametrize(
    ("whole", "frame", "words"), [(moved, MOVED, ()), (pardoned, LIST, PARDON)], ids=["change", "word"]
)
def test_a_restart_before_midnight_learns_the_same(whole, frame, words):
    once, again = (one.accounts.get(NAME) for one, _ in (whole(), watch(frame, restart=True, words=words)))
    assert once.days == again.days
    assert once.recent == again.recent
    assert all(once.traits[trait].values == pytest.approx(again.traits[trait].values) for trait in once.traits)
    assert once.clientele.strangers == pytest.approx(again.clientele.strangers)
