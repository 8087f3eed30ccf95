import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.detect.models.clientele import (
    BILLS,
    LEDGER,
    LOOK,
    PLACED,
    SHARES,
    SLIP,
    URN,
    Clientele,
    Crowd,
    weigh,
)

AREAS = (None, 13, 33, 76)
HABITS = {
    1: {"new": 0.3, "bare": 0.2, "local": 0.8, "own": {76: 0.9, 13: 0.1}},
    2: {"new": None, "bare": None, "local": 0.0, "own": {}},
    3: {"new": 0.95, "bare": 0.9, "local": 0.5, "own": {33: 1.0}},
}
EVERYBODY = {13: 0.2, 33: 0.3, 76: 0.1}

looks_taken = st.lists(
    st.tuples(
        st.sampled_from(sorted(HABITS)), st.booleans(), st.sampled_from(AREAS), st.sampled_from((None, True, False))
    ),
    max_size=40,
)


def frame(taken):
    rows = [
        {
            "key": key,
            "stranger": stranger,
            "portal.subject_area": area,
            "unbilled": unbilled,
            **{name: HABITS[key][name] for name in ("new", "bare", "local")},
            "own": HABITS[key]["own"].get(area, 0.0),
            "all": EVERYBODY.get(area, 0.01),
        }
        for key, stranger, area, unbilled in taken
    ]
    return pl.DataFrame(rows, schema=LOOK)


def moved(habit, hits, tries):
    return min(max((URN * habit + hits) / (URN + tries), SLIP), 1 - SLIP)


def slow_twin(taken):
    """Weigh one look-up at a time, as the module's docstring says."""
    seen, found = {}, []
    for key, stranger, area, unbilled in taken:
        group = seen.setdefault(key, {"looks": [], "ends": [], "areas": [], "logs": dict.fromkeys(SHARES, 0)})
        habit, ratio = HABITS[key], 0.0
        if habit["new"] is not None:
            new = moved(habit["new"], sum(group["looks"]), len(group["looks"]))
            ratio += math.log10((1 - SLIP) / new) if stranger else math.log10(SLIP / (1 - new))
        if stranger and area is not None:
            own = (URN * habit["own"].get(area, 0.0) + group["areas"].count(area)) / (URN + len(group["areas"]))
            ratio -= math.log10(1 - habit["local"] + habit["local"] * own / EVERYBODY[area])
            group["areas"].append(area)
        if unbilled is not None and habit["bare"] is not None:
            bare = moved(habit["bare"], sum(group["ends"]), len(group["ends"]))
            ratio += BILLS * (math.log10((1 - SLIP) / bare) if unbilled else math.log10(SLIP / (1 - bare)))
        if unbilled is not None:
            group["ends"].append(unbilled)
        group["looks"].append(stranger)
        for share in SHARES:
            group["logs"][share] += math.log10(1 - share + share * 10**ratio)
        found.append(math.log10(sum(10**log for log in group["logs"].values()) / len(SHARES)))
    return found


@settings(max_examples=30, deadline=None)
@given(looks_taken, st.integers(0, 40))
def test_look_ups_are_weighed_as_by_the_slow_twin_however_they_are_cut(taken, cut):
    first = weigh(frame(taken[:cut]), pl.DataFrame(schema=LEDGER), pl.DataFrame(schema=PLACED))
    ledger = first.group_by("key").last().select(LEDGER.names())
    placed = first.group_by("key", "portal.subject_area").last().select(PLACED.names())
    second = weigh(frame(taken[cut:]), ledger, placed)
    found = first["evidence"].to_list() + second["evidence"].to_list()
    assert found == pytest.approx(slow_twin(taken), abs=2e-4)
    whole = weigh(frame(taken), pl.DataFrame(schema=LEDGER), pl.DataFrame(schema=PLACED))
    assert whole["evidence"].to_list() == found  # exactly: alerts depend on it


def taught(days=20, areas=None, persons=20, strangers=6):
    model = Clientele()
    for _ in range(days):
        model.learn_one({"persons": persons, "strangers": strangers, "areas": areas or {76: strangers},
                         "everybody": dict.fromkeys(range(1, 96), 1 / 95)})  # fmt: skip
    return model


def test_a_list_from_everywhere_is_surprising_within_ten_look_ups_and_the_own_clientele_never():
    own, everybody = taught(), dict.fromkeys(range(1, 96), 1 / 95)
    listed = {"persons": 10, "strangers": 10, "areas": dict.fromkeys(range(1, 11), 1), "everybody": everybody}
    assert own.score_one(listed) > 4
    assert own.score_one({"persons": 200, "strangers": 60, "areas": {76: 60}, "everybody": everybody}) < 0


def test_a_clinic_of_strangers_from_one_other_area_stays_below_a_list():
    own, everybody = taught(), dict.fromkeys(range(1, 96), 1 / 95)
    clinic = own.score_one({"persons": 40, "strangers": 40, "areas": {33: 40}, "everybody": everybody})
    listed = own.score_one(
        {"persons": 40, "strangers": 40, "areas": dict.fromkeys(range(1, 41), 1), "everybody": everybody}
    )
    assert clinic < listed / 2


def test_identifiers_that_tell_no_area_teach_that_none_is_its_own():
    model = Clientele()
    for day in range(60):
        areas = {(day * 7 + one * 13) % 95 + 1: 1 for one in range(6)}
        model.learn_one(
            {"persons": 20, "strangers": 6, "areas": areas, "everybody": dict.fromkeys(range(1, 96), 1 / 95)}
        )
    assert model.local_share < 0.25 < 0.8 < taught().local_share


def test_a_new_account_borrows_its_peers_share_and_outgrows_it():
    peers = Crowd()
    peers.learn_one({"persons": 1000, "strangers": 900, "areas": {}})
    assert Clientele().new_share(peers) == pytest.approx(0.9)
    assert Clientele().new_share(Crowd()) is None
    assert 0.3 < taught().new_share(peers) < 0.9
    assert taught(days=60).new_share(peers) < taught().new_share(peers) - 0.05


def test_an_account_keeps_its_chief_areas_only():
    model = taught(areas={area: 1 + area % 3 for area in range(1, 90)})
    assert len(model.areas) == 24
    assert min(model.areas.values()) == max(model.areas.values())


def test_which_areas_are_kept_does_not_depend_on_the_numbers_that_a_key_gives_them():
    one, other = Clientele(), Clientele()
    for day in range(0, 60, 10):
        for model, number in ((one, lambda area: area), (other, lambda area: 1000 - area)):
            areas = {number(area): 1 for area in range(day, day + 20)}
            model.learn_one({"persons": 20, "strangers": 20, "areas": areas})
    assert [1000 - area for area in other.areas] == list(one.areas)
