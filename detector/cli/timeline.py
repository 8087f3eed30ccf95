"""`detector timeline`: what one account did, in order."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli.options import FOLDER, FORM, Moment, anchored_span, config_option, configured, with_samples
from detector.cli.screen import paged

if TYPE_CHECKING:
    from detector.collect.enrich import Enricher
    from detector.config import Config

EPILOG = """\b
Examples:
  detector timeline ph600005 --state /var/lib/detector --since 2026-03-13
  detector timeline ph600005 --state /var/lib/detector --since 2026-03-13 --until 2026-03-14 /var/log/nginx/"""


@click.command(epilog=EPILOG)
@click.argument("account")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="Read only; a detector may run on it.")
@click.option("--since", type=Moment(), help="From then on (event time).")
@click.option("--until", type=Moment(), help="Up to then (event time).")
@FORM
@config_option
def timeline(
    account: str,
    paths: tuple[str, ...],
    state: Path,
    since: datetime | None,
    until: datetime | None,
    form: str,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """Show the activity of ACCOUNT by the hour, as the state remembers it; its archives, request by request.

    The state remembers 35 days. With PATHs (files, folders, globs) every request in them is told, identifiers
    replaced by tokens.
    """
    config = configured(config_file, log_level)
    span = anchored_span(since, until, config.zone)
    if paths:
        _tell_requests(account, with_samples(paths), state, config, span, form)
    else:
        _tell_hours(account, state, config, span, form)


Span = tuple[datetime | None, datetime | None]


def _tell_hours(account: str, state: Path, config: "Config", span: Span, form: str) -> None:
    from dataclasses import asdict

    from detector.cli import printable
    from detector.inquire.explain.as_text import activity_lines
    from detector.inquire.memory import Memory, as_json
    from detector.inquire.state import reading
    from detector.inquire.timeline import timeline as told
    from detector.language import Words

    with reading(state) as database:
        hours = told(Memory.of_state(state, database, config), account, *span)
    if form == "json":
        click.echo(as_json([asdict(one) | {"odd": one.odd} for one in hours]))
    elif hours:
        words = Words.of(config.language)
        paged(printable("\n".join(activity_lines(hours, words, daily=False))))
    else:
        click.echo(f"{printable(account)}: no activity is remembered of that time", err=True)


def _tell_requests(account: str, paths: list[str], state: Path, config: "Config", span: Span, form: str) -> None:
    from detector.cli.events import as_lines
    from detector.cli.table import print_table
    from detector.emit.summary import tell_reading
    from detector.inquire.timeline import REQUEST, requests
    from detector.telemetry import Telemetry

    telemetry, heads = Telemetry(), [[name.rpartition(".")[2] for name in REQUEST]]
    enricher = _enricher(state, config)
    for found in requests(paths, config, enricher, account, since=span[0], until=span[1], telemetry=telemetry):
        if form == "json":
            sys.stdout.buffer.write(as_lines(found))
        elif not found.is_empty():
            local = found.with_columns(found["@timestamp"].dt.convert_time_zone(config.calendar.timezone))
            rows = heads + [["" if cell is None else str(cell) for cell in row] for row in local.iter_rows()]
            print_table(rows[0], rows[1:], left=len(REQUEST))
            heads = []
    sys.stdout.buffer.flush()
    tell_reading(telemetry)


def _enricher(state: Path, config: "Config") -> "Enricher":
    """Return what reads archives under the key that the state's tokens are of."""
    from detector.checkpoint import KEY_FILE, noted_key
    from detector.collect.enrich import Enricher
    from detector.collect.enrich.secret import configured_secret, read_secret
    from detector.inquire.state import reading

    with reading(state) as database:
        key_id = noted_key(database)
    key = configured_secret(config.portal.key)
    if key is None and (state / KEY_FILE).exists():
        key = read_secret(state / KEY_FILE, "state")
    return Enricher(config, key and key.under(key_id))
