"""What memory has no room for is read back, or left out and counted: the alerts stay the same."""

import sqlite3
from datetime import timedelta
from functools import cache

import polars as pl
import pytest

from detector import schema
from detector.config import Config, State
from detector.detect.behaviour import Behaviour
from detector.detect.models.familiarity import MOST_SHARED, Population
from tests.detect.portal_days import START, events

THEFT = events(days=10, accounts=30, seed=5, thief_records=60)
NAMES = 1_000
ROOM = 40
"""More than the accounts of the portal, all of which are new on its first day."""


def watch(frame, *, durable=True, parts=1, **bounds):
    """Return the signals of `frame`, in so many parts a day, and what is remembered of every account at the end."""
    database = sqlite3.connect("")
    behaviour, found = Behaviour(Config(state=State(**bounds)), database, durable=durable), []
    for (day,), rows in frame.group_by("portal.local_date", maintain_order=True):
        if behaviour.today is not None:
            behaviour.close_day({})
        step = max(1, rows.height // parts)
        found += [behaviour.observe(rows[at : at + step], day) for at in range(0, rows.height, step)]
    told = {name: own.numbers() for name in sorted(set(frame["user.name"])) if (own := behaviour.accounts.get(name))}
    return pl.concat(found), told, behaviour


@cache
def usual():
    return watch(THEFT)


def flood(day, status):
    """Return events of a thousand names that are tried once each in the hour before the theft."""
    stamps = [START + timedelta(days=day, hours=19, seconds=3 * name) for name in range(NAMES)]
    told = {
        "@timestamp": pl.Series(stamps, dtype=schema.TIME),
        "user.name": [f"zz{name}" for name in range(NAMES)],
        "source.ip": [f"198.51.100.{name % 250}" for name in range(NAMES)],
        "portal.source": [f"198.51.100.{name % 250}" for name in range(NAMES)],
        "http.response.status_code": [status] * NAMES,
        "portal.action": ["record_view"] * NAMES,
        "event.outcome": ["success" if status < 400 else "failure"] * NAMES,
        "portal.local_date": [stamp.date() for stamp in stamps],
        "portal.hour_of_week": [(stamp.weekday() * 24 + stamp.hour) for stamp in stamps],
    }
    frame = schema.conform(pl.DataFrame(told), schema.EVENT).with_columns(pl.lit(False).alias(schema.LATE))
    return pl.concat([THEFT, frame.select(THEFT.columns)]).sort("@timestamp", maintain_order=True)


@pytest.mark.parametrize("durable", [True, False])
def test_however_few_accounts_memory_holds_the_signals_and_what_is_learned_are_the_same(durable):
    signals, told, _ = usual()
    few, learned, behaviour = watch(THEFT, durable=durable, max_accounts_in_memory=3)
    assert not signals.is_empty()
    assert few.equals(signals)
    assert learned == told
    assert behaviour.accounts.evicted_count > 30


@pytest.mark.parametrize("parts", [1, 7])
def test_names_invented_make_few_accounts_and_hide_no_theft(parts):
    signals, _, _ = usual()
    found, _, behaviour = watch(flood(9, 404), parts=parts, max_new_accounts_per_day=ROOM)
    mine = found.filter(pl.col("user.name") == "u001")
    assert mine.drop("portal.reasons").equals(signals.drop("portal.reasons"))
    assert behaviour.refused_count == NAMES - ROOM
    behaviour.close_day({})
    assert sum(behaviour.accounts.get(f"zz{name}") is not None for name in range(NAMES)) <= ROOM


def test_names_refused_with_401_make_no_account():
    _, _, behaviour = watch(flood(9, 401))
    assert behaviour.refused_count == 0
    assert behaviour.day.slots.filter(pl.col("user.name").str.starts_with("zz")).is_empty()


def test_a_restart_refuses_the_same_names():
    database = sqlite3.connect("")
    config, frame = Config(state=State(max_new_accounts_per_day=ROOM)), flood(0, 404)
    first = frame.filter(pl.col("portal.local_date") == frame["portal.local_date"][0])
    whole, halves = Behaviour(config, database), Behaviour(config, database)
    whole.observe(first, START.date())
    half = first.height - NAMES // 2
    halves.observe(first[:half], START.date())
    again = Behaviour(config, database)
    again.restore(halves.snapshot())
    again.observe(first[half:], START.date())
    assert set(again.day.slots["user.name"]) == set(whole.day.slots["user.name"])
    assert halves.refused_count + again.refused_count == whole.refused_count > 0


def test_a_day_with_more_places_sessions_and_slots_than_there_is_room_for_keeps_the_latest_and_counts_the_others():
    signals, _, _ = usual()
    found, _, behaviour = watch(flood(9, 200), max_rows_per_window=1_000)
    assert signals.get_column("user.name").to_list() == ["u001"] * signals.height
    assert "u001" in found.get_column("user.name").to_list()
    assert behaviour.evicted_count > 0
    held = (behaviour.day.slots, behaviour.day.places, behaviour.runs.open, behaviour.lookups.ledger)
    assert max(frame.height for frame in held) == 1_000
    assert behaviour.baselines.novelty.height <= 1_000


def test_of_values_invented_those_that_many_show_stay_known():
    assert MOST_SHARED > 10_000  # far more networks and clients than a portal sees
    everybody = Population()
    everybody.learn_many([{"Chrome/Windows"}] * 5)
    everybody.learn_many([{f"Agent {number}"} for number in range(2 * MOST_SHARED)])
    assert len(everybody.values) == MOST_SHARED
    assert everybody.values["Chrome/Windows"] == 5
    assert everybody.account_days == 2 * MOST_SHARED + 5
