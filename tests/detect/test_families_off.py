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


def _signals(*off: str) -> pl.DataFrame:
    behaviour = Behaviour(Config(models=Models(families_off=off)), sqlite3.connect(""))
    found = [schema.empty(schema.SIGNAL)]
    for (day,), part in THEFT.group_by("portal.local_date", maintain_order=True):
        behaviour.close_day({})
        found.append(behaviour.observe(part, day))
    return pl.concat(found)


def test_the_configuration_knows_every_family():
    assert set(get_args(Family)) == {*FAMILIES, "campaign"}


def test_the_others_find_the_theft_later_and_do_not_speak_of_what_is_off():
    def told(signals: pl.DataFrame) -> set[str]:
        return set(signals["portal.reasons"].explode().struct.field("feature"))

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
