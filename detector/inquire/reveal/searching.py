"""Look for the persons behind tokens in archives: one pass, no more in memory than the tokens and a step of lines."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, Final

import polars as pl

from detector.collect.enrich.wanted import SUBJECT, Wanted
from detector.collect.order import Sequencer
from detector.collect.reader import Reader, first_time
from detector.collect.source.files import Files
from detector.config import Input
from detector.telemetry import Telemetry

Progress = Callable[[Telemetry], None]

FORMULA: Final = r"^([=+\-@\t\r])"
"""How a cell begins that a spreadsheet takes for a formula. Source: OWASP, CSV Injection."""

SHOWN: Final = 10
"""Tokens named of those that were not found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How many tokens were asked for, how many of them were found, and the first few that were not."""

    asked: int
    found: int
    lacking: tuple[str, ...]


class Search:
    """One pass over archives. Raises: `InputError` for a path that cannot be read, before anything is."""

    def __init__(self, archives: Sequence[str], settings: Input, telemetry: Telemetry, progress: Progress) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._progress = progress
        self._source = Files(archives, settings, first_time(settings))
        telemetry.bytes_total = self._source.total_bytes

    def write(self, out: BinaryIO, wanted: Wanted, header: Sequence[str]) -> Answer:
        """Write a CSV with a row a token: those found with what `wanted` tells of them, then the others alone.

        `header` names the token, then the columns of what is told. What a spreadsheet would compute gets a quote before
        it: the log is the attacker's pen.
        """
        out.write((",".join(header) + "\n").encode())
        out.flush()  # who watches the file sees that the search has begun
        for found in self._find(wanted):
            found.with_columns(pl.selectors.string().str.replace(FORMULA, "'${1}")).write_csv(out, include_header=False)
        lacking: Sequence[str] = ()
        for part in wanted.tokens.unmet():
            lacking = lacking or part[SUBJECT].head(SHOWN).to_list()
            part.with_columns(pl.lit(None, pl.String).alias(name) for name in header[1:]).write_csv(
                out, include_header=False
            )
        out.flush()
        return Answer(asked=len(wanted.tokens), found=wanted.given_count, lacking=tuple(lacking))

    def _find(self, wanted: Wanted) -> Iterator[pl.DataFrame]:
        """Give out whom `wanted` finds, as they are found; end when nobody is left to find."""
        order = Sequencer(self._settings.max_lateness_s, max_future_s=self._settings.max_future_s)
        reader = Reader(self._source, wanted.enrich, order, self._settings)
        with closing(reader), closing(reader.batches()) as steps:
            for got in steps:
                self._telemetry.observe_read(got)
                self._progress(self._telemetry)
                yield from wanted.take()
                if wanted.given_count == len(wanted.tokens):
                    return
            self._telemetry.observe_read(reader.settle())
            yield from wanted.take()
