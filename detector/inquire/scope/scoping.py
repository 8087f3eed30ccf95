"""Read archives once, and say whose data was displayed by the requests asked for."""

from collections.abc import Callable, Iterator, Sequence
from os import PathLike, fspath
from pathlib import Path

import polars as pl
import polars_hash as plh

from detector.collect.enrich import Enricher
from detector.collect.enrich.secret import Secret
from detector.collect.enrich.tokens import Tokens
from detector.collect.order import Sequencer
from detector.collect.reader import Collected, Reader, first_time
from detector.collect.source.files import Files
from detector.collect.source.find import STDIN
from detector.config import Config
from detector.context.session import Sessions
from detector.errors import InputError
from detector.inquire.scope.asked import Asked
from detector.inquire.scope.coverage import Coverage
from detector.inquire.scope.displays import DISPLAYED, Categories
from detector.inquire.scope.finding import Finding
from detector.inquire.scope.persons import Persons
from detector.inquire.scope.reckoning import Reckoning
from detector.inquire.scope.sift import Sift
from detector.inquire.scope.spill import SHOWN, SUBJECT, Spill
from detector.inquire.scope.units import ACCOUNT, Units
from detector.inquire.scope.whose import judged
from detector.telemetry import Telemetry

_CHUNK_BYTES = 64 << 20
"""Read at once: larger than a detector does, since most of it is let go of at once."""

_ANY_S = 1e10
"""No line is refused for being far ahead of its neighbours: most neighbours are not looked at."""

Progress = Callable[[Telemetry], None]


class Scoping:
    """One scope. `folder` is an empty one for what does not fit in memory; `secret` stands in for the configured key.

    `every_line`: parse all lines, not only those that hold what was asked for. The same is found, at the speed of a
    detector; the lines that cannot be read are counted exactly, and other accounts that saw the same persons are named.
    """

    def __init__(
        self,
        paths: Sequence[str | PathLike[str]],
        config: Config,
        asked: Asked,
        folder: Path,
        *,
        secret: Secret | None = None,
        every_line: bool = False,
        on_progress: Progress | None = None,
    ) -> None:
        self.asked, self.telemetry = asked, Telemetry()
        self._paths, self._config, self._folder = paths, config, folder
        self._every_line, self._on_progress = every_line, on_progress
        self._settings = config.input.model_copy(update={"chunk_bytes": _CHUNK_BYTES})
        self._enricher = Enricher(config, secret)
        self._categories = Categories(config.portal.categories)
        self.persons = Persons(folder / "persons", self._categories)
        self.passes = 0

    @property
    def secret(self) -> Secret:
        """The key of the tokens."""
        return self._enricher.secret

    def find(self) -> Finding:
        """Read, and say what was found; `persons` can be written afterwards. Raises: InputError, FaultsError."""
        sift = self._read(frozenset(), nameless=False)
        while sift.second_look:  # once, or twice where sessions of one log show in another
            if any(fspath(path) == STDIN for path in self._paths):
                raise InputError("-: sessions show in lines read before them; required files, which can be read twice")
            sift = self._read(frozenset(sift.sessions), nameless=True)
        units = judged(
            self._doubted(self._units.table()), self._config.calendar.country, self._config.calendar.timezone
        )
        reckoning = Reckoning(units)
        self.persons.join(self._shown, reckoning.sides(), self._others)
        return reckoning.finding(
            asked=self.asked,
            sessions=tuple(sorted(self._tokens)),
            totals=self.persons.totals,
            others=self._names if self._every_line else None,
            coverage=sift.coverage,
            config=self._config,
            key_id=None if self.secret.origin == "run" else self.secret.id,
        )

    def _doubted(self, units: pl.DataFrame) -> pl.DataFrame:
        """Believe no alert that an address is the attacker's where the account sent claims from it. Shapes: UNITS."""
        asked = self.asked
        told = pl.col("source.ip").is_in(list(asked.suspect - asked.addresses)) & ~self._of_sessions()
        worked = pl.col("claims").sum().over(ACCOUNT, "source.ip") > 0
        return units.with_columns((pl.col("suspect") & ~(told & worked).fill_null(value=False)).alias("suspect"))

    def _of_sessions(self) -> pl.Expr:
        return pl.col("portal.session").is_in(list(self._tokens)).fill_null(value=False)

    def _read(self, known: frozenset[str], *, nameless: bool) -> Sift:
        self.passes += 1
        self._units, self._shown = Units(), Spill(self._folder / f"shown{self.passes}")
        self._others = Spill(self._folder / f"others{self.passes}") if self._every_line else None
        self._names: dict[int, str] = {}
        self._tokens = set(Tokens(self.secret).sessions(pl.Series(sorted(self.asked.sessions), dtype=pl.String)))
        self.telemetry = Telemetry()
        source = Files(self._paths, self._settings, first_time(self._settings))
        sift = Sift(source, self._settings, None if self._every_line else self.asked, known, nameless=nameless)
        sequencer = Sequencer(self._settings.max_lateness_s, max_future_s=_ANY_S)
        reader = Reader(sift, self._enricher.enrich, sequencer, self._settings)
        sessions = Sessions(self._config.state.max_accounts_in_memory)
        self.telemetry.bytes_total = source.total_bytes
        try:
            for got in self._steps(reader):
                self._note(got, sift.coverage)
                self._add(sessions.attribute(got.events))
        finally:
            reader.close()
        return sift

    @staticmethod
    def _steps(reader: Reader) -> Iterator[Collected]:
        yield from reader.batches()
        yield reader.settle()

    def _note(self, got: Collected, coverage: Coverage) -> None:
        self.telemetry.observe_read(got)
        for (path,), rejects in got.rejects.partition_by("log.file.path", as_dict=True).items():
            coverage.refuse(str(path), rejects)
        if self._on_progress is not None:
            self._on_progress(self.telemetry)

    def _add(self, events: pl.DataFrame) -> None:
        """Take up the events in order. Shapes: EVENT, accounts filled in."""
        asked, time = self.asked, pl.col("@timestamp")
        inside = pl.lit(value=True)
        if asked.since is not None:
            inside &= time >= asked.since
        if asked.until is not None:
            inside &= time < asked.until
        address = pl.col("source.ip")
        named = address.is_in(list(asked.addresses)) | self._of_sessions()
        scope = (pl.col(ACCOUNT).is_in(list(asked.accounts)) | named).fill_null(value=False)
        suspect = (named | address.is_in(list(asked.suspect))).fill_null(value=False)
        marked = events.with_columns(inside.alias("inside"), suspect.alias("suspect"), scope.alias("scope"))
        shown = self._units.add(marked.filter("scope")).filter(pl.col("displayed") & pl.col("inside"))
        self._shown.add(self._rows(shown))
        if self._others is not None:
            self._beside(marked.filter(~pl.col("scope") & pl.col(ACCOUNT).is_not_null() & DISPLAYED))

    def _rows(self, shown: pl.DataFrame) -> pl.DataFrame:
        bits = self._categories.describe(shown["url.path"]).alias("bits")
        return (
            shown.with_columns(bits)
            .group_by(SUBJECT, "unit")
            .agg(
                pl.col("@timestamp").min().alias("first"),
                pl.col("@timestamp").max().alias("last"),
                pl.len().cast(pl.UInt32).alias("count"),
                pl.col("bits").bitwise_or(),
            )
            .select(SHOWN.names())
        )

    def _beside(self, shown: pl.DataFrame) -> None:
        """Keep whom accounts out of scope saw; a number stands for the account."""
        assert self._others is not None  # noqa: S101  # asked before
        numbered = shown.with_columns(plh.col(ACCOUNT).nchash.xxhash64().alias("unit"))
        self._names.update(dict(numbered.select("unit", ACCOUNT).unique().iter_rows()))
        self._others.add(self._rows(numbered))
