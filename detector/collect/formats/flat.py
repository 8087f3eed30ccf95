"""Read JSON objects that all have the layout of the first, without decoding them: a server writes one template.

One regular expression says which lines are of the layout (no nesting, no escape within); these are split on their
quotes, which is several times faster than decoding. What it reads is what decoding would have read.
"""

import re
from dataclasses import dataclass
from typing import Final

import polars as pl

_MOST_FIELDS: Final = 100
"""No server's template has as many; the expression of a line that somebody made of thousands would be too large."""
_NUMBER: Final = r"(?:-?[1-9][0-9]{0,17}|0|-?[1-9][0-9]{0,9}\.[0-9]{1,5}|0\.[0-9]{1,5}|true|false|null)"
"""Numbers that decoding writes as they stand, but for zeros at the end of a fraction."""
_STRING: Final = r'"[^"\\\x00-\x1f]*"'
_BARE: Final = re.compile(rf"(\s*:\s*){_NUMBER}(\s*(?:,\s*|\}}))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the values stand among the pieces between quotes: by key, the piece, and whether it is a text."""

    regex: str
    places: dict[str, tuple[int, bool]]

    def holds(self, texts: pl.Series) -> pl.Series:
        """Say which lines are of the layout. Shapes: String -> Boolean, same rows."""
        return texts.str.contains(self.regex)

    def read(self, texts: pl.Series, dtype: pl.Struct) -> pl.DataFrame:
        """Read lines of the layout; what comes of others has no meaning.

        Shapes: String -> a frame with a column for every field of `dtype`; same rows.
        """
        pieces = texts.str.split('"').to_frame("pieces")
        fields = [self._field(one.name).cast(one.dtype).alias(one.name) for one in dtype.fields]
        return pieces.with_columns(fields).select(one.name for one in dtype.fields)

    def _field(self, key: str) -> pl.Expr:
        if key not in self.places:
            return pl.lit(None)
        at, is_text = self.places[key]
        piece = pl.col("pieces").list.get(at, null_on_oob=True)
        if is_text:
            return piece
        bare = piece.str.strip_chars(": \t,}")
        fraction = bare.str.contains(".", literal=True)
        shortest = bare.str.strip_chars_end("0").str.strip_chars_end(".")
        return pl.when(bare != "null").then(pl.when(fraction).then(shortest).otherwise(bare))


def learn(text: str, dtype: pl.Struct) -> Layout | None:
    """Learn the layout of an object; None where it has nesting or an escape, or fields of other types are wanted."""
    pieces = text.split('"')
    if "\\" in text or not re.fullmatch(r"\{\s*", pieces[0]) or not 3 <= len(pieces) <= 4 * _MOST_FIELDS:
        return None
    regex, places, at = f"^{re.escape(pieces[0])}", dict[str, tuple[int, bool]](), 1
    while at + 1 < len(pieces):
        key, between = pieces[at], pieces[at + 1]
        regex += f'"{re.escape(key)}"'
        if match := _BARE.fullmatch(between):
            places.setdefault(key, (at + 1, False))
            regex += f"{re.escape(match[1])}{_NUMBER}{re.escape(match[2])}"
            at += 2
        elif re.fullmatch(r"\s*:\s*", between) and at + 3 < len(pieces):
            places.setdefault(key, (at + 2, True))
            regex += f"{re.escape(between)}{_STRING}{re.escape(pieces[at + 3])}"
            if not re.fullmatch(r"\s*(?:,\s*|\})", pieces[at + 3]):
                return None
            at += 4
        else:
            return None
    nested = {one.name for one in dtype.fields if one.dtype != pl.String}
    return None if nested & places.keys() else Layout(regex=regex + "$", places=places)
