"""`detector key`: the key of the tokens, its former ones, and the log of who used it to find persons."""

from typing import Final

import click

from detector.cli import Commands

NAMES: Final = ("audit", "check", "new", "rekey", "rotate")

EPILOG: Final = """\b
Examples:
  detector key new /etc/portal-detector/subject.key
  detector key rotate /etc/portal-detector/subject.key
  detector key check /etc/portal-detector/subject.key --state /var/lib/detector
  detector key audit /etc/portal-detector/subject.key.audit.jsonl"""


@click.group(cls=Commands, names=NAMES, package="detector.cli.key", suffix="_key", epilog=EPILOG)
def key() -> None:
    """Look after the key that makes tokens of insured persons' identifiers: whoever has it can find them again."""
