import sqlite3
from datetime import date, timedelta

from detector.context.seen import Seen

DAY = date(2026, 3, 2)


def opened(days: int = 60) -> Seen:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE memory (kind TEXT, key TEXT, numbers TEXT)")
    database.execute("INSERT INTO memory VALUES ('account', 'from before', ''), ('cohort', 'nurse', '')")
    return Seen(database, days)


def test_who_stays_away_is_forgotten_on_the_day_it_is_due_and_once():
    seen = opened()
    assert seen.close_day(DAY, ["a", "b"]) == []
    assert seen.close_day(DAY + timedelta(days=40), ["b"]) == []
    assert seen.close_day(DAY + timedelta(days=59), []) == []
    assert seen.close_day(DAY + timedelta(days=60), []) == ["a", "from before"]
    assert seen.close_day(DAY + timedelta(days=61), ["a"]) == []
    assert seen.close_day(DAY + timedelta(days=100), []) == ["b"]


def test_a_gap_of_a_year_forgets_all_but_those_who_return():
    seen = opened()
    seen.close_day(DAY, ["a", "b"])
    assert seen.close_day(DAY + timedelta(days=365), ["b"]) == ["a", "from before"]
