"""Whom to erase, and how what names them looks in texts, trees and frames."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import polars as pl
import polars_hash as plh

from detector.detect.lookups import ELSEWHERE

ERASED: Final = "(erased)"
EVENT: Final = "portal.action"
"""A column that whole events have: one of an insured person's stays an event, without the person."""


@dataclass(frozen=True)
class Whom:
    """An account by its name, or an insured person (`subject`) by the token."""

    word: str
    kind: Literal["account", "subject"]
    runs: tuple[int, ...] = ()
    """Numbers of an account's sessions, as far as they are known."""

    @cached_property
    def number(self) -> int:
        """The number that stands for them in windows."""
        return int(pl.DataFrame({"word": [self.word]}).select(plh.col("word").nchash.xxhash64()).item())

    @cached_property
    def numbers(self) -> list[int]:
        """With that of an account's look-ups from elsewhere, and those of its sessions."""
        return [self.number, (self.number + ELSEWHERE) % 2**64, *self.runs]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Their word, not as a part of a longer one."""
        return re.compile(rf"(?<![\w@-])(?<!\w\.){re.escape(self.word)}(?![\w@-]|\.\w)")

    def named_in(self, text: str) -> bool:
        """Say whether `text` names them."""
        return self.pattern.search(text) is not None

    def text(self, text: str) -> str:
        """Return `text` without their word."""
        return self.pattern.sub(ERASED, text) if self.word in text else text

    def tree(self, value: Any) -> Any:
        """Return a tree of plain values without what is theirs, and without their word in what is others'."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.tree(one) for one in value if not self.owns(one)]
            case dict():
                return {self.text(name): self.tree(one) for name, one in value.items() if name != self.word}
        return value

    def owns(self, value: Any) -> bool:
        """Say whether an item of a list is theirs: their word, a row with it, a record of it."""
        match value:
            case str():
                return value == self.word
            case list():
                return any(one == self.word or (isinstance(one, list) and self.word in one) for one in value)
            case dict():
                return self.word in (value.get("user.name"), value.get("account"))
        return False

    def frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a frame without their rows, and without their word in others'; the same one where there is neither.

        Of an insured person's events the person is taken out, and the event stays.
        """
        exact = [pl.col(name) == self.word for name, kind in frame.schema.items() if kind == pl.String]
        numbers = [pl.col(name).is_in(self.numbers) for name, kind in frame.schema.items() if kind == pl.UInt64]
        cleared = frame
        if self.kind == "subject" and EVENT in frame.columns:
            texts = pl.col(pl.String)
            cleared = frame.with_columns(pl.when(texts != self.word).then(texts).name.keep())
        elif exact or numbers:
            cleared = frame.filter(~pl.any_horizontal(*exact, *numbers).fill_null(False))
        return self._lists(self._texts(cleared))

    def _lists(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = [name for name, kind in frame.schema.items() if kind == pl.List(pl.String)]
        others = pl.element().filter(pl.element() != self.word)
        return frame.with_columns(pl.col(name).list.eval(others) for name in names)

    def _texts(self, frame: pl.DataFrame) -> pl.DataFrame:
        columns = {name: self._values(frame, name) for name, kind in frame.schema.items() if kind == pl.String}
        changed = {name: values for name, values in columns.items() if values}
        return frame.with_columns(pl.col(name).replace(values) for name, values in changed.items())

    def _values(self, frame: pl.DataFrame, name: str) -> dict[str, str]:
        """Return the values of a column that have the word in them, with what they become."""
        column = frame.get_column(name)
        values = column.filter(column.str.contains(self.word, literal=True)).unique().to_list()
        return {value: told for value in values if value != (told := self.text(value))}
