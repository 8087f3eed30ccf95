"""`detector notify`: a draft for the regulator or the controller, with the figures of a scope."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from detector.cli.options import FILE, FORM, Moment, anchored, config_option, configured
from detector.cli.screen import echo_json, paged, plain
from detector.errors import InputError

EPILOG: Final = """\b
Example:
  detector notify finding.json --for regulator --language fr --noticed 2026-03-16T09:30:00+01:00 --output cnil.md"""


@click.command(epilog=EPILOG)
@click.argument("finding", type=FILE, metavar="FINDING.json")
@click.option(
    "--for", "addressee", type=click.Choice(["regulator", "controller"]), required=True, help="Whom it is to."
)
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
@click.option("--noticed", type=Moment(), help="When one became aware of the breach: the 72 hours run from then.")
@click.option("--follows", metavar="NUMBER", help="A complementary notification; the number of the one before.")
@click.option("--output", type=FILE, metavar="FILE.md", help="Where to; default: standard output.")
@FORM
@config_option
def notify(
    finding: Path, noticed: datetime | None, output: Path | None, form: str, config_file: Path | None,
    log_level: str | None, **asked: Any,
) -> None:  # fmt: skip
    """Draft the notification of a breach in Markdown, from what `detector scope` found.

    For the regulator: the fields of the CNIL's form (GDPR, article 33(3)). For the controller: what its processor owes
    it (article 33(2)). What the logs do not say is marked as open; nobody's identifier is in it.
    """
    from detector import clock
    from detector.cli.files import written
    from detector.inquire.notify.draft import Letter, drafted
    from detector.inquire.scope.finding import from_json

    config = configured(config_file, log_level)
    try:
        found = from_json(finding.read_text("utf-8"), where=str(finding))
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{finding}: cannot be read: {fault}") from None
    letter = Letter(zone=config.zone, made=clock.now(), noticed=anchored(noticed, config.zone), **asked)
    text = drafted(found, letter)
    if output is not None:
        with written(output) as file:
            file.write(text.encode())
    if form == "json":
        echo_json(plain(asked | {"made": letter.made, "deadline": letter.deadline, "markdown": text}))
    elif output is None:
        paged(text)
    if letter.deadline:
        click.echo(_told(letter.deadline.astimezone(config.zone), letter.deadline - letter.made), err=True)


def _told(deadline: datetime, left: timedelta) -> str:
    hours = abs(left) // timedelta(hours=1)
    when = f"{hours} h are left" if left > timedelta() else f"passed {hours} h ago: say why it is late"
    return f"72 hours end at {deadline.isoformat(timespec='minutes')}: {when}"
