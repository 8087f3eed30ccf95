"""`detector batch`: read what there is, write alerts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from detector.cli.options import FOLDER, run_options, with_samples
from detector.cli.standard_error import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from detector.pipeline import Pipeline
    from detector.telemetry import Telemetry

INTERRUPTED: Final = 130
"""As shells answer for a command that an interrupt ended."""

EPILOG = """\b
Example:
  detector batch sample_logs
  detector batch /var/log/nginx/access.log* --alerts alerts.jsonl --report report.html"""


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--state", type=FOLDER, metavar="DIR", help="Learn on from there, and save.")
@run_options
def batch(paths: tuple[str, ...], state: Path | None, **asked: Any) -> None:
    """Read logs, oldest event first, and write alerts.

    PATH is a file, a folder, a glob or - (standard input); .gz, .zst, .bz2 and .xz are known by content. Without
    --state the file of --alerts is begun anew; with it, alerts are appended.
    """
    from detector.cli.run import Order, finish, run
    from detector.pipeline.archives import batch as read

    order, begun = Order(state=state, **asked), list["Pipeline"]()

    def work(pipeline: "Pipeline", show: "Callable[[Telemetry], None]") -> None:
        begun.append(pipeline)
        read(pipeline, with_samples(paths), on_progress=show)

    try:
        finish(run(order, work))
    except KeyboardInterrupt:
        saved = any(one.committed for one in begun)
        tell(f"interrupted; {_left_by(order.state is not None, saved)}", "warning")
        finish(INTERRUPTED)


def _left_by(durable: bool, saved: bool) -> str:
    if not durable:
        return "alerts raised before were delivered, the rest was not read"
    return "what was read is saved, alerts not delivered wait" if saved else "the state is as it was before"
