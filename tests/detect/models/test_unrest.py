"""How the threshold follows a portal's unrest, what absences are usual, and moments that are learned all at once."""

import json

import numpy as np
import pytest
from river.stats import Var

from detector.detect.models.peak import learned
from detector.detect.models.silence import Gaps, own_surprise
from detector.detect.models.unrest import MOST, USUAL, Unrest


def portal(near: int, days: int = 60, accounts: int = 1000) -> Unrest:
    model = Unrest()
    for _ in range(days):
        model.learn_many(near, accounts)
    return model


def test_on_a_usual_portal_and_a_quiet_one_the_threshold_stays():
    assert Unrest().rise(1.5) == 0
    assert portal(int(USUAL)).rise(1.5) == pytest.approx(0, abs=0.01)
    assert portal(0).rise(1.5) == 0


def test_it_rises_with_unrest_and_never_beyond_what_is_told():
    assert portal(60).rise(1.5) == pytest.approx(1.5 * np.log10(3), abs=0.05)
    assert portal(1000).rise(1.5) == MOST


def test_one_bad_day_of_a_small_portal_moves_it_little():
    model = Unrest()
    model.learn_many(20, 100)
    assert model.rise(1.5) < 0.3


def test_unrest_and_gaps_survive_json_and_go_on_alike():
    unrest = portal(35, days=5)
    gaps = Gaps()
    for days in (1, 1, 3, 16, 1, 40):
        gaps.learn_one({"days": days})
    for model, again in ((unrest, Unrest), (gaps, Gaps)):
        told = again.from_numbers(json.loads(json.dumps(model.numbers())))
        assert told.numbers() == model.numbers()


def test_a_longer_absence_is_odder_and_a_common_one_is_not():
    gaps = Gaps()
    asked = [gaps.score_one({"days": days}) for days in (1, 3, 16, 60)]
    assert asked == sorted(asked)
    assert asked[0] == 0
    for _ in range(2000):
        gaps.learn_one({"days": 20})
    assert gaps.score_one({"days": 16}) < 0.2 < gaps.score_one({"days": 60})


def test_an_account_that_works_once_a_month_is_not_odd_after_a_month():
    assert own_surprise(5, 130, 30) < 0.5 < 3 < own_surprise(20, 28, 30)


def test_moments_learned_at_once_are_those_of_rivers_variance():
    rng = np.random.default_rng(5)
    counts = rng.poisson(30, size=(20, 4)).astype(float)
    moments = np.zeros((3, 4))
    river = [Var() for _ in range(4)]
    for day in counts:
        moments = learned(moments, day)
        for model, count in zip(river, day, strict=True):
            model.update(np.log1p(count))
    assert moments[1] == pytest.approx([model.mean.get() for model in river])
    assert moments[2] == pytest.approx([model.get() for model in river])


def test_a_count_that_is_no_number_teaches_nothing():
    moments = learned(np.zeros((3, 2)), np.array([5.0, np.nan]))
    assert moments[0].tolist() == [1, 0]
