"""Count distinct persons exactly, however many: rows go to disk by the token's hash, and are joined part by part.

Memory: `BUFFERED` rows while reading, one of `PARTS` parts at the end: some tens of MB for 33 million persons.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl
import polars_hash as plh

from detector.schema import TIME

PARTS: Final = 64
BUFFERED: Final = 1_000_000

SUBJECT: Final = "portal.subject"
SHOWN: Final = pl.Schema(
    {SUBJECT: pl.String(), "unit": pl.UInt64(), "first": TIME, "last": TIME, "count": pl.UInt32(), "bits": pl.UInt64()}
)
"""A person displayed to a unit: first, last, how often, and which categories."""

_PART: Final = "part"


class Spill:
    """Rows of `SHOWN`, added in any order, given back by part: all rows of one person lie in one part."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir()
        self._held: list[pl.DataFrame] = []
        self._rows = self._files = 0

    def add(self, shown: pl.DataFrame) -> None:
        """Take rows. Shapes: SHOWN."""
        if shown.is_empty():
            return
        self._held.append(shown)
        self._rows += shown.height
        if self._rows >= BUFFERED:
            self._write()

    def parts(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield the parts that have rows, one row for each person and unit. Shapes: SHOWN."""
        for part, read in self.by_part().items():
            yield part, read()

    def by_part(self) -> dict[int, Callable[[], pl.DataFrame]]:
        """Return what reads each part that has rows."""
        self._write()
        files: dict[int, list[Path]] = {}
        for file in sorted(self._folder.iterdir()):
            files.setdefault(int(file.name.partition("-")[0]), []).append(file)
        return {part: partial(_read, several) for part, several in sorted(files.items())}

    def _write(self) -> None:
        if not self._held:
            return
        rows = _joined(pl.concat(self._held))
        part = (plh.col(SUBJECT).nchash.xxhash64() % PARTS).cast(pl.UInt8).alias(_PART)
        for (number,), some in rows.with_columns(part).partition_by(_PART, as_dict=True, include_key=False).items():
            some.write_ipc(self._folder / f"{number}-{self._files:06d}.arrow", compression="zstd")
        self._files += 1
        self._held, self._rows = [], 0


def _read(files: Sequence[Path]) -> pl.DataFrame:
    return _joined(pl.concat([pl.read_ipc(file) for file in files]))


def _joined(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by(SUBJECT, "unit").agg(
        pl.col("first").min(), pl.col("last").max(), pl.col("count").sum().cast(pl.UInt32), pl.col("bits").bitwise_or()
    )
