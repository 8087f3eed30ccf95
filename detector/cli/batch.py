"""`detector batch`: read what there is, write alerts."""

from pathlib import Path
from typing import Any

import click

from detector.cli.options import FOLDER, run_options, with_samples

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

    order = Order(state=state, **asked)
    finish(run(order, lambda pipeline, show: read(pipeline, with_samples(paths), on_progress=show)))
