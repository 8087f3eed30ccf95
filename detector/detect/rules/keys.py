"""Group rows by key without a dictionary: hashes, one sort, and counters over slots.

Hashes are 64 bits wide and the same in every process: where values are only told apart, they are what is stored.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash as plh

Hashes = npt.NDArray[np.uint64]
Bits = npt.NDArray[np.uint32]
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
"""Source: 2**64 divided by the golden ratio, the multiplier of Fibonacci hashing (Knuth, TAOCP 6.4)."""

_ROW_BITS: Final = 24
_MAX_SLOT_BITS: Final = 20
"""A counter of 2**20 places takes 8 MB; a larger one would not stay near the processor."""


def text(series: pl.Series) -> pl.Series:
    """Give the values of a key column as text, the form in which keys are compared and stored."""
    return series if series.dtype == pl.String else series.cast(pl.String)


def numbered(series: pl.Series) -> pl.Series:
    """Hash a column of key texts; one of hashes stays as it is. Shapes: n values -> n hashes, null for null."""
    if series.dtype == pl.UInt64:
        return series
    return text(series).to_frame("text").select(plh.col("text").nchash.xxhash64()).to_series()


def hashes(series: pl.Series) -> Hashes:
    """Hash a column of key texts, or take one of hashes. Shapes: n values -> n hashes, a null has one too."""
    return numbered(series).fill_null(0).to_numpy()


def combine(parts: list[Hashes], rows: int) -> Hashes:
    """Make one hash of the hashes of several columns; of one column its own, of none the same for every row."""
    if len(parts) == 1:
        return parts[0]
    mixed = np.zeros(rows, dtype=np.uint64)
    for part in parts:
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _ODD + part
    return mixed


def order(hashed: Hashes) -> Index:
    """Give the order that brings equal hashes together and keeps their own order otherwise.

    Sorts forty bits of the hash packed with the row's number, four times as fast as a stable sort; where
    two hashes share those forty bits (seen afterwards), sorts properly.
    """
    rows = len(hashed)
    if rows < 1 << _ROW_BITS:
        low = np.uint64((1 << _ROW_BITS) - 1)
        packed = np.sort((hashed & ~low) | np.arange(rows, dtype=np.uint64))
        found = (packed & low).astype(np.int64)
        near = (packed[1:] ^ packed[:-1]) <= low
        if not np.any(near & (hashed[found[1:]] != hashed[found[:-1]])):
            return found
    return np.argsort(hashed, kind="stable").astype(np.int64)


def codes(hashed: Hashes) -> tuple[Index, Index]:
    """Number the distinct hashes. Shapes: n hashes -> n codes, and for each code a row that has it."""
    found = order(hashed)
    ordered = hashed[found]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(ordered) else found
    numbers = np.empty(len(hashed), dtype=np.int64)
    numbers[found] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(ordered))))
    return numbers, found[starts]


def slot_bits(rows: int) -> int:
    """Choose how many slots a counter over `rows` rows needs: four times as many, within bounds."""
    return min(_MAX_SLOT_BITS, max(8, (4 * rows).bit_length()))


def slots(hashed: Hashes, bits: int) -> Index:
    """Give each hash its slot of a counter with `2**bits` places; different keys may share one."""
    return ((hashed * _ODD) >> np.uint64(64 - bits)).astype(np.int64)
