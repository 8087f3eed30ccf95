"""`detector reveal`: the persons behind tokens, for the letters. It needs the key, a reason, and leaves a trace."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from detector.cli.options import FILE, config_option, configured, with_samples
from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.inquire.reveal.searching import Answer

EPILOG: Final = """\b
Example:
  detector reveal persons.csv --key /etc/portal-detector/subject.key --reason "Case 2026-014, letters (art. 34)" \\
    --from /var/log/nginx/access.log*"""

WHOSE: Final = ("attacker", "both", "undecided", "owner")
"""What a scope's list says of a person; those of the owner's own work are no part of a breach."""

SHOWN: Final = click.Path(path_type=Path, allow_dash=True, dir_okay=False)


@click.command(epilog=EPILOG)
@click.argument("tokens", type=FILE)
@click.argument("more", nargs=-1, metavar="[ARCHIVE]...")
@click.option("--key", "key_file", type=FILE, required=True, metavar="FILE", help="The key; former ones in it count.")
@click.option("--from", "archives", multiple=True, required=True, metavar="ARCHIVE...", help="Logs to look in.")
@click.option("--reason", required=True, metavar="TEXT", help="Why: a case, a request. It is kept in the audit log.")
@click.option(
    "--whose", multiple=True, type=click.Choice(WHOSE), default=WHOSE[:-1], show_default=True, help="Of scope's."
)
@click.option("--output", type=SHOWN, metavar="FILE", help="Default: TOKENS.revealed.csv; - is standard output.")
@click.option("--audit", "log", type=FILE, metavar="FILE", help="The audit log; default: KEY.audit.jsonl.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
@config_option
def reveal(
    tokens: Path,
    more: tuple[str, ...],
    key_file: Path,
    archives: tuple[str, ...],
    reason: str,
    whose: tuple[str, ...],
    output: Path | None,
    log: Path | None,
    no_progress: bool,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """Give back the identifiers behind TOKENS, from the raw ARCHIVES.

    TOKENS is a CSV or Parquet with a column `portal.subject`, as `scope` writes it, or one token a line. Persons whom
    `scope` says only the account's owner saw are left out unless --whose owner asks for them: a breach does not concern
    them. The output is a new file that only you may read: a row a token, with the identifier and how the archives spell
    it first; both are empty where it was not found. Before the first is written, the audit log has who asks, when, why
    and for how many.
    """
    from detector.cli.progress import progress_bar
    from detector.collect.enrich.secret import read_secret
    from detector.emit.summary import tell_reading
    from detector.inquire.reveal.giving import Request, give
    from detector.inquire.reveal.searching import Search
    from detector.telemetry import Telemetry

    config = configured(config_file, log_level)
    key = read_secret(key_file)
    if key.exposed:
        raise DetectorError(key.exposed)
    request = Request(
        tokens=tokens,
        key=key,
        archives=(*archives, *more),
        reason=reason,
        output=None if str(output) == "-" else output or tokens.with_name(f"{tokens.stem}.revealed.csv"),
        log=log or key_file.with_name(f"{key_file.name}.audit.jsonl"),
        whose=whose,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that an end by a service leaves no file either
    telemetry = Telemetry()
    with progress_bar(shown=not no_progress) as show:
        search = Search(with_samples(request.archives), config.input, telemetry, show)
        answer, left_out, last = give(request, config, search, sys.stdout.buffer)
    tell_reading(telemetry)
    tell_answer(answer, str(request.output or "standard output"))
    if left_out:
        click.echo(f"left out: {left_out:,}, which scope calls none of {', '.join(whose)}", err=True)
    click.echo(f"{request.log}: noted; last entry: {last}", err=True)


def tell_answer(answer: "Answer", where: str) -> None:
    """Say on standard error how many tokens were found, and name the first that were not."""
    click.echo(f"{answer.found:,} of {answer.asked:,} found: {where}", err=True)
    if answer.lacking:
        more = ", ..." if answer.asked - answer.found > len(answer.lacking) else ""
        click.echo(f"not found: {', '.join(answer.lacking)}{more}", err=True)
