"""Numbers that were seen, added in any parts: as in a set."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detector.context.numbers import NumberSet

LISTS = st.lists(st.lists(st.integers(0, 50), max_size=8), max_size=30)


@given(LISTS, st.lists(st.integers(0, 60)))
def test_what_was_added_is_there_and_nothing_else(parts, asked):
    seen = NumberSet()
    for part in parts:
        seen.add(np.array(part, np.uint64))
    known = {number for part in parts for number in part}
    assert seen.has(np.array(asked, np.uint64)).tolist() == [number in known for number in asked]


def test_few_parts_hold_many_small_additions():
    seen = NumberSet()
    for number in range(2_000):
        seen.add(np.array([number * 7919 % 2_000], np.uint64))
    assert len(seen.parts) <= 11
    assert sum(map(len, seen.parts)) == 2_000
