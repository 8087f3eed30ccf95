"""Find the lines that may matter by literal texts, before anything is parsed: none that matters is left out."""

import re
from collections.abc import Iterable
from typing import Final

import polars as pl

_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")
"""Characters that no format writes in another way: no quoting, percent-encoding or escape touches them."""

_TELLING: Final = 4
"""Characters from which a part of a name tells enough: more lines than meant are only read in vain."""

_FEW: Final = 6
"""Up to so many texts are faster searched one by one than by one automaton (measured: 4 ms a text, 33 ms, 16 MB)."""


def needles(value: str) -> set[str]:
    """Return texts of which a line that holds `value` in any escape holds one.

    A part that nobody escapes does for the whole: the first that is long enough, else the longest. Of a name without
    any, every format makes something else: every line holds the empty text.
    """
    parts = _PLAIN.findall(value)
    return {next((part for part in parts if len(part) >= _TELLING), max(parts, key=len, default=""))}


def holding(lines: pl.Series, texts: Iterable[str]) -> pl.Series:
    """Tell which lines hold one of `texts`. Shapes: n String -> n Boolean."""
    wanted = sorted(texts)
    line = pl.col(lines.name)
    if len(wanted) > _FEW:
        found = line.str.contains_any(wanted)
    else:
        found = pl.any_horizontal(pl.lit(value=False), *(line.str.contains(text, literal=True) for text in wanted))
    return lines.to_frame().select(found.alias("found"))["found"]
