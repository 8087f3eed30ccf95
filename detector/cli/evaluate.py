"""`detector evaluate`: hold alerts against the truth of a simulated log."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli.options import FILE, config_option, configured

if TYPE_CHECKING:
    from detector.lab.evaluate import Evaluation

EPILOG = """\b
Example:
  detector evaluate try/labels.jsonl try/alerts.jsonl"""


@click.command(epilog=EPILOG)
@click.argument("labels", type=FILE)
@click.argument("alerts", type=FILE)
@click.option("--seed", default=1, show_default=True, help="Of the bootstrap that gives the intervals.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@config_option
def evaluate(
    labels: Path, alerts: Path, seed: int, as_json: bool, config_file: Path | None, log_level: str | None
) -> None:
    """Say what ALERTS caught of the attacks in LABELS, how late, and at how many false alerts.

    LABELS is the labels.jsonl that `detector simulate` wrote, with its other files beside it.
    """
    from detector.cli.table import print_table
    from detector.lab.evaluate import HEADERS, sentence, table
    from detector.lab.evaluate import evaluate as judge

    configured(config_file, log_level)
    result = judge(labels, alerts, seed=seed)
    if as_json:
        click.echo(_json(result))
        return
    print_table(HEADERS, table(result))
    click.echo(sentence(result))


def _json(result: "Evaluation") -> str:
    from dataclasses import asdict
    from math import isfinite

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {name: plain(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        return None if isinstance(value, float) and not isfinite(value) else value

    return json.dumps(plain(asdict(result)), indent=2, allow_nan=False)
