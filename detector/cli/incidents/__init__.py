"""`detector incidents`: what a person on duty works through in a terminal."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from detector.cli import Commands
from detector.cli.options import FOLDER, FORM, LEVELS, Moment, anchored, config_option, configured
from detector.cli.screen import echo_json

if TYPE_CHECKING:
    from detector.inquire.incidents import Standing

NAMES: Final = ("acknowledge", "close", "show")
STATUSES: Final = ("open", "acknowledged", "closed")

EPILOG: Final = """\b
Examples:
  detector incidents --state /var/lib/detector
  detector incidents --state /var/lib/detector --status open --level high -o json
  detector incidents show 1938b5f7 --state /var/lib/detector
  detector incidents acknowledge 1938b5f7 --note 'calling the practice' --state /var/lib/detector
  detector incidents close 1938b5f7 benign --note 'on duty in Lille' --state /var/lib/detector"""


@click.group(
    cls=Commands,
    names=NAMES,
    package="detector.cli.incidents",
    suffix="_incident",
    invoke_without_command=True,
    epilog=EPILOG,
)
@click.option("--state", type=FOLDER, metavar="DIR", help="The state directory; a detector may run on it.")
@click.option("--account", metavar="NAME", help="Of this account only.")
@click.option("--level", type=click.Choice(LEVELS), default=LEVELS[0], help="Of this level or worse.")
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Only these; may be repeated.")
@click.option("--since", type=Moment(), help="With an alert from then on (event time).")
@FORM
@config_option
@click.pass_context
def incidents(
    ctx: click.Context,
    state: Path | None,
    account: str | None,
    level: str,
    status: tuple[str, ...],
    since: datetime | None,
    form: str,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """List incidents, those that want somebody first; show, acknowledge or close one. Also beside a run."""
    if ctx.invoked_subcommand is not None:
        return
    if state is None:
        raise click.UsageError("Missing option '--state'.")
    from detector.inquire.incidents import incidents as told

    config = configured(config_file, log_level)
    first = anchored(since, config.zone)
    chosen = [
        one
        for one in told(state)
        if account in (None, one.account)
        and LEVELS.index(one.level) >= LEVELS.index(level)
        and (not status or one.status in status)
        and (first is None or one.last >= first)
    ]
    if form == "json":
        echo_json([summary(one) for one in chosen])
    else:
        _print(chosen)


def summary(one: "Standing") -> dict[str, Any]:
    """Return an incident as a line of the list, in plain values."""
    from detector.clock import rfc3339

    verdict = one.verdict
    return {
        "id": one.id,
        "status": one.status,
        "level": one.level,
        "account": one.account,
        "about": one.about,
        "since": rfc3339(one.since),
        "last": rfc3339(one.last),
        "subjects_count": one.subjects_count,
        "verdict": verdict and verdict.action,
        "by": one.words[-1].verdict.who if one.words else None,
        "message": one.message,
    }


def _print(chosen: "list[Standing]") -> None:
    from detector.cli.table import COLOURS, print_table

    rows = []
    for told in map(summary, chosen):
        said = told["verdict"] or "-"
        by = "-" if told["by"] is None else told["by"]
        times = tuple(f"{told[name][:16].replace('T', ' ')}Z" for name in ("since", "last"))
        rows.append((told["message"], told["status"], told["level"], told["about"], told["id"], *times, said, by,
                     f"{told['subjects_count']:,}"))  # fmt: skip
    headers = ("what", "status", "level", "about", "id", "since", "last", "verdict", "by", "persons")
    colours = ["bright_black" if one.status == "closed" else COLOURS.get(one.level) for one in chosen]
    print_table(headers, rows, left=9, colours=colours)
    if not chosen:
        click.echo("no incident")
