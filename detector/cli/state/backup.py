"""`detector state backup`."""

from pathlib import Path
from typing import Final

import click

from detector.cli.options import FOLDER
from detector.errors import InputError

EPILOG: Final = """\b
Example:
  detector state backup /backup/detector-2026-03-16 --state /var/lib/detector"""


@click.command("backup", epilog=EPILOG)
@click.argument("to", type=FOLDER)
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="A detector may run on it.")
@click.option("--with-key", is_flag=True, help="The key in the state too: whoever has both finds persons again.")
def backup_state(to: Path, state: Path, with_key: bool) -> None:
    """Copy a state into the new folder TO, whole and of one moment, while a detector goes on writing it.

    To restore: stop the detector, put the copy in the place of the state (and the key, where it is kept apart), start.
    Logs are then read again from where they were at the copy: alerts after it are repeated with the same ids, none is
    skipped, as long as the logs of the time since are still there. What was received and not read yet is not in it.
    """
    from detector.checkpoint.copying import copy
    from detector.inquire.upkeep.verify import faults

    made = copy(state, to, with_key=with_key)
    if found := list(faults(to)):
        raise InputError(f"{to}: copied, but the state is damaged:\n" + "\n".join(found))
    size = sum(path.stat().st_size for path in made)
    click.echo(f"{to}: {', '.join(path.name for path in made)}, {size:,} bytes, checked")
