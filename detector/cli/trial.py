"""`detector trial`: how well the detector does on simulated portals, or on labelled logs of one's own."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detector.cli.options import FILE, FOLDER, FORM, config_option, configured
from detector.cli.screen import echo_json, plain
from detector.cli.table import print_table

if TYPE_CHECKING:
    from detector.lab.trial import Trial, Variant

EPILOG = """\b
Example:
  detector trial --seed 1 --seed 2 --accounts 100 --accounts 400 --thresholds --picture trial.svg
  detector trial try/labels.jsonl --ablate
  detector trial try/labels.jsonl --budget 0.1 --budget 1 --budget 10 --picture calibration.svg
  detector trial --data-set rba rba-dataset.csv"""


@click.command(epilog=EPILOG)
@click.argument("labels", nargs=-1, type=FILE, metavar="[LABELS]...")
@click.option("--data-set", type=click.Choice(["clue", "rba"]),
              help="LABELS are files of this published data set: CLUE-LDS or the RBA log-ins.")  # fmt: skip
@click.option("--seed", "seeds", type=int, multiple=True, default=(1,), show_default=True, help="Of simulated logs.")
@click.option(
    "--accounts",
    "sizes",
    type=click.IntRange(min=10),
    multiple=True,
    default=(100, 400, 1500),
    show_default=True,
    help="Populations: each is simulated with each seed.",
)
@click.option("--days", type=click.IntRange(min=1), default=42, show_default=True)
@click.option("--size", default=0.3, show_default=True, help="Scales what the larger attacks read.")
@click.option("--attack", "attacks", multiple=True, help="As of `simulate`; default: as many of all shapes as fit.")
@click.option("--thresholds", is_flag=True, help="Beside it what fixed thresholds catch on the same logs.")
@click.option("--budget", "budgets", type=click.FloatRange(min=0, min_open=True), multiple=True,
              help="Runs with this alert budget too: alerts asked for against alerts raised.")  # fmt: skip
@click.option("--ablate", is_flag=True, help="Runs without each family of evidence, without rules and without models.")
@click.option("--picture", type=FILE, metavar="FILE.svg", help="Draws the result.")
@click.option("--dir", "folder", type=FOLDER, metavar="DIR", help="Keeps the logs made there.")
@FORM
@config_option
def trial(
    labels: tuple[Path, ...],
    data_set: str | None,
    thresholds: bool,
    budgets: tuple[float, ...],
    ablate: bool,
    picture: Path | None,
    folder: Path | None,
    form: str,
    config_file: Path | None,
    log_level: str | None,
    **options: Any,
) -> None:
    """Simulate labelled portals, run the detector on each and print what it caught, in one go.

    With LABELS (a labels.jsonl with its log and its detector.yml beside it) these logs instead, or the files of a
    published data set. `--config` reads the logs instead of the configuration beside them.
    """
    from detector.lab import evaluate
    from detector.lab import trial as lab

    configured(config_file, log_level)
    asked = sorted(set(budgets))
    variants = [*map(lab.with_budget, asked), *(lab.ablations() if ablate else [])]
    done = []
    for one in _logs(labels, data_set, folder, **options):
        done.append(lab.attempt(one, [lab.as_configured(), *variants], config_file, fixed=thresholds))
        click.echo(f"{done[-1].name}: {evaluate.sentence(lab.pooled(done[-1:]))}", err=True)
    if form == "json":
        echo_json(plain(_told(done)))
    else:
        _print(done, asked, ablated=variants[len(asked) :], fixed=thresholds)
    if picture:
        _draw(done, asked, picture, fixed=thresholds)


def _logs(labels: tuple[Path, ...], data_set: str | None, folder: Path | None, **options: Any) -> Iterable[Path]:
    from detector.lab import trial as lab
    from detector.lab.datasets import converted

    if data_set and not labels:
        raise click.UsageError(f"--data-set {data_set}: required the data set's file as argument")
    if data_set:
        return converted(data_set, labels, folder)
    return labels or lab.simulated(folder, **options)


def _told(done: "Sequence[Trial]") -> object:
    """Return what each variant, budget and threshold made of each log, and of all of them."""
    from dataclasses import asdict

    from detector.lab.trial import pooled

    def results(trials: "Sequence[Trial]") -> dict[str, object]:
        return {name: asdict(pooled(trials, name)) for name in trials[0].judged}

    logs = [{"log": one.name, "accounts": one.accounts, "lines": one.lines, "results": results([one])} for one in done]
    return {"logs": logs, "results": results(done)}


def _print(done: "Sequence[Trial]", asked: Sequence[float], *, ablated: "Sequence[Variant]", fixed: bool) -> None:
    from detector.lab import ablation, calibration, evaluate, unusual
    from detector.lab import trial as lab

    result = lab.pooled(done)
    tables: list[tuple[Sequence[str], Sequence[Sequence[str]]]] = [
        (lab.HEADERS, lab.table(done)),
        (evaluate.HEADERS, evaluate.table(result)),
    ]
    if fixed:
        tables.append((("fixed threshold", *lab.HEADERS[1:]), lab.fixed_table(done)))
    if asked:
        tables.append((calibration.HEADERS, calibration.table(asked, calibration.results(done, asked))))
    for headers, rows in tables:
        print_table(headers, rows)
        click.echo()
    if ablated:
        print_table(ablation.HEADERS, ablation.table(done, ablated))
        click.echo("\nLost (attacks, or records before the first alert):")
        click.echo("\n".join([*ablation.losses(done, ablated), ""]))
    click.echo(evaluate.sentence(result))
    if causes := sum((one.causes for one in done), Counter[str]()):
        click.echo(unusual.sentence(causes))


def _draw(done: "Sequence[Trial]", asked: Sequence[float], path: Path, *, fixed: bool) -> None:
    from detector.lab import calibration, picture, thresholds
    from detector.lab.curve import point_of
    from detector.lab.trial import pooled

    result, came_to = pooled(done), calibration.results(done, asked)
    panel = picture.calibration(asked, [one.false_per_1000 for one in came_to]) if asked else None
    picture.draw(
        result,
        [point_of(one) for one in came_to or [result]],
        {name: pooled(done, name) for name in thresholds.NAMES} if fixed else {},
        path,
        names=[f"budget {budget:g}" for budget in asked] or ["detector"],
        more=[panel] if panel else [],
    )
