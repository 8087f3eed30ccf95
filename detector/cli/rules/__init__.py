"""`detector rules`: the rule pack, its tests, and what a rule would raise before it is turned on."""

from typing import Final

import click

from detector.cli import Commands

NAMES: Final = ("backtest", "list", "show", "test", "tune")

EPILOG: Final = """\b
Examples:
  detector rules list
  detector rules test --rules my-rules"""


@click.group(cls=Commands, names=NAMES, package="detector.cli.rules", suffix="_rules", epilog=EPILOG)
def rules() -> None:
    """Write rules: list them, run their tests, try them on archives, mute their false alerts."""
