from itertools import pairwise

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from detector.context.runs import Runs

steps = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("dco")), max_size=60)


def rows(taken):
    return pl.DataFrame(
        {
            "run_key": pl.Series([key for key, _ in taken], dtype=pl.UInt64),
            "displayed": [what == "d" for _, what in taken],
            "claimed": [what == "c" for _, what in taken],
        },
        schema={"run_key": pl.UInt64, "displayed": pl.Boolean, "claimed": pl.Boolean},
    )


def slow_twin(taken):
    open_runs, views, found = {}, {}, []
    for key, what in taken:
        unbilled = open_runs[key] > 0 if what == "d" and views.get(key) else None
        open_runs[key] = 0 if what == "c" else open_runs.get(key, 0) + (what == "d")
        views[key] = views.get(key, 0) + (what == "d")
        found.append((open_runs[key], unbilled))
    return found


@given(steps, st.lists(st.integers(0, 60), max_size=5))
def test_runs_are_those_of_the_slow_twin_however_the_rows_are_cut(taken, cuts):
    runs, found = Runs(1000), []
    for start, end in pairwise([0, *sorted(min(cut, len(taken)) for cut in cuts), len(taken)]):
        counted = runs.count(rows(taken[start:end]))
        assert counted.drop("unclaimed_run", "unbilled").equals(rows(taken[start:end]))
        found += counted.select("unclaimed_run", "unbilled").rows()
        saved, runs = runs.snapshot(), Runs(1000)
        runs.restore(saved)
    assert found == slow_twin(taken)
