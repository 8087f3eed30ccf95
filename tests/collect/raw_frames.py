"""Build RAW frames for the tests: only what a test says, the rest null."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from detector.schema import RAW, conform

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def raw(**columns: list[Any]) -> pl.DataFrame:
    """Return a RAW frame; `__` in a name stands for a dot, `time` for `@timestamp`."""
    rows = max(map(len, columns.values()))
    named = {name.replace("__", "."): values for name, values in columns.items()}
    named["@timestamp"] = named.pop("time", [NOON] * rows)
    return conform(pl.DataFrame({name: pl.Series(values, dtype=RAW[name]) for name, values in named.items()}), RAW)
