"""Take URLs apart and put them together again."""

from typing import Final

import polars as pl

_ORIGIN: Final = r"^[a-zA-Z][a-zA-Z0-9+.-]*://"
_AUTHORITY: Final = r"(?s)^([a-zA-Z][a-zA-Z0-9+.-]*://[^/#]*)(.*)$"


def split_urls(urls: pl.Series) -> pl.DataFrame:
    """Split request targets and whole URLs.

    Shapes: n String -> n rows {origin, path, query}; origin is `https://host` or empty, query null without a `?`.
    """
    parts = urls.str.splitn("?", 2).struct.unnest()
    heads, query = parts["field_0"], parts["field_1"].alias("query")
    whole = heads.str.contains(_ORIGIN).fill_null(False).arg_true()
    origin = pl.select(pl.when(heads.is_not_null()).then(pl.lit("")).alias("origin"))["origin"]
    if not whole.is_empty():
        some = heads.gather(whole).str.extract_groups(_AUTHORITY).struct.unnest()
        origin, heads = origin.scatter(whole, some["1"]), heads.clone().scatter(whole, some["2"])
    return pl.DataFrame([origin, heads.alias("path"), query])


def join_urls(parts: pl.DataFrame) -> pl.Series:
    """Put the parts of `split_urls` together.

    Shapes: n rows {origin, path, query} -> n String.
    """
    path = pl.concat_str("origin", "path")
    query = pl.concat_str(path, pl.lit("?"), "query")
    return parts.select(pl.when(pl.col("query").is_null()).then(path).otherwise(query).alias("url"))["url"]
