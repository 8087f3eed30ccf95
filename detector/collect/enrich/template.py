"""Reduce targets to the few they differ from by one number, so that the rest is worked out on few.

`/patients/1850578006084/rights` and `/patients/2690399350020/rights` get the same redacted path, action and place
of the identifier. That holds for patterns that do not tell one digit from another; where a portal's do, or a
target has several long numbers or is encoded, the target stands for itself.
"""

import re
from collections.abc import Sequence
from typing import Final

import polars as pl

from detector.collect.enrich.decode import ENCODED

MARK: Final = "\ue001"
LONG_NUMBER: Final = r"[0-9]{7,}"
"""The safety net masks these wherever they stand, so no redacted text shows which it was."""

_COUNT: Final = re.compile(r"\{\d+(?:,\d*)?\}")
_ANY_DIGIT: Final = re.compile(r"((?<!\\)\[[^\]]*?)0-9")


def tells_digits_apart(patterns: Sequence[str]) -> bool:
    r"""Tell whether a pattern names digits (`[12]`, `v2`, `\x31`) rather than any digit (`[0-9]`, `\d{13}`)."""
    return any(re.search(r"\d|\\[xuU]", _COUNT.sub("", _ANY_DIGIT.sub(r"\1", one))) for one in patterns)


def templates(targets: pl.Series, alike: bool) -> pl.DataFrame:
    """Say which targets may share a representative: those of the same `template` and `bytes`.

    Shapes: n String -> n rows {target, template, bytes}.
    """
    target = pl.col("target")
    frame = targets.to_frame("target").with_columns(target.str.len_bytes().alias("bytes"))
    if not alike:
        return frame.with_columns(target.alias("template"))
    frame = frame.with_columns(target.str.replace_all(LONG_NUMBER, MARK).alias("template"))
    own = (pl.col("template").str.count_matches(MARK, literal=True) > 1) | pl.col("template").str.contains(ENCODED)
    few = frame.select("template").unique().filter(own)
    if few.is_empty():
        return frame
    apart = pl.col("template").is_in(few["template"].implode())
    return frame.with_columns(pl.when(apart).then(target).otherwise("template").alias("template"))
