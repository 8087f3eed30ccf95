"""`detector feedback`: say what an incident was, so that the detector learns from it, or never does."""

from pathlib import Path
from typing import Final

import click

from detector.cli.incidents.deciding import decided, word_options

EPILOG: Final = """\b
Examples:
  detector feedback 1938b5f7 benign --note 'on duty in Lille, asked by telephone' --state /var/lib/detector
  detector feedback 1938b5f7 confirmed --note 'phished, ticket 4711' --state /var/lib/detector"""


@click.command(epilog=EPILOG)
@click.argument("incident")
@click.argument("verdict", type=click.Choice(["benign", "confirmed"]))
@word_options
def feedback(
    incident: str,
    verdict: str,
    note: str,
    state: Path,
    who: str | None,
    form: str,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """Say that INCIDENT (its id, or the beginning of it) was benign, or is confirmed as an abuse.

    benign closes it, and the account learns, also the days held back while it was open. confirmed: nothing of it is
    ever learned; it closes by quiet. A `tail` that runs takes it up within seconds, else the next run does.
    """
    decided(incident, verdict, note, state, who, form, config_file, log_level)
