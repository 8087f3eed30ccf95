"""`detector parse`: the events as they are read, to set a portal up and to find out why a line was not."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli.options import FILE, config_option, configured, with_samples

if TYPE_CHECKING:
    from detector.config import Config

EPILOG = """\b
Example:
  detector parse /var/log/nginx/access.log --log-format combined --rejects rejects.jsonl | head"""


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--log-format", metavar="NAME", help="Instead of the configured one; auto finds it.")
@click.option("--rejects", type=FILE, metavar="FILE", help="Lines that could not be read: where and why.")
@config_option
def parse(
    paths: tuple[str, ...],
    log_format: str | None,
    rejects: Path | None,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """Write the events read, one JSON object a line in ECS names; identifiers are tokens, as in alerts.

    Which format was taken and why, and what could not be read, is said on standard error.
    """
    from detector.cli.events import write_events
    from detector.cli.files import written
    from detector.emit.summary import tell_reading, tell_warnings
    from detector.telemetry import Telemetry

    config = _with_format(configured(config_file, log_level), log_format)
    with written(rejects) if rejects else nullcontext() as rejects_to:
        telemetry = Telemetry(rejects_to=rejects_to)
        try:
            write_events(with_samples(paths), config, telemetry, sys.stdout.buffer)
        except BrokenPipeError:  # `| head` has seen enough; the flush at exit must not fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    telemetry.settle(config.input.reject_share_warning)
    tell_reading(telemetry)
    tell_warnings(telemetry)


def _with_format(config: "Config", name: str | None) -> "Config":
    from detector.collect.formats import build
    from detector.collect.source.block import LINES
    from detector.schema import empty

    if name is None:
        return config
    if name != "auto":
        build(name, empty(LINES), config.input)  # so that the command line is blamed, and not the configuration
    return config.model_copy(update={"input": config.input.model_copy(update={"format": name})})
