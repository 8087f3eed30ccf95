"""`detector rules`: the rule pack, its tests, and what a rule would raise before it is turned on."""

from typing import Final

import click

from detector.cli import Commands

NAMES: Final = ("backtest", "list", "schema", "show", "test", "tune")

EPILOG: Final = """\b
Examples:
  detector rules list
  detector rules test --rules my-rules
  detector rules backtest /var/log/nginx/access.log* --rules my-rules
  detector rules tune "Many exports" --keep right.jsonl --drop false.jsonl /var/log/nginx/access.log*"""


@click.group(cls=Commands, names=NAMES, package="detector.cli.rules", suffix="_rules", epilog=EPILOG)
def rules() -> None:
    """Write rules: list them, run their tests, try them on archives, mute their false alerts."""
