"""`detector tail`: follow live files."""

import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from detector.cli.options import FOLDER, run_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from detector.pipeline import Pipeline
    from detector.pipeline.service import Service
    from detector.telemetry import Telemetry

EPILOG = """\b
Example:
  detector tail /var/log/nginx/access.log --state /var/lib/detector --alerts /var/log/detector.jsonl"""

LOG_LEVEL: Final = "warning"
STOPS: Final = (signal.SIGTERM, signal.SIGINT)


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="Where reading goes on, and all memory.")
@click.option("--from-start", is_flag=True, help="Files not known yet: from their start, not from their end.")
@click.option("--once", is_flag=True, help="Read what is there, settle, exit.")
@click.option("--idle-exit", type=click.FloatRange(min=0), metavar="SECONDS", help="Exit when nothing came so long.")
@run_options
def tail(
    paths: tuple[str, ...], state: Path, from_start: bool, once: bool, idle_exit: float | None, **asked: Any
) -> None:
    """Follow files through rotation and truncation, and go on where the last run stopped.

    A PATH may also be an address to receive syslog at: udp://127.0.0.1:5514, tcp://[::1]:5514, unix:///run/log.sock,
    unixgram:///run/log.sock; or -, standard input: with it alone, the run ends when it does.

    An interrupt or SIGTERM ends the run cleanly: what was read is saved, the rest is read next time. SIGHUP takes up
    configuration and rules anew, and keeps the former where the new have faults.
    """
    from detector.cli.run import Order, finish, run, set_up
    from detector.pipeline.live import tail as follow
    from detector.pipeline.notify import Manager
    from detector.pipeline.service import Service, StoppedError

    order, service = Order(state=state, **asked), Service(Manager())

    def work(pipeline: "Pipeline", show: "Callable[[Telemetry], None]") -> None:
        _stop_between_steps(service)
        with suppress(StoppedError):  # what was not saved is read again
            follow(
                pipeline,
                paths,
                from_start=from_start,
                once=once,
                idle_exit_s=idle_exit,
                on_progress=show,
                service=service,
                renew=lambda: set_up(order, LOG_LEVEL),
            )
        if service.stopping:
            click.echo("detector: stopped; what was read is saved", err=True)

    ends = once or idle_exit is not None or set(paths) == {"-"}
    for number in STOPS:  # nothing was read yet: a start may be left off anywhere
        signal.signal(number, signal.default_int_handler)
    signal.signal(signal.SIGHUP, lambda number, frame: service.reload())
    try:
        code = run(order, work, default_level=LOG_LEVEL, deliver=ends)
    except KeyboardInterrupt:
        click.echo("detector: stopped before it began", err=True)
        code = 0
    finish(code)


def _stop_between_steps(service: "Service") -> None:
    """Let a stop be asked for; the second ends the process at once, as if it were killed."""

    def stop(number: int, frame: FrameType | None) -> None:
        for one in STOPS:
            signal.signal(one, signal.SIG_DFL)
        service.stop()

    for one in STOPS:
        signal.signal(one, stop)
