"""The tail of newcomers: what is usual of a kind of key, and what is not."""

import numpy as np
import pytest

from detector.detect.campaign.newcomers import LEVELS, NOVELTY_CAP, Newcomers

DAYS = 30
KEYS = 200


def learned(seed=1, shares=(0.05, 0.01, 0.001), telling=False, company=0.3):
    """Return a model that has seen keys whose newcomers are odd by chance alone."""
    rng, model = np.random.default_rng(seed), Newcomers(telling)
    for _ in range(DAYS):
        newcomers = 1 + rng.poisson(company, KEYS)
        odd = np.array([rng.binomial(newcomers, share) for share in shares])
        model.learn_many(newcomers, np.zeros(KEYS, np.int64), odd)
    return model


def scored(model, newcomers, odd, population=0):
    told = {"newcomers": newcomers, "population": population}
    return model.score_one(told | {f"odd_{level}": count for level, count in enumerate(odd)})


def test_the_shares_are_those_of_the_keys_seen():
    assert learned().shares == pytest.approx([0.05, 0.01, 0.001], rel=0.3, abs=1e-3)


@pytest.mark.parametrize("newcomers", [3, 20, 200])
def test_what_chance_alone_brings_is_seldom_surprising(newcomers):
    rng, model = np.random.default_rng(2), learned()
    odd = np.array([rng.binomial(newcomers, share, 20_000) for share in model.shares])
    many = np.full(20_000, newcomers)
    scores = model.odd_scores(many, odd).max(axis=0)
    for level in (2, 3):
        assert (scores >= level).mean() <= 10.0**-level


def test_the_tail_is_a_binomials_or_heavier():
    from scipy import stats  # takes longer to load than the test to run

    model = learned()
    for odd in (3, 5, 8):
        exact = -stats.binom.logsf(odd - 1, 40, model.shares[0]) / np.log(10)
        assert model.odd_scores(np.array([40]), np.array([[odd], [0], [0]]))[0, 0] <= exact


def test_many_newcomers_with_their_usual_patients_add_little_whatever_their_number():
    model = learned()
    assert scored(model, 400, (20, 4, 0)) < 1 + NOVELTY_CAP
    assert scored(model, 400, (200, 90, 20)) > 10


def test_few_sure_ones_and_many_suspect_ones_are_both_found():
    model = learned()
    assert scored(model, 30, (4, 4, 4)) > 5
    assert scored(model, 30, (15, 1, 0)) > 5


def test_two_accounts_are_no_campaign():
    assert scored(learned(), 2, (2, 2, 2)) == 0


def test_bad_days_of_colleagues_make_the_tail_heavier():
    calm, rough = learned(), learned()
    for _ in range(10):
        rough.learn_many(np.array([20]), np.array([0]), np.array([[12], [5], [1]]))
        calm.learn_many(np.array([20]), np.array([0]), np.array([[1], [0], [0]]))
    assert scored(rough, 20, (10, 4, 1)) < scored(calm, 20, (10, 4, 1)) - 2


def test_larger_keys_may_get_more_newcomers():
    model = Newcomers()
    for _ in range(DAYS):
        newcomers = np.array([1] * 50 + [12, 9, 14])
        model.learn_many(newcomers, np.array([0] * 50 + [200] * 3), np.zeros((len(LEVELS), 53), np.int64))
    surprise = model.crowd_scores(np.array([12, 12]), np.array([0, 200]))
    assert surprise[0] > 5
    assert surprise[1] < 1


def test_where_newcomers_tell_by_themselves_three_are_not_enough_but_four_are():
    model = learned(telling=True, company=0.0)
    assert scored(model, 3, (3, 3, 3)) < 5.5
    assert scored(model, 4, (4, 4, 4)) > 5.5
