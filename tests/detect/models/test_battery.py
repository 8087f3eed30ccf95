"""The contract that every model keeps, whatever it models."""

import copy
import inspect
import json
import math

import pytest
from river.base import AnomalyDetector
from river.checks import common

from detector.detect.campaign.newcomers import Newcomers
from detector.detect.models.clientele import Clientele
from detector.detect.models.familiarity import Familiarity, Population
from detector.detect.models.peak import DailyPeak
from detector.detect.models.peers import PeerPeak
from detector.detect.models.rhythm import Rhythm

COUNT_DAYS = [
    {"count": value} for value in (12, 9, 15, 11, 13, 8, 10, 14, 12, 9, 11, 13, 10, 12, 16, 11, 9, 12, 10, 13, 11, 12)
]
EVERYWHERE = dict.fromkeys(range(1, 96), 1 / 95)
CASES = {
    "peak": (DailyPeak, COUNT_DAYS, {"count": 12}, {"count": 300}),
    "peers": (PeerPeak, COUNT_DAYS, {"count": 12}, {"count": 300}),
    "familiarity": (Familiarity, [{"FR": 0.9}] * 22, {"FR": 0.9}, {"NL": 0.01}),
    "clientele": (
        Clientele,
        [{"persons": 20, "strangers": 6, "areas": {76: 5, 13: 1}, "everybody": EVERYWHERE}] * 22,
        {"persons": 20, "strangers": 6, "areas": {76: 5, 13: 1}, "everybody": EVERYWHERE},
        {"persons": 12, "strangers": 12, "areas": dict.fromkeys(range(1, 13), 1), "everybody": EVERYWHERE},
    ),
    "newcomers": (
        Newcomers,
        [{"newcomers": 2, "population": 0, "odd_0": day % 5 == 0} for day in range(22)],
        {"newcomers": 3, "population": 0, "odd_0": 1},
        {"newcomers": 12, "population": 0, "odd_0": 9, "odd_1": 6},
    ),
    "population": (Population, [{"FR": 1}] * 22, {"FR": 1}, {"NL": 1}),
    "rhythm": (
        Rhythm,
        [dict.fromkeys(range(8 + 24 * (d % 5), 17 + 24 * (d % 5)), 1) for d in range(22)],
        {10: 1},
        {3: 1},
    ),
}
RIVER_CHECKS = [
    common.check_repr,
    common.check_str,
    common.check_tags,
    common.check_clone_same_class,
    common.check_clone_is_idempotent,
    common.check_init_has_default_params_for_tests,
    common.check_init_default_params_are_not_mutable,
    common.check_doc,
    common.check_clone_changes_memory_addresses,
    common.check_mutate_can_be_idempotent,
]
"""River's estimator checks that need none of its data sets, which it downloads."""


def taught(name, days=None):
    kind, history, *_ = CASES[name]
    model = kind()
    for day in history if days is None else history[:days]:
        model.learn_one(day)
    return model


@pytest.fixture(params=CASES)
def name(request):
    return request.param


@pytest.mark.parametrize("check", RIVER_CHECKS, ids=lambda check: check.__name__)
def test_rivers_estimator_checks(name, check):
    check(CASES[name][0]())


def test_is_a_river_anomaly_detector(name):
    assert issubclass(CASES[name][0], AnomalyDetector)
    assert inspect.getdoc(CASES[name][0])


def test_cold_is_none(name):
    assert CASES[name][0]().score_one(CASES[name][2]) is None


def test_odd_scores_above_usual(name):
    usual, odd = CASES[name][2:]
    model = taught(name)
    assert model.score_one(odd) > model.score_one(usual) + 0.5
    assert model.score_one(usual) < 1


def test_scoring_teaches_nothing(name):
    model = taught(name)
    before = json.dumps(model.numbers())
    model.score_one(CASES[name][3])
    assert json.dumps(model.numbers()) == before


def test_numbers_survive_json_and_go_on_alike(name):
    model = taught(name, 15)
    told = type(model).from_numbers(json.loads(json.dumps(model.numbers())))
    for day in CASES[name][1][15:]:
        model.learn_one(day)
        told.learn_one(day)
    for asked in CASES[name][2:]:
        assert told.score_one(asked) == pytest.approx(model.score_one(asked), rel=1e-3)


def test_a_saved_model_is_small(name):
    assert len(json.dumps(taught(name).numbers())) < 2000


def test_clone_forgets(name):
    assert taught(name).clone().score_one(CASES[name][2]) is None


def test_a_copy_is_its_own(name):
    model = taught(name)
    other = copy.deepcopy(model)
    other.learn_one(CASES[name][3])
    assert json.dumps(other.numbers()) != json.dumps(model.numbers())


@pytest.mark.parametrize("kind", [DailyPeak, PeerPeak])
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_no_number_poisons_the_moments(kind, poison):
    model = kind()
    for day in COUNT_DAYS:
        model.learn_one(day)
        model.learn_one({"count": poison})
    assert model.score_one({"count": 300}) > 4


def test_moments_hold_around_large_values():
    model = DailyPeak()
    for value in (1_000_000, 1_100_000, 950_000, 1_050_000) * 5:
        model.learn_one({"count": value})
    assert model.score_one({"count": 1_050_000}) < 1
    assert model.score_one({"count": 4_000_000}) > 4


def test_an_account_leans_on_its_peers_until_it_has_days_of_its_own():
    peers = PeerPeak()
    for value in (10, 20, 40, 15, 30) * 8:
        peers.learn_one({"count": value, "days": 9, "usual": math.log1p(value * 1.1)})
    busy = DailyPeak()
    assert peers.expectation(busy).baseline == "peers"
    for _ in range(10):
        busy.learn_one({"count": 200})
    own = peers.expectation(busy)
    assert own.baseline == "account"
    assert own.days == 10
    assert 100 < own.mean < 260


def test_a_frequent_traveller_may_travel_once_more():
    settled, restless = Familiarity(), Familiarity()
    for day in range(40):
        settled.learn_one({"AS1": 1})
        restless.learn_one({f"AS{day}": 1})
    assert settled.score_one({"AS999": 0.01}) > restless.score_one({"AS999": 0.01}) + 1
