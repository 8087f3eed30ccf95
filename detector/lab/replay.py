"""Read archives as the pipeline does, up to where rules look at them: collected, in order, sessions attributed."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from os import PathLike

import polars as pl

from detector.collect.enrich import Enricher
from detector.collect.order import Sequencer
from detector.collect.reader import Collected, Reader, first_time
from detector.collect.source.files import Files
from detector.config import Config
from detector.context.session import Sessions
from detector.telemetry import Telemetry

Progress = Callable[[Telemetry], None]


class Replay:
    """Archives that may be read several times, each time from their start.

    `since`, `until`: leave out events before, and from then on. `ahead`: read while the caller works on what came
    before; without, what reading costs can be told from what the caller does.
    Raises: `InputError` for a path that cannot be read, `FaultsError` for what the configuration names.
    """

    def __init__(
        self,
        paths: Sequence[str | PathLike[str]],
        config: Config,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        ahead: bool = True,
        on_progress: Progress | None = None,
    ) -> None:
        self.config = config
        self._paths = paths
        self._since, self._until = since, until
        self._ahead = ahead
        self._on_progress = on_progress
        self._enricher = Enricher(config)  # one for all readings: without a key, tokens hold as long as it does

    def events(self, telemetry: Telemetry) -> Iterator[pl.DataFrame]:
        """Yield the events, counted in `telemetry`. Shapes: EVENT with LATE, in event time."""
        settings = self.config.input
        source = Files(self._paths, settings, first_time(settings))
        sequencer = Sequencer(
            settings.max_lateness_s, max_future_s=settings.max_future_s, max_idle_s=settings.max_idle_s
        )
        reader = Reader(source, self._enricher.enrich, sequencer, settings, ahead=self._ahead)
        sessions = Sessions(self.config.state.max_accounts_in_memory)
        telemetry.bytes_total = source.total_bytes
        try:
            for got in reader.batches():
                yield sessions.attribute(self._counted(got, telemetry))
            yield sessions.attribute(self._counted(reader.settle(), telemetry))
        finally:
            reader.close()

    def _counted(self, got: Collected, telemetry: Telemetry) -> pl.DataFrame:
        telemetry.observe_read(got)
        if self._on_progress is not None:
            self._on_progress(telemetry)
        events = got.events
        if self._since is not None:
            events = events.filter(pl.col("@timestamp") >= self._since)
        return events if self._until is None else events.filter(pl.col("@timestamp") < self._until)
