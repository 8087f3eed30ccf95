"""`detector outbox list`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from detector.cli.options import FORM, configured
from detector.cli.outbox.opened import opened, outbox_options
from detector.cli.screen import echo_json
from detector.cli.table import print_table
from detector.emit.letters import Letter, Standing, dead_letters, standings

MOST_SHOWN: Final = 50

EPILOG: Final = """\b
Example:
  detector outbox list --state /var/lib/detector -o json"""


@click.command("list", epilog=EPILOG)
@outbox_options
@FORM
def list_outbox(
    state: Path, sink: str | None, alert: str | None, form: str, config_file: Path | None, log_level: str | None
) -> None:
    """Show each sink, what it has had, what waits for it, and its dead letters with the reason."""
    configured(config_file, log_level)
    with opened(state, sink) as ledger:
        sinks = [one for one in standings(ledger) if sink in (None, one.name)]
        letters = dead_letters(ledger, sink, alert)
    if form == "json":
        told = {"sinks": [asdict(one) for one in sinks], "dead_letters": [asdict(one) for one in letters]}
        echo_json(told)
        return
    _print_sinks(sinks)
    if letters:
        click.echo()
        _print_letters(letters)


def _print_sinks(sinks: Sequence[Standing]) -> None:
    rows = [
        (
            one.name,
            f"{one.last_fault_at} {one.last_fault}" if one.last_fault else "-",
            *(f"{count:,}" for count in (one.delivered, one.pending, one.dead_letters, one.dropped)),
        )
        for one in sinks
    ]
    print_table(("sink", "last fault", "delivered", "waiting", "dead letters", "dropped"), rows, left=2)


def _print_letters(letters: Sequence[Letter]) -> None:
    rows = [
        (one.message, one.reason, one.sink, one.id, one.at, one.level, str(one.tries)) for one in letters[:MOST_SHOWN]
    ]
    print_table(("dead letter", "refused because", "sink", "id", "at", "level", "tries"), rows, left=6)
    if len(letters) > MOST_SHOWN:
        click.echo(f"and {len(letters) - MOST_SHOWN:,} more: -o json lists all")
