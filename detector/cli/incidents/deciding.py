"""Keep a person's word on an incident: what `feedback`, `acknowledge` and `close` have in common."""

import getpass
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from detector.cli.options import FOLDER, FORM, config_option, configured
from detector.cli.screen import echo_json

if TYPE_CHECKING:
    from detector.inquire.incidents import Standing

Command = TypeVar("Command", bound=Callable[..., Any])

SAID: Final = {
    "acknowledge": "is acknowledged",
    "benign": "was benign: it closes, and the account learns from it",
    "confirmed": "is confirmed as an abuse: nothing of it is ever learned",
}


def word_options(command: Command) -> Command:
    """Add what the commands have in common."""
    for option in (
        FORM,
        click.option("--who", metavar="NAME", help="Who says so; default: the login name."),
        click.option("--note", required=True, help="Why; kept beside the state, in no alert. Name no insured person."),
        click.option("--state", type=FOLDER, required=True, metavar="DIR", help="A detector may run on it."),
    ):
        command = option(command)
    return config_option(command)


def decided(
    incident: str, action: Any, note: str, state: Path, who: str | None, form: str, config_file: Path | None,
    log_level: str | None,
) -> None:  # fmt: skip
    """Keep the word, and say what it will do and what it overrules. Raises: DetectorError for an unknown id."""
    from detector import clock
    from detector.cli import printable
    from detector.emit.verdicts import record
    from detector.inquire.incidents import incidents, named

    configured(config_file, log_level)
    if not note.strip():
        raise click.UsageError("--note is empty; required why: others will ask")
    about = named(incidents(state), incident)
    kept = record(state, at=clock.now(), who=who or _login(), incident=about.id, action=action, note=note)
    remarks = _remarks(about, action) if action != "acknowledge" else []
    if form == "json":
        echo_json(asdict(kept) | {"about": about.about, "remarks": remarks})
        return
    for line in (f"incident {about.id} of {about.about} {SAID[action]} ({kept.who}, {kept.at})", *remarks):
        click.echo(printable(line))


def _remarks(about: "Standing", action: str) -> list[str]:
    """Say what the word overrules, and what it may come too late for."""
    lines = []
    before = about.verdict
    if before is not None and before.action != action:
        lines.append(
            f"it overrules: {before.action}, {before.who}, {before.at}; what came of that is undone as far as it can be"
        )
    if about.status == "closed":
        late = "what is still held back of it is learned" if action == "benign" else "it is not opened again"
        lines.append(f"it was closed before: {late}")
    return [*lines, f"what came of it: detector incidents show {about.id[:8]}"]


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry in the password file, as in some containers
        raise click.UsageError("--who is required: this account has no login name") from None
