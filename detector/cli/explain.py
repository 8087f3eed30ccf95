"""`detector explain`: tell one incident the way a colleague would."""

from pathlib import Path

import click

from detector.cli.options import FOLDER, FORM, config_option, configured
from detector.cli.screen import paged

EPILOG = """\b
Examples:
  detector explain 1938b5f7374a07ba184f --state /var/lib/detector
  detector explain 1938 --state /var/lib/detector -o json"""


@click.command(epilog=EPILOG)
@click.argument("asked", metavar="ID")
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="Read only; a detector may run on it.")
@FORM
@config_option
def explain(asked: str, state: Path, form: str, config_file: Path | None, log_level: str | None) -> None:
    """Say what happened, what is usual, why it is odd, who else shares the evidence, and what to do now.

    ID is an alert's (event.id), an incident's (portal.incident.id), or as much of either as tells it from others.
    """
    from dataclasses import asdict

    from detector.cli import printable
    from detector.inquire.explain import explain as explained
    from detector.inquire.explain import text
    from detector.inquire.memory import Memory, as_json
    from detector.inquire.state import reading
    from detector.language import Words

    config = configured(config_file, log_level)
    with reading(state) as database:
        told = explained(Memory.of_state(state, database, config), asked, state)
    if form == "json":
        click.echo(as_json(asdict(told)))
    else:
        paged(printable(text(told, Words.of(config.language))))
