"""`detector key new`: a file with a random key."""

from pathlib import Path

import click

from detector.cli.options import FILE, FORM
from detector.cli.screen import echo_json

EPILOG = """\b
Example:
  detector key new /etc/portal-detector/subject.key"""


@click.command("new", epilog=EPILOG)
@click.argument("file", type=FILE)
@FORM
def new_key(file: Path, form: str) -> None:
    """Write 256 random bits into FILE, which only its owner may read. What is there already is left alone.

    Name it in the configuration: `portal: {key: {file: FILE}}`. Keep a copy where backups of the logs are not: without
    the key nobody can say whom a token stands for, with it anybody who has the logs can.
    """
    from detector.collect.enrich import keyfile

    made = keyfile.new_key(file)
    if form == "json":
        echo_json({"file": str(file), "key": made.id})
    else:
        click.echo(f"{file}: key {made.id}")
