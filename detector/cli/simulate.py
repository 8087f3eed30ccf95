"""`detector simulate`: a labelled portal log to try the detector on."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from detector.cli.options import FOLDER, config_option, configured

EPILOG = """\b
Example:
  detector simulate try --seed 7 --attack viamedis
  detector batch try/access.log --config try/detector.yml --alerts try/alerts.jsonl
  detector evaluate try/labels.jsonl try/alerts.jsonl"""


@click.command(epilog=EPILOG)
@click.argument("out_dir", type=FOLDER)
@click.option("--seed", default=1, show_default=True, help="The same seed and options give the same bytes.")
@click.option("--accounts", type=click.IntRange(min=10), default=300, show_default=True)
@click.option("--days", type=click.IntRange(min=1), default=28, show_default=True)
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default="2026-03-02", show_default=True)
@click.option(
    "--attack",
    "attacks",
    multiple=True,
    default=("viamedis",),
    show_default=True,
    help="SHAPE[:NETWORK[:HOURS]], `all`, `contamination`, `stealth` or `none`; may be given several times.",
)
@click.option(
    "--event",
    "events",
    multiple=True,
    metavar="NAME",
    help="What else happens: outage, strike, reset, vendor_move, locum, season, campaign, takeover, or `none`; "
    "may be given several times. Default: all of it.",
)
@click.option("--size", default=1.0, show_default=True, help="Scales what the larger attacks read.")
@click.option("--log-format", default="combined_session", show_default=True, help="combined, json, w3c, ...")
@click.option("--compress", is_flag=True, help="Write the log as .gz.")
@config_option
def simulate(
    out_dir: Path,
    start: datetime,
    events: tuple[str, ...],
    config_file: Path | None,
    log_level: str | None,
    **options: Any,
) -> None:
    """Write a labelled portal log into OUT_DIR: some weeks of ordinary work, and attacks in it."""
    from detector.lab.simulate import EVENTS
    from detector.lab.simulate import simulate as write

    configured(config_file, log_level)
    chosen = tuple(one for one in events if one != "none") if events else EVENTS
    try:
        made = write(out_dir, start=start.date(), events=chosen, **options)
    except OSError as fault:
        raise click.UsageError(f"{out_dir}: cannot be written: {fault.strerror}") from None
    click.echo(
        f"{made.log}: {made.lines:,} lines, {made.accounts} accounts, {made.active_account_days:,} active account-days,"
        f" {len(made.attacks)} attacks; what is where stands in {out_dir / 'README.md'}",
        err=True,
    )
