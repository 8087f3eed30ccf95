"""Show how far a long run is: a bar of bytes on standard error, where a person watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from detector.telemetry import Telemetry


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Callable[[Telemetry], None]]:
    """Give a function that moves the bar; it does nothing where standard error is no terminal."""
    if not shown or not sys.stderr.isatty():
        yield lambda telemetry: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(telemetry: Telemetry) -> None:
            alerts = sum(telemetry.alerts.values())
            said = f"{telemetry.lines:,} lines" + (f", {alerts:,} alerts" if alerts else "")
            bar.update(task, completed=telemetry.bytes, total=telemetry.bytes_total or None, description=said)

        yield show
