"""`detector key check`: what a key file holds, who may read it, and whether a state's tokens are of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli.options import FILE, FOLDER, FORM
from detector.cli.screen import echo_json
from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.collect.enrich.secret import Secret

EPILOG = """\b
Example:
  detector key check /etc/portal-detector/subject.key --state /var/lib/detector"""


@click.command("check", epilog=EPILOG)
@click.argument("file", type=FILE)
@click.option("--state", type=FOLDER, metavar="DIR", help="Read only; a detector may run on it.")
@FORM
def check_key(file: Path, state: Path | None, form: str) -> None:
    """List the keys in FILE by id and moment, the current first; never the keys themselves.

    It is a fault (exit code 2) if others may read the file, if a line of it was altered, or if the tokens in the state
    are of none of its keys.
    """
    from detector.collect.enrich.secret import read_secret

    key = read_secret(file)
    used = _used_by(state) if state else None
    (_echo_json if form == "json" else _echo_text)(key, used, state)
    if key.exposed:
        raise DetectorError(key.exposed)
    key.under(used)


def _used_by(state: Path) -> str | None:
    from detector.checkpoint import noted_key
    from detector.inquire.state import reading

    with reading(state) as database:
        return noted_key(database)


def _echo_json(key: "Secret", used: str | None, state: Path | None) -> None:
    keys = [{"id": one.id, "made": one.made, "current": one is key} for one in key.every]
    echo_json({"keys": keys, "exposed": key.exposed} | ({"state_key": used} if state else {}))


def _echo_text(key: "Secret", used: str | None, state: Path | None) -> None:
    from detector.cli.table import print_table

    rows = [(one.id, one.made, "current" if one is key else "former") for one in key.every]
    print_table(["key", "made", ""], rows, left=3)
    if state:
        standing = {key.id: "the current one", None: ""} | {one.id: "a former one" for one in key.former}
        told = (
            "no token yet" if used is None else f"its tokens are of key {used}, {standing.get(used, 'none of these')}"
        )
        click.echo(f"{state}: {told}")
