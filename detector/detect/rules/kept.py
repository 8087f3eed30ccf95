"""Name the columns of the rows that a correlation keeps: time, inputs, keys, evidence, values."""

from typing import Final

import polars as pl

from detector.detect.rules import keys
from detector.detect.rules.keys import Hashes
from detector.detect.rules.names import NAMED
from detector.detect.rules.spec import COUNTRY, PREVIOUS, Correlation

_BYTE: Final = 8


def column_of(correlation: Correlation, name: str) -> str:
    """Name the column that tells a text field: a key, or its values, by their hashes (`h:`) or as texts (`v:`)."""
    place = correlation.key_place(name)
    if place is not None:
        return f"g{place}"
    return f"h:{name}" if name in NAMED or _told_apart(correlation, name) else f"v:{name}"


def own_columns(correlation: Correlation) -> dict[str, str]:
    """Name the columns of the text fields that are neither key nor evidence, by field."""
    others = [name for name in correlation.text_fields if name not in NAMED and correlation.key_place(name) is None]
    return {name: column_of(correlation, name) for name in others}


def table_schema(correlation: Correlation) -> pl.Schema:
    """Name the columns of the rows that are kept: `time`, `bits` (which inputs matched), `g0`... a key, and values."""
    small = len(correlation.inputs) <= _BYTE
    columns: dict[str, pl.DataType] = {"time": pl.Int64(), "bits": pl.UInt8() if small else pl.UInt32()}
    for place, names in enumerate(zip(*correlation.groups.values(), strict=True)):
        hashed = all(_told_apart(correlation, name) for name in names)
        columns[f"g{place}"] = pl.UInt64() if hashed else pl.String()
    for name in (*(f"h:{name}" for name in correlation.evidence), *own_columns(correlation).values()):
        columns[name] = pl.UInt64() if name.startswith("h:") else pl.String()
    columns |= {f"n:{name}": pl.Int64() for name in correlation.number_fields}
    return pl.Schema(columns)


def hashed(table: pl.DataFrame, correlation: Correlation) -> Hashes:
    """Give the group of each row of a table: of one key its hash itself."""
    places = range(len(correlation.group_names))
    return keys.combine([keys.hashes(table[f"g{place}"]) for place in places], table.height)


def _told_apart(correlation: Correlation, name: str) -> bool:
    """Say whether values are only told apart: then their hashes are kept.

    Of those a number is erased as a word is: but not a word inside a longer text, as paths and queries are.
    """
    shown = name in correlation.previous or (correlation.travels and name == COUNTRY)
    column = name.rpartition(PREVIOUS)[2]
    return not shown and (column in NAMED or column.startswith("portal."))
