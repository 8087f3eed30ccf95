"""Say which requests displayed somebody's data, and of which categories.

A request displayed the insured person it names when it viewed a record, sent a claim (its answer shows the rights of
whom it is for) or took a person's export away; was answered with success (`portal.actions` says by which status), by
2xx other than 204 and 205 or by 304, which lets a client show the copy it has; and when the answer, if its size is
logged, was not empty. A search displays nobody, whatever it found: it is counted as a request. An export or a
view that names nobody displayed persons whom the log does not tell: it is counted by itself, as a gap.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from detector.collect.enrich.memo import over_unique
from detector.config import CategoriesAt

UNKNOWN: Final = "unknown"
_NO_CONTENT: Final = (204, 205)
_COPY: Final = 304

_ACTION = pl.col("portal.action")
_STATUS = pl.col("http.response.status_code")
_SHOWN_BY_STATUS = (_STATUS.is_between(200, 299) & ~_STATUS.is_in(_NO_CONTENT)) | (_STATUS == _COPY)
_EMPTY = (pl.col("http.response.body.bytes") == 0) & (_STATUS != _COPY)
_ANSWERED = (
    (pl.col("event.outcome") == "success").fill_null(value=False)
    & _SHOWN_BY_STATUS.fill_null(value=True)
    & ~_EMPTY.fill_null(value=False)
)

DISPLAYED: Final = (
    _ACTION.is_in(["record_view", "claim", "export"]).fill_null(value=False)
    & _ANSWERED
    & pl.col("portal.subject").is_not_null()
)
UNNAMED: Final = (
    _ACTION.is_in(["record_view", "export"]).fill_null(value=False) & _ANSWERED & pl.col("portal.subject").is_null()
)
CLAIMED: Final = ((_ACTION == "claim") & (pl.col("event.outcome") == "success")).fill_null(value=False)


class Categories:
    """The categories of data that the pages of a portal show; of a page that fits no entry, `unknown`.

    Sets of categories are bits of a number, by `names`.
    """

    def __init__(self, entries: Sequence[CategoriesAt]) -> None:
        self._entries = tuple(entries)
        self.names = (*dict.fromkeys(name for one in entries for name in one.categories), UNKNOWN)

    def describe(self, paths: pl.Series) -> pl.Series:
        """Shapes: n redacted paths -> n UInt64."""
        return over_unique(paths.to_frame("path"), self._bits)["bits"]

    def of(self, bits: int) -> tuple[str, ...]:
        """Return the names in a set."""
        return tuple(name for at, name in enumerate(self.names) if bits >> at & 1)

    def _bits(self, paths: pl.DataFrame) -> pl.DataFrame:
        fits = [
            pl.when(pl.col("path").str.contains(one.path)).then(pl.lit(self._set(one.categories), pl.UInt64))
            for one in self._entries
        ]
        return paths.with_columns(pl.coalesce(*fits, pl.lit(self._set((UNKNOWN,)), pl.UInt64)).alias("bits"))

    def _set(self, names: Sequence[str]) -> int:
        return sum(1 << self.names.index(name) for name in dict.fromkeys(names))
