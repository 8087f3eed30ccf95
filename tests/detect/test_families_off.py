"""A family of evidence that is off neither counts nor gives a reason."""

import sqlite3
from typing import get_args

import polars as pl

from detector import schema
from detector.config import Config
from detector.config.models import Family, Models
from detector.detect.behaviour import Behaviour
from detector.detect.models.features import FAMILIES
from tests.detect.portal_days import events

THEFT = events(days=6, accounts=12, seed=5, thief_records=60)


AT_WORK = pl.when(pl.col("portal.network") == "AS9009").then(pl.col("@timestamp").dt.offset_by("-5h"))
BESIDE = THEFT.with_columns(AT_WORK.otherwise("@timestamp").alias("@timestamp")).sort("@timestamp", maintain_order=True)


def _signals(*off: str, frame: pl.DataFrame = THEFT) -> pl.DataFrame:
    behaviour = Behaviour(Config(models=Models(families_off=off)), sqlite3.connect(""))
    found = [schema.empty(schema.SIGNAL)]
    for (day,), part in frame.group_by("portal.local_date", maintain_order=True):
        behaviour.close_day({})
        found.append(behaviour.observe(part, day))
    return pl.concat(found)


def told(signals: pl.DataFrame) -> set[str]:
    return set(signals["portal.reasons"].explode().struct.field("feature"))


def test_the_configuration_knows_every_family():
    assert set(get_args(Family)) == {*FAMILIES, "campaign"}


def test_the_others_find_the_theft_later_and_do_not_speak_of_what_is_off():
    whole, without = _signals(), _signals("geography", "network", "source", "session")
    assert {"country", "network"} <= told(whole)
    assert told(without).isdisjoint({"country", "network"})
    assert without["@timestamp"].min() > whole["@timestamp"].min()


def test_with_all_families_off_nothing_is_raised():
    assert _signals(*get_args(Family)).is_empty()


def test_campaigns_that_are_off_are_never_over_their_threshold():
    off = Behaviour(Config(models=Models(families_off=("campaign",))), sqlite3.connect(""))
    assert off.campaigns.threshold == float("inf")
    assert Behaviour(Config(), sqlite3.connect("")).campaigns.threshold < 10


def test_two_places_at_once_are_of_the_session_even_where_they_count_as_a_place():
    assert "overlap_day" in told(_signals(frame=BESIDE))
    assert told(_signals("session", frame=BESIDE)).isdisjoint({"overlap_day", "unclaimed"})
