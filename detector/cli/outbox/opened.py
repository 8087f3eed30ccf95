"""The ledger of a state directory, for commands that look at it beside a run."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from detector.checkpoint import FILE as STATE
from detector.checkpoint.faults import named
from detector.cli.options import FOLDER, config_option
from detector.emit.ledger import FILE, open_ledger
from detector.errors import InputError
from detector.inquire.state import reading

Command = TypeVar("Command", bound=Callable[..., Any])


def outbox_options(command: Command) -> Command:
    """Add what the commands have in common."""
    command = click.option("--sink", metavar="NAME", help="Of this sink only.")(command)
    command = click.option("--id", "alert", metavar="ID", help="This alert only (event.id).")(command)
    command = click.option("--state", type=FOLDER, required=True, metavar="DIR", help="The state directory.")(command)
    return config_option(command)


@contextmanager
def opened(state: Path, sink: str | None) -> Iterator[sqlite3.Connection]:
    """Open the ledger of `state`. Raises: InputError where there is none, or none that knows `sink`; StateError."""
    if not (state / STATE).exists() or not (state / FILE).exists():
        raise InputError(f"{state}: no state directory that alerts were delivered from")
    with reading(state):
        pass  # of this version, and not damaged
    with named(state / FILE), closing(open_ledger(state / FILE, state / STATE)) as ledger:
        known = [name for (name,) in ledger.execute("SELECT name FROM sink ORDER BY name")]
        if sink is not None and sink not in known:
            raise InputError(f"{state}: no sink {sink!r}; known are {', '.join(known) or 'none'}")
        yield ledger
