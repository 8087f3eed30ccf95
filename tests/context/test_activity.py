import sqlite3
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from detector.context import frames
from detector.context.activity import DAYS, HOURS, PLACES, Activity, hours_of
from detector.context.day import DISPLAYS, SLOTS, Day, keys_of

TODAY = date(2026, 3, 2)
MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
SLOT = int(MORNING.timestamp()) // 600


def slots(*rows: tuple[str, int, int, int, int]) -> pl.DataFrame:
    told = [(user, SLOT + at, 9, requests, 0, records, missed, 0) for user, at, requests, records, missed in rows]
    return pl.DataFrame(told, schema=SLOTS, orient="row")


def shown(*rows: tuple[str, int, int, bool, bool]) -> pl.DataFrame:
    told = [
        (keys_of([user]).item(), who, None, MORNING + timedelta(minutes=at), first, new, None)
        for user, at, who, first, new in rows
    ]
    return pl.DataFrame(told, schema=DISPLAYS, orient="row")


def day(accounts: int = 1) -> Day:
    running = Day(1000)
    running.slots = pl.concat([slots((f"u{n}", 0, 3, 2, 1)) for n in range(accounts)])
    return running


@pytest.fixture
def database() -> sqlite3.Connection:
    return sqlite3.connect(":memory:")


def test_an_hour_is_the_sum_of_its_slots_and_a_person_counts_where_the_day_shows_her_first():
    seen = shown(
        ("u1", 1, 7, True, True), ("u1", 2, 7, False, False), ("u1", 61, 8, True, False), ("u1", 62, 9, True, True)
    )
    hours = hours_of(slots(("u1", 0, 3, 2, 1), ("u1", 5, 4, 0, 0), ("u1", 6, 9, 2, 0), ("u2", 0, 1, 0, 0)), seen)
    hour = SLOT // 6
    assert hours.schema == HOURS
    assert hours.rows() == [("u1", hour, 7, 2, 1, 1, 1), ("u1", hour + 1, 9, 2, 0, 2, 1), ("u2", hour, 1, 0, 0, 0, 0)]


def test_a_closed_day_is_kept_until_it_is_old(database):
    activity = Activity(database, 1000)
    activity.close_day(TODAY, day())
    ((number, rows, hours, places, _),) = database.execute("SELECT * FROM activity").fetchall()
    assert (date.fromordinal(number), rows) == (TODAY, 1)
    assert frames.unpack(hours).row(0) == ("u0", SLOT // 6, 3, 2, 1, 0, 0)
    assert frames.unpack(places).schema == PLACES
    activity.close_day(TODAY + timedelta(days=DAYS), day())
    assert database.execute("SELECT count(*), min(day) FROM activity").fetchone() == (1, TODAY.toordinal() + DAYS)


def test_beyond_the_bound_the_oldest_days_leave_and_are_counted(database):
    activity = Activity(database, 5)
    for n, accounts in enumerate((2, 2, 2, 9)):
        activity.close_day(TODAY + timedelta(days=n), day(accounts))
        kept = [number - TODAY.toordinal() for (number,) in database.execute("SELECT day FROM activity ORDER BY day")]
        assert kept == [[0], [0, 1], [1, 2], [3]][n]  # the day at hand stays, however large
    assert activity.evicted_count == 6
