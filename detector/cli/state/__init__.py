"""`detector state`: what a state holds, whether it is whole, copies of it, and the erasure of people from it."""

from typing import Final

import click

from detector.cli import Commands

NAMES: Final = ("backup", "forget", "info", "migrate", "verify")

EPILOG: Final = """\b
Examples:
  detector state info --state /var/lib/detector
  detector state verify --state /var/lib/detector
  detector state backup /backup/detector-2026-03-16 --state /var/lib/detector"""


@click.group(cls=Commands, names=NAMES, package="detector.cli.state", suffix="_state", epilog=EPILOG)
def state() -> None:
    """Look after a state directory. What only looks, and `backup`, may run beside a detector."""
