import sqlite3
from datetime import date, timedelta

import numpy as np

from detector.context.settled import AGAIN, DAYS, PROBATION, Settled

MONDAY = date(2026, 3, 2)


def numbers(*values):
    return np.array(values, dtype=np.uint64)


def after(days, at=MONDAY):
    return at + timedelta(days=days)


def lived(settled, first, last):
    """Let account 5 use key 1 every day, and write down what needs it."""
    for day in range(first, last):
        due = ~settled.is_written(numbers(1), numbers(5))
        settled.learn(after(day), numbers(1)[due], numbers(5)[due])
    return settled


def test_a_key_is_an_accounts_own_after_its_probation():
    settled = Settled(sqlite3.connect(""), 10**6)
    for day in range(PROBATION):
        assert not settled.is_own(numbers(1), numbers(5))[0]
        lived(settled, day, day + 1)
    assert settled.is_own(numbers(1, 1, 2), numbers(5, 6, 5)).tolist() == [True, False, False]


def test_a_key_in_use_stays_and_one_given_up_is_forgotten_in_a_restart_too():
    database = sqlite3.connect("")
    settled = lived(Settled(database, 10**6), 0, 100)
    assert settled.is_own(numbers(1), numbers(5))[0]
    assert Settled(database, 10**6).is_own(numbers(1), numbers(5))[0]
    for day in range(100, 100 + DAYS + 1):
        settled.learn(after(day), numbers(), numbers())
    assert not settled.is_own(numbers(1), numbers(5))[0]
    assert not Settled(database, 10**6).is_own(numbers(1), numbers(5))[0]


def test_what_is_in_use_is_written_down_seldom():
    settled = lived(Settled(sqlite3.connect(""), 10**6), 0, DAYS)
    assert sum(count for _, count in settled.days) == -(-DAYS // AGAIN)


def test_it_counts_the_accounts_of_a_key_where_there_are_several():
    settled = Settled(sqlite3.connect(""), 10**6)
    assert settled.population(numbers(1)).tolist() == [0]
    settled.learn(MONDAY, numbers(1, 1, 1, 2), numbers(5, 6, 7, 5))
    assert settled.population(numbers(1, 2, 3)).tolist() == [3, 0, 0]


def test_beyond_its_bound_the_oldest_days_leave_and_are_counted():
    settled = Settled(sqlite3.connect(""), 3)
    settled.learn(MONDAY, numbers(1, 2), numbers(5, 5))
    settled.learn(after(1), numbers(3, 4), numbers(5, 5))
    assert settled.evicted_count == 2
    assert [count for _, count in settled.days] == [2]
