"""`detector incidents close`."""

from pathlib import Path
from typing import Final

import click

from detector.cli.incidents.deciding import decided, word_options

EPILOG: Final = """\b
Example:
  detector incidents close 1938b5f7 benign --note 'on duty in Lille' --state /var/lib/detector"""


@click.command("close", epilog=EPILOG)
@click.argument("incident")
@click.argument("verdict", type=click.Choice(["benign", "confirmed"]))
@word_options
def close_incident(
    incident: str,
    verdict: str,
    note: str,
    state: Path,
    who: str | None,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """Say what INCIDENT was: the same as `detector feedback`. One that is confirmed closes when it is quiet."""
    decided(incident, verdict, note, state, who, config_file, log_level)
