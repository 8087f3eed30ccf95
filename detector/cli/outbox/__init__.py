"""`detector outbox`: what waits for each sink, and the alerts that a sink refused."""

from typing import Final

import click

from detector.cli import Commands

NAMES: Final = ("drop", "list", "retry")

EPILOG: Final = """\b
Examples:
  detector outbox list --state /var/lib/detector
  detector outbox retry --state /var/lib/detector --sink siem"""


@click.group(cls=Commands, names=NAMES, package="detector.cli.outbox", suffix="_outbox", epilog=EPILOG)
def outbox() -> None:
    """See what waits for each sink; send again, or drop, what was refused. Also beside a run that goes on."""
