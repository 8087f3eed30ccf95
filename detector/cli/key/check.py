"""`detector key check`: what a key file holds, who may read it, and whether a state's tokens are of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli.options import FILE, FOLDER
from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.collect.enrich.secret import Secret

EPILOG = """\b
Example:
  detector key check /etc/portal-detector/subject.key --state /var/lib/detector"""


@click.command("check", epilog=EPILOG)
@click.argument("file", type=FILE)
@click.option("--state", type=FOLDER, metavar="DIR", help="Read only; a detector may run on it.")
def check_key(file: Path, state: Path | None) -> None:
    """List the keys in FILE by id and moment, the current first; never the keys themselves.

    It is a fault (exit code 2) if others may read the file, if a line of it was altered, or if the tokens in the state
    are of none of its keys.
    """
    from detector.cli.table import print_table
    from detector.collect.enrich.secret import read_secret

    key = read_secret(file)
    used = _used_by(state) if state else None
    rows = [(one.id, one.made, "former" if number else "current") for number, one in enumerate(key.every)]
    print_table(["key", "made", ""], rows, left=3)
    if key.exposed:
        raise DetectorError(key.exposed)
    if state:
        click.echo(f"{state}: {_told(key, used)}")


def _used_by(state: Path) -> str | None:
    from detector.checkpoint import noted_key
    from detector.inquire.state import reading

    with reading(state) as database:
        return noted_key(database)


def _told(key: "Secret", used: str | None) -> str:
    if used is None:
        return "no token yet"
    found = key.under(used)
    return f"its tokens are of key {used}, {'the current one' if found.id == key.id else 'a former one'}"
