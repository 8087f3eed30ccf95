import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from detector.detect.models import tail

means = st.floats(0.05, 5000)
shapes = st.floats(0.05, 50)


@given(st.integers(1, 3000), means, shapes)
def test_surprise_is_the_negative_binomial_tail(count, mean, shape):
    expected = nbinom.sf(count - 1, shape, shape / (shape + mean))
    found = tail.surprise(np.array([float(count)]), np.array([mean]), np.array([shape]))[0]
    if expected > 1e-250:
        assert found == pytest.approx(-np.log10(expected), rel=1e-6, abs=1e-9)
    else:
        assert found > 200


@given(means, shapes)
def test_below_the_limit_nothing_is_much_of_a_surprise(mean, shape):
    mean_, shape_ = np.array([mean]), np.array([shape])
    first = tail.limit(mean_, shape_)
    assert first[0] > mean
    assert tail.surprise(np.maximum(first - 1, 0), mean_, shape_)[0] < 2


def test_nothing_is_surprising_while_cold_and_no_count_is_no_surprise():
    cold = np.array([np.nan])
    assert np.isnan(tail.surprise(np.array([1e6]), cold, cold))[0]
    assert tail.limit(cold, cold)[0] == np.inf
    assert tail.surprise(np.array([0.0]), np.array([3.0]), np.array([2.0]))[0] == 0
