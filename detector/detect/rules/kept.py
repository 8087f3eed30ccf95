"""Name the columns of the rows that a correlation keeps: keys, evidence, values."""

import polars as pl

from detector.detect.rules.spec import COUNTRY, Correlation


def column_of(correlation: Correlation, name: str) -> str:
    """Name the column that tells a text field: a key, evidence, its texts (`v:`), or their hashes alone (`h:`).

    Values that are only told apart are kept as hashes, of which a number is erased as a word is: but not a word inside
    a longer text, as paths and queries are.
    """
    place = correlation.key_place(name)
    if place is not None:
        return f"g{place}"
    if name in correlation.evidence:
        return name
    shown = name in correlation.previous or (correlation.travels and name == COUNTRY)
    return f"h:{name}" if name.startswith("portal.") and not shown else f"v:{name}"


def own_columns(correlation: Correlation) -> dict[str, str]:
    """Name the columns of the text fields that are neither key nor evidence, by field."""
    columns = {name: column_of(correlation, name) for name in correlation.text_fields}
    return {name: column for name, column in columns.items() if column[:2] in {"h:", "v:"}}


def table_schema(correlation: Correlation) -> pl.Schema:
    """Name the columns of the rows that are kept, besides their time and inputs."""
    columns: dict[str, pl.DataType] = {f"g{i}": pl.String() for i in range(len(correlation.group_names))}
    columns |= {name: pl.String() for name in correlation.evidence}
    for column in own_columns(correlation).values():
        columns[column] = pl.UInt64() if column.startswith("h:") else pl.String()
    columns |= {f"n:{name}": pl.Int64() for name in correlation.number_fields}
    return pl.Schema(columns)
