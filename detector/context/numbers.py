"""Keep many numbers sorted, in few parts: what comes a little at a time is merged by size, as logs are."""

from typing import Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]

NONE: Final[Numbers] = np.zeros(0, np.uint64)


class NumberSet:
    """A set of numbers. However small the parts are, adding n of them sorts each some log2(n) times."""

    def __init__(self) -> None:
        self.parts: list[Numbers] = []

    def has(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Say of each number whether it is in the set."""
        found = np.zeros(len(numbers), dtype=np.bool_)
        for part in self.parts:
            found |= inside(part, numbers)
        return found

    def add(self, numbers: Numbers) -> None:
        """Put `numbers` in."""
        added = np.sort(numbers)
        while self.parts and len(self.parts[-1]) < 2 * len(added):
            added = np.sort(np.concatenate([self.parts.pop(), added]), kind="stable")  # of two runs: a merge
        if len(added):
            self.parts.append(added)


def inside(among: Numbers, numbers: Numbers) -> npt.NDArray[np.bool_]:
    """Say of each number whether it is one of `among`, which is sorted."""
    if not len(among):
        return np.zeros(len(numbers), dtype=np.bool_)
    places = np.minimum(np.searchsorted(among, numbers), len(among) - 1)
    found: npt.NDArray[np.bool_] = among[places] == numbers
    return found
