"""`detector state info`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from detector.cli.options import FOLDER, FORM, config_option, configured
from detector.cli.screen import echo_json, plain
from detector.cli.table import print_table
from detector.clock import rfc3339

if TYPE_CHECKING:
    from detector.inquire.upkeep.contents import Contents

EPILOG: Final = """\b
Example:
  detector state info --state /var/lib/detector -o json"""


@click.command("info", epilog=EPILOG)
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="Read only; a detector may run on it.")
@FORM
@config_option
def info_state(state: Path, form: str, config_file: Path | None, log_level: str | None) -> None:
    """Show what a state holds: versions, sizes, accounts, how far reading is, incidents and alerts."""
    from detector.checkpoint import noted_key
    from detector.inquire.state import reading
    from detector.inquire.upkeep.contents import contents

    retain_days = configured(config_file, log_level).state.retain_days
    with reading(state) as database:
        told = contents(state, database, noted_key(database))
    if form == "json":
        echo_json(plain(asdict(told) | {"retain_days": retain_days}))
    else:
        _print(told, retain_days)


def _print(told: "Contents", retain_days: int) -> None:
    facts = {
        "version": ", ".join(f"{name.removeprefix('library.')} {value}" for name, value in told.versions.items()),
        "key of the tokens": told.key or "none yet",
        "first day": str(told.first_day or "-"),
        "last event": rfc3339(told.last_event) if told.last_event else "-",
        "accounts": f"{told.accounts:,}",
        "open incidents": f"{told.incidents_open:,}",
        "alerts kept": f"{told.alerts:,}",
        "verdicts": f"{told.verdicts:,}",
        "kept at most": f"{retain_days} days (state.retain_days)",
    }
    facts |= {f"read {one.path}": f"to byte {one.offset:,}" for one in told.reading}
    facts |= {
        f"received at {one.name}": f"raw lines: {one.size_bytes:,} bytes, {one.unread_bytes:,} not read yet"
        for one in told.received
    }
    facts |= {f"sink {one.name}": f"{one.pending:,} waiting, {one.dead_letters:,} refused" for one in told.sinks}
    print_table(("", ""), list(facts.items()), left=2)
    click.echo()
    sizes = [("file", name, "", size) for name, size in told.files.items()]
    sizes += [("table", name, f"{rows:,}", size) for name, (rows, size) in told.tables.items()]
    sizes += [("snapshot", name, f"{parts:,}", size) for name, (parts, size) in told.parts.items()]
    rows = [(what, name, count, f"{size:,}") for what, name, count, size in sizes]
    print_table(("", "name", "rows", "bytes"), rows, left=2)
