"""Tell how far apart two countries are at least, and so how fast somebody seen in both must have been."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from detector.detect.rules.keys import Index

TABLE: Final = Path(str(files("detector"))) / "collect" / "tables" / "distances.parquet"
UNKNOWN: Final = -1


@dataclass(frozen=True, slots=True)
class Distances:
    """Least distances between countries: `km[i, j]` between `codes[i]` and `codes[j]`; 0 where none is known."""

    codes: tuple[str, ...]
    km: npt.NDArray[np.float64]


@cache
def distances() -> Distances:
    """Read the table: two ISO codes, `a` before `b`, and the kilometres between them."""
    table = pl.read_parquet(TABLE)
    codes = tuple(sorted({*table["a"], *table["b"]}))
    place = {code: i for i, code in enumerate(codes)}
    km = np.zeros((len(codes), len(codes)))
    a, b = (table[name].replace_strict(place, return_dtype=pl.Int64).to_numpy() for name in ("a", "b"))
    km[a, b] = km[b, a] = table["km"].to_numpy()
    return Distances(codes, km)


def numbered(countries: pl.Series) -> Index:
    """Give the place of each country among `distances().codes`; -1 for one that is unknown or absent."""
    known = countries.cast(pl.Enum(distances().codes), strict=False)
    return known.to_physical().cast(pl.Int64).fill_null(UNKNOWN).to_numpy()


def km(begin: Index, end: Index) -> npt.NDArray[np.float64]:
    """Give the least distance of each journey; 0 where one of its ends is unknown."""
    known = (begin != UNKNOWN) & (end != UNKNOWN)
    return np.where(known, distances().km[begin, end], 0.0)
