"""`detector baseline`: what is normal for one account."""

from pathlib import Path

import click

from detector.cli.options import FOLDER, FORM, config_option, configured
from detector.cli.screen import paged

EPILOG = """\b
Example:
  detector baseline ph600005 --state /var/lib/detector"""


@click.command(epilog=EPILOG)
@click.argument("account")
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="Read only; a detector may run on it.")
@FORM
@config_option
def baseline(account: str, state: Path, form: str, config_file: Path | None, log_level: str | None) -> None:
    """Show what is normal for ACCOUNT: volumes, hours of the week, places and devices, whom it looks up."""
    from dataclasses import asdict

    from detector.cli import printable
    from detector.inquire.baseline import baseline_text
    from detector.inquire.memory import Memory, as_json
    from detector.inquire.state import reading
    from detector.inquire.usual import usual

    config = configured(config_file, log_level)
    with reading(state) as database:
        memory = Memory.of_state(state, database, config)
        habit = usual(memory, memory.known(account))
    if form == "json":
        click.echo(as_json(asdict(habit)))
    else:
        paged(printable(baseline_text(habit, memory.words)))
