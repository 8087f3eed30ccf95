import random

import pytest

from detector.detect.models.change import MOST, excess, is_lasting, is_odd, is_own
from detector.detect.models.peak import DailyPeak


def taught(days=20, usual=20, seed=3):
    chance, model = random.Random(seed), DailyPeak()
    for _ in range(days):
        model.learn_one({"count": round(usual * chance.lognormvariate(0, 0.3))})
    return model


def test_days_as_usual_are_no_change():
    for seed in range(50):
        chance = random.Random(seed)
        days = [round(20 * chance.lognormvariate(0, 0.3)) for _ in range(14)]
        assert not is_lasting(taught(seed=seed), days), seed


def test_three_times_the_volume_is_one_within_a_week_and_not_within_three_days():
    assert not is_lasting(taught(), [60] * 3)
    assert is_lasting(taught(), [60] * 7)


def test_no_single_day_is_one_however_bad():
    assert excess(taught(), 100_000) == MOST
    assert not is_lasting(taught(), [20, 100_000, 20, 18, 22])


def test_a_change_that_ended_is_none():
    assert is_lasting(taught(), [80] * 6)
    assert not is_lasting(taught(), [80] * 6 + [20])


def test_an_account_that_is_new_has_nothing_to_change():
    assert not is_lasting(taught(days=3), [80] * 10)
    assert not is_lasting(DailyPeak(), [])


HOLDER = (60, (-2.0, -4.0, -9.0))
THIEF = (30, (6.0, 9.0, 12.0))


@pytest.mark.parametrize(
    ("days", "own"),
    [
        ([{"usual": HOLDER}] * 2, True),
        ([{"usual": HOLDER, "elsewhere": HOLDER}] * 2, True),
        ([{"usual": HOLDER}] * 9 + [{"elsewhere": THIEF}], False),
        ([{"usual": HOLDER, "elsewhere": (4, (1.5, 2.0, 2.0))}] * 2, False),
        ([{"usual": (4, (-2.0, -3.0, -4.0))}], False),
        ([{}], False),
        ([], False),
    ],
)
def test_only_its_own_clientele_speaks_for_an_account_and_from_everywhere_it_was_used(days, own):
    assert is_own(days) == own


def test_a_day_is_odd_by_any_kind_of_place():
    assert is_odd({"usual": HOLDER, "elsewhere": (5, (0.5, 1.5, 2.0))})
    assert not is_odd({"usual": HOLDER})
    assert not is_odd({})
