"""`detector scope`: whose files an account displayed, for the regulator and for the letters."""

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from detector.cli import printable
from detector.cli.files import replacing
from detector.cli.options import FILE, FOLDER, FORM, Moment, anchored_span, config_option, configured, with_samples
from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.collect.enrich.secret import Secret
    from detector.config import Config
    from detector.inquire.scope.asked import Asked
    from detector.inquire.scope.finding import Finding
    from detector.inquire.scope.scoping import Scoping

FORMS: Final = (".csv", ".parquet")

EPILOG: Final = """\b
Examples:
  detector scope --account ph380087 /var/log/nginx/access.log* --output persons.csv
  detector scope --incident 1938b5f7374a07ba184f --state /var/lib/detector archive/ -o json > finding.json
  detector scope --account ph380087 --address 203.0.113.66 --since 2026-03-01 --every-line archive/"""


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--account", "accounts", multiple=True, metavar="NAME", help="As logged; may be repeated.")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="As logged. All of it is the attacker's.")
@click.option("--address", "addresses", multiple=True, metavar="IP", help="All of it is the attacker's.")
@click.option(
    "--incident", metavar="ID", help="The accounts of an incident, by its id or the beginning of it; needs --state."
)
@click.option("--state", type=FOLDER, metavar="DIR", help="Where the incident is, and the key if none is configured.")
@click.option("--since", type=Moment(), help="Count what was displayed from then on; what came before tells of habits.")
@click.option("--until", type=Moment(), help="Count what was displayed before.")
@click.option("--output", type=FILE, metavar="FILE", help="The persons' tokens: .csv or .parquet.")
@click.option("--every-line", is_flag=True, help="Parse all lines: exact rejects, other accounts; some times slower.")
@click.option("--scratch", type=FOLDER, metavar="DIR", help="For what does not fit in memory; default: the system's.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
@FORM
@config_option
def scope(
    paths: tuple[str, ...],
    accounts: tuple[str, ...],
    sessions: tuple[str, ...],
    addresses: tuple[str, ...],
    incident: str | None,
    state: Path | None,
    since: datetime | None,
    until: datetime | None,
    output: Path | None,
    every_line: bool,
    scratch: Path | None,
    no_progress: bool,
    form: str,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """Count exactly whose data was displayed to an account, and tell the attacker's requests from its owner's.

    Searches display nobody. What cannot be told apart is counted as undecided, and what the archives lack is said: then
    the count is a lower bound. Tokens only: `detector reveal` gives the persons back to those who have the key.
    """
    from detector.cli.progress import progress_bar
    from detector.inquire.scope.scoping import Scoping

    if not (accounts or sessions or addresses or incident):
        raise click.UsageError("required: --account, --session, --address or --incident")
    if output is not None and output.suffix not in FORMS:
        raise click.UsageError(f"--output {output}: required a name that ends in {' or '.join(FORMS)}")
    config = configured(config_file, log_level)
    first, last = anchored_span(since, until, config.zone)
    asked = _asked(accounts, sessions, addresses, incident, state)
    asked = replace(asked, since=first, until=last)
    with ExitStack() as stack:
        # opened now: a long run must not end in "cannot be written"
        out = stack.enter_context(replacing(output)) if output else None
        folder = Path(stack.enter_context(_scratch(scratch)))
        with progress_bar(shown=not no_progress) as show:
            scoping = Scoping(
                with_samples(paths), config, asked, folder,
                secret=_kept_key(state), every_line=every_line, on_progress=show,
            )  # fmt: skip
            found = scoping.find()
        if out is not None and output is not None:
            scoping.persons.write(out, output.suffix.removeprefix("."))
    _tell(found, scoping, form, config)


def _asked(
    accounts: tuple[str, ...],
    sessions: tuple[str, ...],
    addresses: tuple[str, ...],
    incident: str | None,
    state: Path | None,
) -> "Asked":
    from detector.inquire.scope.asked import Asked, canonical, of_incident
    from detector.inquire.state import reading

    found = Asked()
    if incident is not None:
        if state is None:
            raise click.UsageError("--incident needs --state DIR: the incident is there")
        with reading(state) as database:
            found = of_incident(database, incident)
    return replace(
        found,
        accounts=frozenset(accounts) | found.accounts,
        sessions=frozenset(sessions),
        addresses=canonical(addresses),
    )


def _scratch(folder: Path | None) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="detector-scope-", dir=folder)
    except OSError as fault:
        raise DetectorError(f"--scratch {folder}: cannot be written: {fault.strerror}") from None


def _kept_key(state: Path | None) -> "Secret | None":
    """Return the key kept beside a state; it stands in where none is configured."""
    from detector.checkpoint import KEY_FILE
    from detector.collect.enrich.secret import read_secret

    path = state / KEY_FILE if state else None
    return read_secret(path, "state") if path is not None and path.exists() else None


def _tell(found: "Finding", scoping: "Scoping", form: str, config: "Config") -> None:
    from detector.cli.table import print_table
    from detector.emit.summary import tell_reading
    from detector.inquire.scope import as_text
    from detector.inquire.scope.finding import to_json

    if form == "json":
        click.echo(to_json(found), nl=False)
    else:
        for line in as_text.sentences(found, config.zone):
            click.echo(printable(line))
        if found.sources:
            click.echo()
            print_table(as_text.HEADERS, as_text.rows(found, config.zone), left=as_text.LEFT)
            for line in as_text.reasons(found):
                click.echo(printable(line))
    tell_reading(scoping.telemetry)
    lines = sum(one.lines for one in found.archives)
    twice = ", read twice: sessions of one log had to be looked for in another" if scoping.passes > 1 else ""
    click.echo(f"{lines:,} lines in {len(found.archives):,} archive{'s' * (len(found.archives) != 1)}{twice}", err=True)
    if found.key_id is None:
        click.echo(
            "WARNING: No key is configured: the tokens of this run cannot be compared with another's, nor be revealed."
            " Set portal.key.file, or give --state.",
            err=True,
        )
