"""`detector key rotate`: a new current key, the others kept."""

from pathlib import Path

import click

from detector.cli.options import FILE, FORM
from detector.cli.screen import echo_json

EPILOG = """\b
Example:
  detector key rotate /etc/portal-detector/subject.key"""


@click.command("rotate", epilog=EPILOG)
@click.argument("file", type=FILE)
@FORM
def rotate_key(file: Path, form: str) -> None:
    """Put a new random key before those in FILE, which stay in it as former ones. A file of one key will do.

    Commands begun from now on make their tokens with the new key. A state goes on under the key that it began with, so
    that a rotation changes no alert. `detector key rekey` brings lists of former tokens under the new key.
    """
    from detector.collect.enrich import keyfile

    made = keyfile.rotate_key(file)
    former = [key.id for key in made.former]
    if form == "json":
        echo_json({"file": str(file), "key": made.id, "former": former})
    else:
        click.echo(f"{file}: key {made.id} is current; former: {', '.join(former)}")
