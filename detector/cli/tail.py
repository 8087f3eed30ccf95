"""`detector tail`: follow live files."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from select import select
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any, Final

import click

from detector.cli.options import FOLDER, run_options
from detector.cli.standard_error import as_entry, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from detector.pipeline import Pipeline
    from detector.pipeline.service import Service
    from detector.telemetry import Telemetry

EPILOG = """\b
Example:
  detector tail /var/log/nginx/access.log --state /var/lib/detector --alerts /var/log/detector.jsonl"""

LOG_LEVEL: Final = "warning"
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

LAST_WORDS_S: Final = 0.5
"""What a process that ends in the midst of a step has for its last words: a disk that hangs must not hold it up."""

LATEST_S: Final = 3.5
"""After a stop was asked: when the process ends, come what may; `Service` has a run end before that.

People are told five seconds: where processors are scarce, the system takes one of them to end a large process.
"""

_LEFT_OFF: Final = "stopped in the midst of a step: what is not saved is read again"
_STDERR: Final = 2


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="Where reading goes on, and all memory.")
@click.option("--from-start", is_flag=True, help="Files not known yet: from their start, not from their end.")
@click.option("--once", is_flag=True, help="Read what is there, settle, exit.")
@click.option("--idle-exit", type=click.FloatRange(min=0), metavar="SECONDS", help="Exit when nothing came so long.")
@run_options
def tail(
    paths: tuple[str, ...], state: Path, from_start: bool, once: bool, idle_exit: float | None, **options: Any
) -> None:
    """Follow files through rotation and truncation, and go on where the last run stopped.

    A PATH may also be an address to receive syslog at: udp://127.0.0.1:5514, tcp://[::1]:5514, unix:///run/log.sock,
    unixgram:///run/log.sock; or -, standard input: with it alone, the run ends when it does.

    An interrupt or SIGTERM ends the run cleanly: what was read is saved, the rest is read next time. SIGHUP takes up
    configuration and rules anew, and keeps the former where the new have faults.
    """
    asked = _Asked()
    from detector.cli.run import Order, finish, run, set_up
    from detector.pipeline.live import tail as follow
    from detector.pipeline.notify import Manager
    from detector.pipeline.service import Service, StoppedError

    order, service = Order(state=state, **options), Service(Manager())

    def work(pipeline: "Pipeline", show: "Callable[[Telemetry], None]") -> None:
        asked.of(service)
        said = "stopped; what was read is saved"
        try:
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
        except StoppedError:
            said = _LEFT_OFF
        if service.stopping:
            tell(said)

    ends = once or idle_exit is not None or set(paths) == {"-"}
    try:
        code = run(order, work, default_level=LOG_LEVEL, deliver=ends)
    finally:
        asked.close()
    if service.stopping:
        _leave(code=code)  # all is closed: to give back a large memory piece by piece takes seconds
    finish(code)


class _Asked:
    """Takes signals in a thread of its own: one that computes for a second does not hear them.

    While nothing is read, a stop ends the process at once; then it is asked of the service. A second one ends it at
    once, and so does the end of the time there is, whatever takes so long: nothing is lost by a kill.
    """

    def __init__(self) -> None:
        self._service: Service | None = None
        self._reload = False
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # before there are threads: they inherit it
        Thread(target=self._listen, name="signals", daemon=True).start()

    def of(self, service: "Service") -> None:
        """Ask a service from now on."""
        self._service = service
        if self._reload:
            service.reload()

    def close(self) -> None:
        """Let signals have their way again."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _listen(self) -> None:
        while True:
            number, service = signal.sigwait(SIGNALS), self._service
            if number == signal.SIGHUP:
                self._reload = True
                if service is not None:
                    service.reload()
            elif service is None:
                _leave("stopped before it began")
            elif service.stopping:
                _leave_off(service, "stopped at once: what is not saved is read again")
            else:
                service.stop()
                late = Timer(LATEST_S, _leave_off, [service, _LEFT_OFF])
                late.daemon = True
                late.start()


def _leave_off(service: "Service", said: str) -> None:
    """End in the midst of a step."""
    words = Thread(target=service.last_words, name="last words", daemon=True)
    words.start()
    words.join(LAST_WORDS_S)
    _leave(said)


def _leave(said: str = "", code: int = 0) -> None:
    """End, whatever else goes on; a standard error that nobody reads would hold it up, and is told nothing."""
    with suppress(OSError):
        if said and select((), (_STDERR,), (), 0)[1]:
            os.write(_STDERR, f"{as_entry(said) or f'detector: {said}'}\n".encode())
    os._exit(code)
