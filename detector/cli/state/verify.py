"""`detector state verify`."""

from pathlib import Path
from typing import Final

import click

from detector.cli import printable
from detector.cli.options import FOLDER, FORM
from detector.cli.screen import echo_json
from detector.errors import InputError

EPILOG: Final = """\b
Example:
  detector state verify --state /var/lib/detector"""


@click.command("verify", epilog=EPILOG)
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="Read only; a detector may run on it.")
@FORM
def verify_state(state: Path, form: str) -> None:
    """List every fault of a state: damaged files, parts that cannot be read, counts that disagree, a wrong key.

    Exit code 3 if there is any.
    """
    from detector.inquire.upkeep.verify import faults

    found = list(faults(state))
    if form == "json":
        echo_json({"state": str(state), "faults": found})
    else:
        for fault in found:
            click.echo(printable(fault))
    if found:
        raise InputError(f"{state}: {len(found):,} fault{'s' if len(found) != 1 else ''}")
    if form != "json":
        click.echo(f"{state}: whole")
