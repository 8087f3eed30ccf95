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


def limit(mean: Array, shape: Array) -> Array:
    """Return the first whole count beyond two standard deviations above the mean; infinite where mean is NaN.

    Below it no count is worth a closer look: at least one day in a hundred gets there (tried over means from 0.05
    to 5,000 and shapes from 0.05 to 50 in the tests). Cheap: every account has one for every count every day.
    """
    first: Array = np.floor(mean + 2 * np.sqrt(mean + mean**2 / shape)) + 1
    return np.where(np.isnan(mean), np.inf, first)
