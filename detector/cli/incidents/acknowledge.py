"""`detector incidents acknowledge`."""

from pathlib import Path
from typing import Final

import click

from detector.cli.incidents.deciding import decided, word_options

EPILOG: Final = """\b
Example:
  detector incidents acknowledge 1938b5f7 --note 'calling the practice' --state /var/lib/detector"""


@click.command("acknowledge", epilog=EPILOG)
@click.argument("incident")
@word_options
def acknowledge_incident(
    incident: str, note: str, state: Path, who: str | None, form: str, config_file: Path | None, log_level: str | None
) -> None:
    """Say that somebody looks into INCIDENT. It changes nothing for the detector."""
    decided(incident, "acknowledge", note, state, who, form, config_file, log_level)
