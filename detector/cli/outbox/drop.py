"""`detector outbox drop`."""

from pathlib import Path
from typing import Final

import click

from detector.cli.options import configured
from detector.cli.outbox.opened import opened, outbox_options
from detector.emit.letters import dead_letters, drop_letters, drop_pending

EPILOG: Final = """\b
Examples:
  detector outbox drop --state /var/lib/detector --id 2cf9af7e4adf6087f1e76fb67e96eca1
  detector outbox drop --state /var/lib/detector --sink old-siem --pending"""


@click.command("drop", epilog=EPILOG)
@outbox_options
@click.option("--pending", is_flag=True, help="Also what still waits for --sink.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop_outbox(
    state: Path,
    sink: str | None,
    alert: str | None,
    pending: bool,
    yes: bool,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """Forget dead letters: the sink will never get them. It asks first."""
    if pending and (sink is None or alert is not None):
        raise click.UsageError("--pending needs --sink, and no --id")
    configured(config_file, log_level)
    with opened(state, sink) as ledger:
        what = f"{len(dead_letters(ledger, sink, alert)):,} dead letters of {sink or 'all sinks'}"
        if not yes:
            click.confirm(f"Drop {what}{' and all that waits for it' if pending else ''}?", abort=True)
        count = drop_letters(ledger, sink, alert)
        passed = drop_pending(ledger, sink) if pending and sink else 0
    click.echo(f"dropped: {count:,} dead letters" + (f", {passed:,} waiting alerts" if pending else ""))
