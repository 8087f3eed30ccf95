"""Run the simulator by itself: `python -m detector.lab.simulate OUT_DIR --seed 1 --attack all`."""

from datetime import datetime
from pathlib import Path

import click

from detector.clock import monotonic_s
from detector.lab.simulate import FORMATS, simulate


@click.command()
@click.argument("out_dir", type=click.Path(path_type=Path))
@click.option("--seed", default=1)
@click.option("--accounts", default=300)
@click.option("--days", default=28)
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default="2026-03-02")
@click.option("--attack", "attacks", multiple=True, default=("viamedis",), help="SHAPE[:NETWORK[:HOURS]], all or none")
@click.option("--size", default=1.0)
@click.option("--event", "events", multiple=True, default=("outage", "strike", "reset", "vendor_move"))
@click.option("--log-format", type=click.Choice(FORMATS), default=FORMATS[0])
@click.option("--compress", is_flag=True)
def main(out_dir: Path, start: datetime, **options: object) -> None:
    """Write a labelled portal log into OUT_DIR."""
    began = monotonic_s()
    made = simulate(out_dir, start=start.date(), **options)  # type: ignore[arg-type]
    click.echo(f"{made.log}: {made.lines} lines, {made.active_account_days} active account-days, "
               f"{len(made.attacks)} attacks, {monotonic_s() - began:.1f} s")  # fmt: skip


main()
