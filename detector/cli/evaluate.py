"""`detector evaluate`: hold alerts against the truth of a simulated log."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.cli.options import FILE, FORM, config_option, configured
from detector.cli.screen import echo_json, plain

if TYPE_CHECKING:
    from detector.lab.evaluate import Evaluation

EPILOG = """\b
Example:
  detector evaluate try/labels.jsonl try/alerts.jsonl
  detector evaluate try/labels.jsonl try/alerts.jsonl --thresholds --picture evaluation.svg"""


@click.command(epilog=EPILOG)
@click.argument("labels", type=FILE)
@click.argument("alerts", type=FILE)
@click.option("--seed", default=1, show_default=True, help="Of the bootstrap that gives the intervals.")
@click.option("--thresholds", is_flag=True, help="Beside it what fixed thresholds catch: reads the log once more.")
@click.option("--picture", type=FILE, metavar="FILE.svg", help="Draws the result.")
@FORM
@config_option
def evaluate(
    labels: Path,
    alerts: Path,
    seed: int,
    thresholds: bool,
    picture: Path | None,
    form: str,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """Say what ALERTS caught of the attacks in LABELS, how late, and at how many false alerts.

    LABELS is the labels.jsonl that `detector simulate` wrote, with its other files beside it.
    """
    from detector.cli.table import print_table
    from detector.lab.evaluate import HEADERS, sentence, table
    from detector.lab.evaluate import evaluate as judge
    from detector.lab.unusual import causes
    from detector.lab.unusual import sentence as told

    configured(config_file, log_level)
    result = judge(labels, alerts, seed=seed)
    fixed = _fixed(labels, config_file, seed) if thresholds else {}
    if picture:
        _draw(result, labels, alerts, fixed, picture)
    if form == "json":
        echo_json(_told(result, fixed))
        return
    print_table(HEADERS, table(result))
    click.echo(sentence(result))
    if kinds := causes(labels, result.false):
        click.echo(told(kinds))
    for name, one in fixed.items():
        click.echo(f"{name}: {sentence(one)}")


def _fixed(labels: Path, config_file: Path | None, seed: int) -> "dict[str, Evaluation]":
    from detector.config import load
    from detector.lab.replay import Replay
    from detector.lab.thresholds import compare, watched
    from detector.lab.trial import CONFIGURATION
    from detector.lab.truth import read_truth

    truth, config = read_truth(labels), load(config_file or labels.parent / CONFIGURATION)
    return compare([(truth, watched(Replay([truth.log], config)))], seed=seed)


def _draw(result: "Evaluation", labels: Path, alerts: Path, fixed: "dict[str, Evaluation]", path: Path) -> None:
    from detector.lab import picture
    from detector.lab.curve import curve
    from detector.lab.truth import read_alerts, read_truth

    points = curve([(read_truth(labels), read_alerts(alerts))])
    names = [f"risk {point.risk:.0f} or more" for point in points]
    picture.draw(result, points, fixed, path, names=names)


def _told(result: "Evaluation", fixed: "dict[str, Evaluation]") -> object:
    from dataclasses import asdict

    return plain(asdict(result) | ({"thresholds": {name: asdict(one) for name, one in fixed.items()}} if fixed else {}))
