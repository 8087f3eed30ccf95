import sqlite3
from functools import cache
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import schema
from detector.config import Config
from detector.detect import score
from detector.detect.behaviour import Behaviour
from detector.detect.models.features import WHERE_CAP
from tests.detect.portal_days import events

THEFT = events(days=10, accounts=30, seed=5, thief_records=60)
QUIET = events(days=10, accounts=30, seed=6)


def watch(frame, cuts=(), frozen=(), restart=False):
    """Observe `frame` cut at `cuts`; with `restart`, from a snapshot before every part."""
    database = sqlite3.connect("")
    behaviour, today, found = Behaviour(Config(), database), None, [schema.empty(schema.SIGNAL)]
    for start, end in pairwise([0, *sorted(cuts), frame.height]):
        for (day,), part in frame[start:end].group_by("portal.local_date", maintain_order=True):
            if restart:
                saved, behaviour = behaviour.snapshot(), Behaviour(Config(), database)
                behaviour.restore(saved)
            if today is not None and day != today:
                behaviour.close_day(dict.fromkeys(frozen, "incident"))
            today = day
            found.append(behaviour.observe(part, day))
    return pl.concat(found), behaviour


@cache
def uncut():
    return watch(THEFT)[0]


def test_a_stolen_account_is_found_within_its_first_records():
    signals = uncut()
    first = signals.sort("@timestamp").row(0, named=True)
    assert first["user.name"] == "u001"
    stolen = (first["@timestamp"] - first["signal.start"]).total_seconds() / 2
    assert stolen < 20
    assert set(signals["user.name"]) == {"u001"}
    assert "AS9009" in first["signal.text"]


def test_a_quiet_portal_raises_nothing():
    assert watch(QUIET)[0].is_empty()


@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(0, THEFT.height), max_size=20, unique=True))
def test_any_cut_gives_the_same_signals(cuts):
    assert watch(THEFT, cuts)[0].equals(uncut())


def test_a_restart_before_every_part_gives_the_same_signals():
    assert watch(THEFT, range(100, THEFT.height, 211), restart=True)[0].equals(uncut())


def test_every_reason_says_what_was_seen_against_what_in_which_unit():
    for reason in uncut()["portal.reasons"].explode().struct.unnest().to_dicts():
        assert reason["unit"]
        assert reason["text"]
        assert reason["observed"] > reason["expected"]
        assert reason["surprise"] > 0
        assert reason["history_days"] >= 3
        assert reason["baseline"] == "account"


@pytest.mark.parametrize("frozen", [(), ("u001",)])
def test_a_frozen_or_alerted_account_learns_nothing_that_day(frozen):
    _, behaviour = watch(THEFT, frozen=frozen)
    behaviour.close_day(dict.fromkeys(frozen, "incident"))
    networks = behaviour.accounts.get("u001").traits["portal.network"].values if not frozen else {}
    assert "AS9009" not in networks
    assert behaviour.accounts.get("u002").days == 10
    assert (behaviour.accounts.get("u001") is None) == bool(frozen)


def test_a_log_on_that_failed_makes_no_account_and_no_place_familiar():
    tried = QUIET.filter(pl.col("user.name") == "u002").with_columns(
        pl.lit("logon").alias("portal.action"), pl.lit("failure").alias("event.outcome"),
        pl.lit("AS9009").alias("portal.network"),
    )  # fmt: skip
    invented = tried.with_columns(pl.lit("nobody").alias("user.name"))
    frame = pl.concat([QUIET, tried, invented]).sort("@timestamp", maintain_order=True)
    _, behaviour = watch(frame)
    assert behaviour.accounts.get("nobody") is None
    assert "AS9009" not in behaviour.accounts.get("u002").traits["portal.network"].values


def test_displays_kept_of_an_open_incident_are_bounded_and_the_evicted_counted():
    _, behaviour = watch(THEFT)
    behaviour.day.most_rows = 5
    behaviour.close_day({"u001": "incident"})
    assert behaviour.held.height == 5
    assert behaviour.day.evicted_count > 0


def test_subjects_are_counted_between_two_moments():
    _, behaviour = watch(THEFT)
    theft = THEFT.filter(pl.col("portal.network") == "AS9009")
    first, last = theft["@timestamp"].min(), theft["@timestamp"].max()
    assert behaviour.subjects_count(["u001"], first, last) == theft["portal.subject"].n_unique()
    assert behaviour.subjects_count(["u001"], first, first) == 1


def test_a_larger_budget_lowers_the_threshold_and_never_below_what_places_alone_may_add():
    models = Config().models
    larger, huge = (models.model_copy(update={"budget_per_1000_account_days": budget}) for budget in (3, 10**6))
    assert score.threshold(models) == models.threshold
    assert WHERE_CAP <= score.threshold(huge) < score.threshold(larger) < models.threshold


def test_an_insider_who_reads_a_list_beside_the_work_is_found_by_whom_he_looks_up():
    signals, _ = watch(events(days=12, accounts=30, seed=7, insider_records=60, patients=True))
    assert set(signals["user.name"]) == {"u001"}
    reason = signals["portal.reasons"][0].to_list()[0]
    assert reason["feature"] in {"clientele", "areas"}
    assert reason["observed"] > reason["expected"]


def test_three_times_the_own_clientele_is_no_theft():
    assert watch(events(days=12, accounts=30, seed=7, busy_records=60, patients=True))[0].is_empty()
