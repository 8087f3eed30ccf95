from dataclasses import dataclass

import pytest

from detector.errors import DetectorError
from detector.inquire.incidents import incidents, named
from tests.inquire.conftest import ATTACKS


@dataclass(frozen=True)
class Named:
    id: str
    status: str = "open"
    level: str = "high"
    about: str = "u1"


SOME = [Named("abc1"), Named("abd2", status="closed"), Named("ab")]


@pytest.mark.parametrize(("asked", "found"), [("abc", "abc1"), ("abd2", "abd2"), ("ab", "ab")])
def test_the_beginning_of_an_id_is_enough(asked, found):
    assert named(SOME, asked).id == found


def test_a_beginning_that_fits_several_is_refused_with_them():
    with pytest.raises(DetectorError, match=r"may be one of several; these begin so:\n  abc1 .*\n  abd2"):
        named(SOME[:2], "ab")


@pytest.mark.parametrize("asked", ["", "x"])
def test_one_that_fits_none_is_refused_with_those_open(asked):
    with pytest.raises(
        DetectorError, match=r"no incident '.*' in this state; open are:\n  abc1  high  u1\n  ab "
    ) as said:
        named(SOME, asked)
    assert "abd2" not in str(said.value)


def test_incidents_stand_by_what_wants_somebody_most(state):
    told = incidents(state)
    assert {one.account for one in told if one.account} >= set(ATTACKS) - {"p4", "p3"}
    assert [one.status for one in told] == sorted((one.status for one in told), key=["open", "closed"].index)
    for one in told:
        assert one.alerts[0].state == "opened"
        assert one.subjects_count == max(alert.subjects_count for alert in one.alerts)
        assert one.words == ()
        assert one.verdict is None
