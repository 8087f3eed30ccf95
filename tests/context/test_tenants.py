import sqlite3
from datetime import date

import polars as pl
import pytest

from detector.context import frames
from detector.context.tenants import DAYS, PAIRS, Tenants
from detector.schema import EVENT, conform

TODAY = date(2026, 3, 2)


def events(*rows: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=[*PAIRS.names(), "event.outcome"], orient="row")
    return conform(frame.cast(pl.String), EVENT)


@pytest.fixture
def database() -> sqlite3.Connection:
    return sqlite3.connect(":memory:")


def pairs(frame: pl.DataFrame) -> list[tuple[str, str]]:
    return sorted(frame.rows())


def test_success_makes_a_tenant_and_a_trial_does_not(database):
    tenants = Tenants(database, 100)
    tenants.observe(events(("192.0.2.7", "u1", "success"), ("192.0.2.7", "u1", "success")))
    tenants.observe(events(("192.0.2.7", "u2", "failure"), ("192.0.2.7", "u3", None), (None, "u4", "success")))
    tenants.observe(events(("192.0.2.8", None, "success"), ("192.0.2.8", "u1", "success")))
    assert pairs(tenants.today) == [("192.0.2.7", "u1"), ("192.0.2.8", "u1")]


def test_a_closed_day_is_kept_in_the_state_until_it_is_old(database):
    tenants = Tenants(database, 100)
    tenants.observe(events(("192.0.2.7", "u1", "success")))
    tenants.close_day(TODAY)
    assert tenants.today.is_empty()
    ((day, packed),) = database.execute("SELECT day, pairs FROM tenants").fetchall()
    assert date.fromordinal(day) == TODAY
    assert pairs(frames.unpack(packed)) == [("192.0.2.7", "u1")]
    tenants.close_day(date.fromordinal(TODAY.toordinal() + DAYS))
    assert database.execute("SELECT count(*) FROM tenants WHERE day = ?", (TODAY.toordinal(),)).fetchone() == (0,)


def test_the_running_day_survives_a_restart(database):
    tenants = Tenants(database, 100)
    tenants.observe(events(("192.0.2.7", "u1", "success")))
    again = Tenants(database, 100)
    again.restore(tenants.snapshot())
    again.observe(events(("192.0.2.7", "u1", "success")))  # the journal, observed again
    assert again.today.equals(tenants.today)
    older = Tenants(database, 100)
    older.restore({})
    assert older.today.schema == PAIRS


def test_beyond_the_bound_pairs_are_dropped_and_counted(database):
    tenants = Tenants(database, 2)
    tenants.observe(events(*((f"192.0.2.{n}", "u1", "success") for n in range(5))))
    assert tenants.today.height == 2
    assert tenants.evicted_count == 3
