"""Compute Gamma-Poisson tails: how unlikely is a count at least this large?

A count of a day is Poisson around a rate, and the rate of that day is Gamma around the account's
usual one: counts are negative binomial. With mean m and shape r,

    P(X >= c) = I_{m / (r + m)}(c, r)

the regularised incomplete beta function. Surprise is -log10 of it: 3 is one day in a thousand.

Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6; NIST DLMF 8.17.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FLOOR = 1e-300
"""Least probability told apart from none: surprise is at most 300."""


def surprise(count: Array, mean: Array, shape: Array) -> Array:
    """Return -log10 P(X >= count) for each element; 0 where count is 0.

    Shapes: three arrays of one length -> one of that length. NaN where mean is NaN (cold).
    """
    from scipy.special import betainc

    safe = np.maximum(count, 1e-9)
    tail = np.where(count <= 0, 1.0, betainc(safe, shape, mean / (shape + mean)))
    result: Array = -np.log10(np.maximum(tail, FLOOR)) + np.where(np.isnan(mean), np.nan, 0.0)
    return result


def limit(least: float, mean: Array, shape: Array) -> Array:
    """Return the smallest whole count whose surprise reaches `least`; infinite where mean is NaN.

    Bisection over whole arrays. By Markov's inequality the count is at most mean * 10^least, so that the number of
    steps is the logarithm of the largest.
    """
    low = np.zeros_like(mean)
    high = np.ceil(np.nan_to_num(mean) * 10.0**least) + 1
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        reached = surprise(middle, mean, shape) >= least
        high, low = np.where(reached, middle, high), np.where(reached, low, middle)
    return np.where(np.isnan(mean), np.inf, high)
