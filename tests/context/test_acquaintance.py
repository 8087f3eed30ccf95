import sqlite3
from datetime import date, timedelta

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from detector.context.acquaintance import DAYS, Acquaintance, pairs_of

MONDAY = date(2026, 3, 2)
days = st.lists(st.lists(st.integers(0, 30), max_size=40), min_size=1, max_size=6)


def numbers(values):
    return np.array(values, dtype=np.uint64)


@given(days, st.integers(1, 7))
def test_who_was_met_before_is_told_as_by_the_slow_twin_however_the_day_is_cut(met, size):
    known, before = Acquaintance(sqlite3.connect(""), 10**6), set()
    for number, day in enumerate(met):
        today = set()
        for start in range(0, len(day), size):
            part = day[start : start + size]
            first, stranger = known.meet(numbers(part))
            for pair, is_first, is_stranger in zip(part, first, stranger, strict=True):
                assert is_first == (pair not in today)
                assert is_stranger == (pair not in today and pair not in before)
                today.add(pair)
        known.learn(MONDAY + timedelta(days=number), numbers(sorted(today)))
        known.clear()
        before |= today


def test_an_acquaintance_ends_after_its_days_and_survives_a_restart():
    database = sqlite3.connect("")
    known = Acquaintance(database, 10**6)
    known.learn(MONDAY, numbers([7]))
    assert not Acquaintance(database, 10**6).meet(numbers([7]))[1][0]
    known.learn(MONDAY + timedelta(days=DAYS), numbers([8]))
    assert known.meet(numbers([7, 8]))[1].tolist() == [True, False]
    assert Acquaintance(database, 10**6).meet(numbers([7, 8]))[1].tolist() == [True, False]


def test_more_pairs_than_may_be_held_drop_the_oldest_day_and_are_counted():
    known = Acquaintance(sqlite3.connect(""), 3)
    known.learn(MONDAY, numbers([1, 2]))
    known.learn(MONDAY + timedelta(days=1), numbers([3, 4]))
    assert known.evicted_count == 2
    assert known.meet(numbers([1, 3]))[1].tolist() == [True, False]


def test_a_pair_is_of_both_account_and_person():
    shown = pl.DataFrame(
        {"account_key": [1, 1, 2, 2], "portal.subject": [1, 2, 1, 2]},
        schema={"account_key": pl.UInt64, "portal.subject": pl.UInt64},
    )
    assert len(set(pairs_of(shown).tolist())) == 4
