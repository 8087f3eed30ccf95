"""`detector state migrate`."""

from pathlib import Path
from typing import Final

import click

from detector.cli.options import FOLDER
from detector.errors import StateError

EPILOG: Final = """\b
Example:
  detector state migrate --state /var/lib/detector --forget-memory"""


@click.command("migrate", epilog=EPILOG)
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="No detector may run on it.")
@click.option("--forget-memory", is_flag=True, help="Begin anew what cannot be taken over: habits and incidents.")
@click.option("--backup", type=FOLDER, metavar="DIR", help="Where the copy goes; default: beside DIR.")
def migrate_state(state: Path, forget_memory: bool, backup: Path | None) -> None:
    """Bring a state of an older version to this one. A copy is made first.

    Version 3 is taken over whole. What was learned before it, in other models than today's, cannot be; with
    --forget-memory that begins anew, and the rest stays: where reading goes on, alerts and who waits for them,
    verdicts, the key. Then teach it again: `detector batch --learn` over the last weeks, into a state of its own, is
    the better way where the logs are still there.
    """
    from detector.checkpoint.migrate import look, migrate

    older = look(state)
    if older is None:
        click.echo(f"{state}: of this version already; nothing to do")
        return
    if not (forget_memory or older.whole):
        raise StateError(
            f"{state}: of version {older.version}, with models of another kind. Kept: positions in {older.logs:,}"
            f" logs, {older.alerts:,} alerts, verdicts, key; lost: what was learned of {older.accounts:,} accounts, and"
            f" {older.incidents:,} open incidents. To go on so: --forget-memory"
        )
    to = backup or state.resolve().with_name(f"{state.resolve().name}.version-{older.version}")
    migrate(state, to)
    click.echo(f"{state}: migrated from version {older.version}; as it was: {to}")
    if older.whole:
        return
    click.echo(f"begun anew: what was learned of {older.accounts:,} accounts")
    if older.incidents:
        click.echo(f"open incidents that no alert will close: {older.incidents:,}")
