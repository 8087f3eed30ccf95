"""One run of the pipeline, as `batch` and `tail` make it: open what is written, run, tell how it went."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from logging import WARNING
from pathlib import Path
from typing import Final

import click

from detector.cli.check import lacking_of, read
from detector.cli.files import opened, written
from detector.cli.options import LEVELS, anchored_span, configured
from detector.cli.page import Page
from detector.cli.progress import progress_bar
from detector.cli.standard_error import as_entry
from detector.config import Config, Destination, ToFile, ToStdout
from detector.emit.sinks import Sink, open_sink
from detector.emit.summary import summarize
from detector.errors import DetectorError, Fault, FaultsError
from detector.language import Words
from detector.pipeline import Pipeline
from detector.pipeline.flow import Setup
from detector.telemetry import Telemetry, log


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command line asked for."""

    config_file: Path | None
    log_level: str | None
    rules_folders: tuple[Path, ...]
    alerts: Path | None
    form: str
    rejects: Path | None
    state: Path | None
    since: datetime | None
    until: datetime | None
    learn: bool
    report: Path | None
    stats: Path | None
    no_progress: bool
    fail_on: str | None


MANY_LINES: Final = 10_000
"""Before so many a run that still goes on is not judged: its first users may well sit in one office."""

TOLD: Final = ("lines", "events", "rejects", "late", "accounts", "seconds", "lines_per_s", "first_event", "last_event")
COUNTED: Final = ("alerts", "incidents")
"""Of the figures of a run, those of its last entry in a log of JSON: no personal data."""

UNDELIVERED: Final = 5
"""Exit code of a run that ends with alerts that did not arrive."""

Progress = Callable[[Telemetry], None]
Work = Callable[[Pipeline, Progress], None]
"""What is done with the pipeline; the second argument shows how far it is."""


def run(order: Order, work: Work, default_level: str = "error", *, deliver: bool = True) -> int:
    """Do `work` as ordered and return the exit code. Raises: DetectorError for what the user can mend.

    `deliver`: alerts that wait for a sink at the end are a failure.
    """
    setup = set_up(order, default_level)
    config, telemetry = setup.config, Telemetry(rejects_to=setup.rejects_to)
    with ExitStack() as stack:
        stack.callback(telemetry.close)
        stats = stack.enter_context(written(order.stats)) if order.stats else None
        with _all_faults(order, default_level):
            pipeline = Pipeline(
                config,
                state=order.state,
                rules_folders=order.rules_folders,
                learn=order.learn,
                since=setup.since,
                until=setup.until,
                telemetry=telemetry,
                sinks=setup.sinks,
                attend=setup.attend,
            )
        share = config.input.reject_share_warning
        with progress_bar(shown=not order.no_progress and config.log.format == "text") as show:
            work(pipeline, _watching(show, share))
        telemetry.settle(share)
        if stats:
            stats.write(json.dumps(telemetry.stats(), indent=2, allow_nan=False).encode() + b"\n")
    if not _told_in_entries(telemetry):
        summarize(telemetry, pipeline.digest.alerts(), Words.of(config.language), learned=order.learn)
    if deliver and any(one.pending or (one.dead_letters and not order.state) for one in telemetry.sinks):
        return UNDELIVERED
    if order.fail_on is None:
        return 0
    return int(any(telemetry.alerts[level] for level in LEVELS[LEVELS.index(order.fail_on) :]))


def _told_in_entries(telemetry: Telemetry) -> bool:
    """Write the figures as an entry of the log, if only such may be written; and warnings that it has not had."""
    figures = telemetry.stats()
    told = {name: figures[name] for name in TOLD if figures[name] is not None}
    counts = {f"{what}_{name}": count for what in COUNTED for name, count in figures[what].items()}
    entry = as_entry("run over", **told, **counts)
    if entry is None:
        return False
    lacking = () if log.isEnabledFor(WARNING) else telemetry.warnings.values()
    warnings = (as_entry(one.text, "warning", code=one.code) for one in lacking)
    for line in filter(None, (*warnings, entry)):
        click.echo(line, err=True)
    return True


def set_up(order: Order, default_level: str) -> Setup:
    """Read the configuration and open what is written: a long run must not end in "cannot be written".

    Raises: DetectorError.
    """
    with _all_faults(order, default_level):
        config = configured(order.config_file, order.log_level, default_level)
        since, until = anchored_span(order.since, order.until, config.zone)
        return Setup(
            config=config,
            since=since,
            until=until,
            attend=_page(config, order),
            rejects_to=opened(order.rejects, append=order.state is not None) if order.rejects else None,
            sinks=_sinks(config, order),
        )


@contextmanager
def _all_faults(order: Order, default_level: str) -> Iterator[None]:
    """Where there is a fault, tell all that `detector check` finds: of the rules too. Raises: FaultsError."""
    try:
        yield
    except FaultsError as found:
        _, _, faults = read(order.config_file, order.log_level, order.rules_folders, default_level)
        raise FaultsError([*found.faults, *faults]) from None


def _page(config: Config, order: Order) -> Page | None:
    path = order.report or config.report.path
    return Page(path, config.report.every_s) if path else None


def _watching(show: Progress, share: float) -> Progress:
    def step(telemetry: Telemetry) -> None:
        show(telemetry)
        telemetry.settle(share, least=MANY_LINES)

    return step


def _sinks(config: Config, order: Order) -> list[Sink]:
    """Open the sinks of the configuration, or the one that the command line names instead of them."""
    if order.alerts is None and config.sinks:
        return _of_configuration(config.sinks)
    if order.alerts is None or str(order.alerts) == "-":
        return [open_sink(ToStdout(format=order.form))]
    if order.state is None:
        _begin_anew(order.alerts)
    return [open_sink(ToFile(path=order.alerts, format=order.form))]


def _of_configuration(sinks: Sequence[Destination]) -> list[Sink]:
    """Open them all. Raises: FaultsError with what is wrong with any of them, a secret that is missing included."""
    opened, faults = list[Sink](), list[Fault]()
    for one in sinks:
        lacking = lacking_of(one)
        try:
            opened += () if lacking else (open_sink(one),)
        except DetectorError as fault:
            lacking.append(one.fault(str(fault)))
        faults += lacking
    if faults:
        for sink in opened:
            sink.close()
        raise FaultsError(faults)
    return opened


def _begin_anew(path: Path) -> None:
    try:
        if path.is_file():
            os.truncate(path, 0)
    except OSError as fault:
        raise DetectorError(f"{path}: cannot be written: {fault.strerror}") from None


def finish(code: int) -> None:
    """End the command with `code`."""
    click.get_current_context().exit(code)
