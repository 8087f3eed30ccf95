"""Odd input breaks no promise: a few new inputs of every target on each run, and all that ever broke one.

Millions of them: `python -m tests.fuzz --frames 200 --lines 5000`.
"""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutation import frame
from tests.fuzz.targets import TARGETS

FOUND = sorted(path for path in (Path(__file__).parent / "found").iterdir() if path.is_file())


def target_of(path: Path) -> str:
    return max((name for name in TARGETS if path.name.startswith(f"{name}-")), key=len)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_once_broke_a_promise_breaks_none(path):
    TARGETS[target_of(path)].run(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=1)
@given(seed=st.integers(0, 2**32))
def test_odd_input_breaks_no_promise(name, seed):
    target = TARGETS[name]
    target.run(target.odd(Random(seed), 150))


def test_the_same_seed_gives_the_same_input():
    good = TARGETS["auto"].good()
    assert frame(Random(1), good, 50) == frame(Random(1), good, 50) != frame(Random(2), good, 50)


def test_every_format_is_fuzzed():
    from detector.collect.formats import names

    assert set(names()) <= set(TARGETS)
