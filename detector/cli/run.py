"""One run of the pipeline, as `batch` and `tail` make it: open what is written, run, tell how it went."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import click

from detector.cli.files import written
from detector.cli.options import LEVELS, anchored_span, configured
from detector.cli.progress import progress_bar
from detector.config import Config
from detector.emit.sinks import Sink
from detector.emit.sinks.digest import Digest
from detector.emit.sinks.file import FileSink
from detector.emit.sinks.stdout import StdoutSink
from detector.emit.summary import summarize
from detector.errors import DetectorError
from detector.inquire.report import write_report
from detector.pipeline import Pipeline
from detector.telemetry import Telemetry


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

Progress = Callable[[Telemetry], None]
Work = Callable[[Pipeline, Progress], None]
"""What is done with the pipeline; the second argument shows how far it is."""


def run(order: Order, work: Work, default_level: str = "error") -> int:
    """Do `work` as ordered and return the exit code. Raises: DetectorError for what the user can mend."""
    config = configured(order.config_file, order.log_level, default_level)
    since, until = anchored_span(order.since, order.until, config.zone)
    with ExitStack() as stack:
        append = order.state is not None
        # opened now: a long run must not end in "cannot be written"
        rejects = _opened(order.rejects, stack, append=append)
        stats, report = _opened(order.stats, stack), _opened(order.report, stack)
        telemetry, digest = Telemetry(rejects_to=rejects), Digest()
        pipeline = Pipeline(
            config,
            state=order.state,
            rules_folders=order.rules_folders,
            learn=order.learn,
            since=since,
            until=until,
            telemetry=telemetry,
            sinks=[*_sinks(config, order, stack), digest],
        )
        share = config.input.reject_share_warning
        with progress_bar(shown=not order.no_progress) as show:
            work(pipeline, _watching(show, share))
        telemetry.settle(share)
        if stats:
            stats.write(json.dumps(telemetry.stats(), indent=2, allow_nan=False).encode() + b"\n")
        if report:
            report.write(write_report(telemetry, digest.alerts()).encode())
    summarize(telemetry, digest.alerts(), learned=order.learn)
    if order.fail_on is None:
        return 0
    return int(any(telemetry.alerts[level] for level in LEVELS[LEVELS.index(order.fail_on) :]))


def _watching(show: Progress, share: float) -> Progress:
    def step(telemetry: Telemetry) -> None:
        show(telemetry)
        telemetry.settle(share, least=MANY_LINES)

    return step


def _opened(path: Path | None, stack: ExitStack, *, append: bool = False) -> BinaryIO | None:
    return stack.enter_context(written(path, append=append)) if path else None


def _sinks(config: Config, order: Order, stack: ExitStack) -> list[Sink]:
    append = order.state is not None
    sinks: list[Sink] = []
    if order.alerts is not None:
        given = StdoutSink(order.form) if str(order.alerts) == "-" else _file_sink(order.alerts, order.form, append)
        sinks.append(given)
    elif not config.sinks:
        sinks.append(StdoutSink(order.form))
    for one in config.sinks if order.alerts is None else ():
        sinks.append(StdoutSink(one.format) if one.kind == "stdout" else _file_sink(one.path, one.format, True))
    for sink in sinks:
        stack.callback(sink.close)
    return sinks


def _file_sink(path: Path, form: str, append: bool) -> Sink:
    try:
        return FileSink(path, form, append=append)
    except OSError as fault:
        raise DetectorError(f"{path}: cannot be written: {fault.strerror}") from None


def finish(code: int) -> None:
    """End the command with `code`."""
    click.get_current_context().exit(code)
