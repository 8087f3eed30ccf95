"""`detector export`: hand on what the state knows, to those who act on it."""

from pathlib import Path

import click

from detector.cli.options import FILE, FOLDER, LEVELS, config_option, configured

FORMS = ("text", "json", "nginx", "nginx-map", "crowdsec", "stix")

EPILOG = """\b
Examples:
  detector export blocklist --state /var/lib/detector
  detector export blocklist --state /var/lib/detector --format crowdsec --output decisions.json"""


@click.group(epilog="\b\nExample:\n  detector export blocklist --state /var/lib/detector")
def export() -> None:
    """Hand on what the state knows."""


@export.command("blocklist", epilog=EPILOG)
@click.option("--state", type=FOLDER, required=True, metavar="DIR", help="Read only; a detector may run on it.")
@click.option("-o", "--format", "--form", "form", type=click.Choice(FORMS), default="text", show_default=True)
@click.option("--min-level", type=click.Choice(LEVELS), default="high", show_default=True, help="Of the incident.")
@click.option("--addresses", is_flag=True, help="Addresses only.")
@click.option("--accounts", is_flag=True, help="Accounts only.")
@click.option("--hours", type=click.FloatRange(min=0.1), default=24.0, show_default=True, help="How long it is good.")
@click.option("--output", type=FILE, metavar="FILE", help="Where to; default: standard output.")
@config_option
def blocklist(
    state: Path,
    form: str,
    min_level: str,
    addresses: bool,
    accounts: bool,
    hours: float,
    output: Path | None,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """List addresses and accounts of open incidents, for people who want to act. Nothing is blocked by itself.

    An address is listed only if it is public, no proxy of yours, and, as far as the state remembers, no place of
    anybody without an incident: what is left out is counted on standard error with its reason.
    """
    from dataclasses import replace

    from detector import clock
    from detector.cli.files import written
    from detector.inquire.blocklist import FORMS as WRITERS
    from detector.inquire.blocklist import compiled
    from detector.inquire.state import reading

    if form == "nginx" and accounts and not addresses:
        raise click.UsageError("--format nginx has no way to deny an account; use nginx-map")
    config = configured(config_file, log_level)
    with reading(state) as database:
        found = compiled(database, config, least=min_level, made=clock.now(), hours=hours)
    if addresses != accounts:
        found = replace(found, accounts=()) if addresses else replace(found, addresses=())
    text = WRITERS[form](found)
    if output is None:
        click.echo(text, nl=False)
    else:
        with written(output) as file:
            file.write(text.encode())
    for remark in found.remarks():
        click.echo(remark, err=True)
