"""Show the rows of a correlation's windows to its measures: what matched each row, and the values of fields."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from detector.detect.rules import journey, keys
from detector.detect.rules.batch import Batch
from detector.detect.rules.carry import Carry
from detector.detect.rules.kept import column_of
from detector.detect.rules.keys import Hashes, Index, Mask
from detector.detect.rules.sliding import Sliding
from detector.detect.rules.spec import COUNTRY, Measure


@dataclass(slots=True, kw_only=True)
class View:
    """Rows in the order of `windows`.

    `marks` says which rules matched each row; `there` where a field has a value, `hashes` and `numbers` what it
    is; `countries` are numbers as of `journey.numbered`, where journeys are measured.
    """

    windows: Sliding
    marks: dict[str, Mask]
    hashes: dict[str, Hashes] = field(default_factory=dict)
    numbers: dict[str, Index] = field(default_factory=dict)
    there: dict[str, Mask] = field(default_factory=dict)
    countries: Index | None = None

    def counted(self, measure: Measure) -> Mask:
        """Mark the rows that a measure counts: of its rules, with a value where it needs one."""
        marks: Mask = np.any([self.marks[ref] for ref in measure.refs], axis=0)
        for name in measure.fields:
            marks = marks & self.there[name]
        return marks

    def values(self, measure: Measure) -> Hashes:
        """Give hashes of the combinations of values that a measure tells apart."""
        return keys.combine([self.hashes[name] for name in measure.fields], self.windows.rows)


class Origin:
    """Where the rows of a view come from: carried ones, and new ones of a batch.

    `placed` numbers the carried rows first and the new ones after them; `rows` are the batch's rows of the new.
    """

    def __init__(self, *, carry: Carry, batch: Batch, rows: Index, placed: Index) -> None:
        self.carry = carry
        self.batch = batch
        self._carried: Mask = placed < len(carry)
        self._old: Index = placed[self._carried]
        self._fresh: Index = rows[placed[~self._carried] - len(carry)]

    def view(self, windows: Sliding, marks: dict[str, Mask]) -> View:
        """Look up the fields that the correlation needs."""
        correlation = self.carry.correlation
        view = View(windows=windows, marks=marks)
        for name in correlation.text_fields:
            before = self.carry.table[column_of(correlation, name)][self._old]
            view.there[name] = self._there(name, before)
            view.hashes[name] = self._joined(keys.hashes(before), self.batch.hashed(name)[self._fresh])
        for name in correlation.number_fields:
            before = self.carry.table[f"n:{name}"][self._old]
            after = self.batch.column(name)[self._fresh].cast(pl.Int64).fill_null(0)
            view.there[name] = self._there(name, before)
            view.numbers[name] = self._joined(before.fill_null(0).to_numpy(), after.to_numpy())
        if correlation.travels:
            before = self.carry.table[column_of(correlation, COUNTRY)][self._old]
            after = self.batch.column(COUNTRY)[self._fresh]
            view.countries = self._joined(journey.numbered(before), journey.numbered(after))
        return view

    def _there(self, name: str, before: pl.Series) -> Mask:
        there = np.ones(len(self._carried), dtype=np.bool_)
        absent = self.batch.absent(name)
        if absent is not None:
            there[~self._carried] = ~absent[self._fresh]
        if before.null_count():
            there[self._carried] = before.is_not_null().to_numpy()
        return there

    def _joined(self, before: Any, after: Any) -> Any:
        both = np.empty(len(self._carried), dtype=after.dtype)
        both[self._carried], both[~self._carried] = before, after
        return both
