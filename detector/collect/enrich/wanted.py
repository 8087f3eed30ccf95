"""The one door through which identifiers leave `collect`: those behind the tokens that somebody asks for, no others.

`detector reveal` and `detector key rekey` open it. What a line names is found exactly as when its token was made.
"""

from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Final

import numpy as np
import polars as pl

from detector.collect.enrich.secret import Secret
from detector.collect.enrich.subject import IDENTIFIER, Subjects
from detector.collect.enrich.tokens import DIGITS, Tokens, spelled_alike
from detector.config import SubjectAt
from detector.schema import EVENT, RAW, conform

HALVES: Final = pl.Schema({"high": pl.UInt64, "low": pl.UInt64})
"""A token as two numbers: 16 bytes, where its text takes 48."""

SUBJECT: Final = "portal.subject"
PART: Final = 1_000_000
"""Tokens given out at once."""

Tell = Callable[[pl.Series], pl.DataFrame]
"""What is handed out of persons who were found. Shapes: n identifiers (raw) -> n rows."""


def halves(token: pl.Expr) -> list[pl.Expr]:
    """Return a token's two numbers, null where it is no token. Shapes: String -> HALVES."""
    whole = pl.when(token.str.contains(rf"^[0-9a-f]{{{DIGITS}}}$")).then(token)
    parts = {"high": whole.str.head(DIGITS // 2), "low": whole.str.tail(DIGITS // 2)}
    return [part.str.to_integer(base=16, dtype=pl.UInt64).alias(name) for name, part in parts.items()]


class TokenSet:
    """Tokens, and which of them were met. Shapes: HALVES, without nulls."""

    def __init__(self, tokens: pl.DataFrame) -> None:
        high, low = (tokens[name].to_numpy() for name in HALVES)
        order = np.lexsort((low, high))
        high, low = high[order], low[order]
        fresh = np.ones(len(high), dtype=np.bool_)
        fresh[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        self._high, self._low = high[fresh], low[fresh]
        self._met = np.zeros(len(self._high), dtype=np.bool_)
        starts = np.flatnonzero(np.diff(self._high, prepend=~self._high[:1]))
        self._longest = int(np.diff(starts, append=len(self._high)).max(initial=0))

    def __len__(self) -> int:
        return len(self._met)

    def meet(self, tokens: pl.Series) -> pl.Series:
        """Say of distinct tokens which are in the set and are met for the first time. Shapes: n String -> n Boolean."""
        high, low = (tokens.to_frame(SUBJECT).select(part).to_series().to_numpy() for part in halves(pl.col(SUBJECT)))
        places = np.searchsorted(self._high, high)
        first = np.zeros(len(tokens), dtype=np.bool_)
        for step in range(self._longest):  # once, unless two tokens of the set share their first half
            at = np.minimum(places + step, len(self) - 1)
            here = (self._high[at] == high) & (self._low[at] == low) & ~self._met[at]
            first |= here
            self._met[at[here]] = True
        return pl.Series(first)

    def unmet(self) -> Iterator[pl.DataFrame]:
        """Give out the tokens that were not met. Shapes: up to PART rows {portal.subject}."""
        left = np.flatnonzero(~self._met)
        for start in range(0, len(left), PART):
            rows = left[start : start + PART]
            numbers = np.stack([self._high[rows], self._low[rows]], axis=1).astype(">u8")
            text = pl.Series(SUBJECT, [numbers.tobytes().hex()])
            yield text.str.extract_all(rf".{{{DIGITS}}}").explode().to_frame()


class Wanted:
    """Finds the persons behind tokens that were made with any of `keys`, once each, and hands out what `tell` says.

    A reader's thread may call `enrich` while the caller takes what was found; `given_count` is what it has taken.
    """

    def __init__(self, places: Sequence[SubjectAt], keys: Sequence[Secret], tokens: TokenSet, tell: Tell) -> None:
        self.tokens = tokens
        self.given_count = 0
        self._subjects = Subjects(places)
        self._keys = [Tokens(key) for key in keys]
        self._tell = tell
        self._found: SimpleQueue[pl.DataFrame] = SimpleQueue()

    def enrich(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Look at lines. What goes on with them says nothing of anybody.

        Shapes: RAW -> EVENT, the same rows in the same order; time, account and place alone are filled.
        """
        raw = conform(raw, RAW)
        identifiers = self._subjects.identify(raw)[IDENTIFIER].drop_nulls().unique(maintain_order=True)
        for tokens in self._keys if len(identifiers) else ():
            self._look(identifiers, tokens.subjects(identifiers))
        return conform(raw.select("@timestamp", "user.name", "log.file.path", "log.offset"), EVENT)

    def _look(self, identifiers: pl.Series, tokens: pl.Series) -> None:
        pairs = pl.DataFrame([tokens.alias(SUBJECT), identifiers.alias(IDENTIFIER)])
        pairs = pairs.unique(SUBJECT, keep="first", maintain_order=True)  # one person in two spellings
        found = pairs.filter(self.tokens.meet(pairs[SUBJECT]))
        if not found.is_empty():
            self._found.put(pl.concat([found.select(SUBJECT), self._tell(found[IDENTIFIER])], how="horizontal"))

    def take(self) -> Iterator[pl.DataFrame]:
        """Give out what was found since the last time. Shapes: n rows {portal.subject} and what `tell` returns."""
        while not self._found.empty():
            found = self._found.get()
            self.given_count += found.height
            yield found


def as_identifiers(identifiers: pl.Series) -> pl.DataFrame:
    """Tell who it is. Shapes: n String -> n rows {identifier (as the token is made of it), as_logged (first met)}."""
    return pl.DataFrame([spelled_alike(identifiers).alias(IDENTIFIER), identifiers.alias("as_logged")])


def as_tokens(key: Secret) -> Tell:
    """Tell no more than the token under another key. Shapes: n String -> n rows {current}."""
    tokens = Tokens(key)
    return lambda identifiers: tokens.subjects(identifiers).alias("current").to_frame()
