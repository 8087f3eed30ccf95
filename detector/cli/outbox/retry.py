"""`detector outbox retry`."""

from pathlib import Path
from typing import Final

import click

from detector.cli.options import configured
from detector.cli.outbox.opened import opened, outbox_options
from detector.emit.letters import resend

EPILOG: Final = """\b
Example:
  detector outbox retry --state /var/lib/detector --sink siem"""


@click.command("retry", epilog=EPILOG)
@outbox_options
def retry_outbox(
    state: Path, sink: str | None, alert: str | None, config_file: Path | None, log_level: str | None
) -> None:
    """Send dead letters again: at once where a run goes on, else with the next."""
    configured(config_file, log_level)
    with opened(state, sink) as ledger:
        count = resend(ledger, sink, alert)
    click.echo(f"{count:,} dead letters are sent again")
