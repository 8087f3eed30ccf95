"""Run the detector on labelled logs, in one or several variants of its configuration, and pool what came of it.

Each variant begins with an empty memory on each log, as `detector batch` without `--state` does.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, get_args

from detector.config import Config, ToFile, load
from detector.config.models import Family
from detector.emit.sinks import open_sink
from detector.lab import thresholds
from detector.lab.evaluate import Evaluation, Judged, judge, summarize
from detector.lab.replay import Replay
from detector.lab.simulate import SHAPES, simulate
from detector.lab.truth import Truth, read_alerts, read_truth
from detector.lab.unusual import causes
from detector.pipeline import Pipeline
from detector.pipeline.archives import batch

CONFIGURATION: Final = "detector.yml"
"""What reads a log lies beside its labels under this name."""

SHIPPED: Final = "as configured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A way to change the configuration, by name."""

    name: str
    change: Callable[[Config], Config]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What every variant, and every fixed threshold where asked for, made of one log.

    `causes`: the false alerts of the detector as configured, by what was unusual about the account.
    """

    name: str
    accounts: int
    lines: int
    judged: dict[str, Judged]
    causes: Counter[str]


def as_configured() -> Variant:
    """Change nothing."""
    return Variant(name=SHIPPED, change=lambda config: config)


def with_budget(budget: float) -> Variant:
    """Ask for so many alerts per 1,000 active account-days."""
    return Variant(
        name=f"budget {budget:g}", change=lambda config: _models(config, budget_per_1000_account_days=budget)
    )


def ablations() -> list[Variant]:
    """Switch each family of evidence off, then all rules, then all models."""
    return [
        *(_without(family) for family in get_args(Family)),
        Variant(name="models alone", change=_models_alone),
        Variant(name="rules alone", change=lambda config: _models(config, enabled=False)),
    ]


def _without(family: str) -> Variant:
    return Variant(
        name=f"without {family}",
        change=lambda config: _models(config, families_off=(*config.models.families_off, family)),
    )


def _models(config: Config, **changed: object) -> Config:
    return config.model_copy(update={"models": config.models.model_copy(update=changed)})


def _models_alone(config: Config) -> Config:
    none = config.rules.model_copy(update={"shipped": False, "folders": (), "disabled": (), "thresholds": {}})
    return config.model_copy(update={"rules": none})


def fitting(accounts: int) -> list[str]:
    """Name the attacks that fit among so many accounts: every shape once to three times, no account attacked twice.

    But `one_in_twenty` once: a portal of which a third is abused has no ordinary days left.
    """
    again = 0 if accounts < 300 else 1 if accounts < 1000 else 2
    return [*SHAPES, *[shape for shape in SHAPES if shape != "one_in_twenty"] * again]


def simulated(
    folder: Path | None, seeds: Sequence[int], sizes: Sequence[int], *, days: int, size: float, attacks: Sequence[str]
) -> Iterator[Path]:
    """Simulate a log of each population and seed, and yield its labels; without `attacks` as many of each as fit.

    Without `folder` a log is gone when the next is asked for: several populations are many gigabytes.
    """
    for accounts, seed in product(sizes, seeds):
        with TemporaryDirectory() if folder is None else nullcontext(folder) as home:
            made = Path(home) / f"{accounts}-{seed}"
            simulate(made, seed=seed, accounts=accounts, days=days, attacks=attacks or fitting(accounts), size=size)
            yield made / "labels.jsonl"


def attempt(
    labels: Path, variants: Sequence[Variant], config_file: Path | None = None, *, fixed: bool = False
) -> Trial:
    """Run each variant, the detector as configured among them, on the log that `labels` names.

    `config_file`: reads the log instead of the configuration beside it. `fixed`: hold fixed thresholds beside it.
    Raises: DetectorError for labels, a log or a configuration that cannot be used.
    """
    truth, config = read_truth(labels), load(config_file or labels.parent / CONFIGURATION)
    judged = {one.name: _judged(truth, one.change(config)) for one in variants}
    if fixed:
        raised = thresholds.alerts(thresholds.watched(Replay([truth.log], config)))
        judged |= {name: judge(truth, alerts) for name, alerts in raised.items()}
    name = labels.resolve().parent.name
    return Trial(
        name=name,
        accounts=truth.population,
        lines=truth.lines,
        judged=judged,
        causes=causes(labels, judged[SHIPPED].false),
    )


def _judged(truth: Truth, config: Config) -> Judged:
    with TemporaryDirectory() as folder:
        alerts = Path(folder) / "alerts.jsonl"
        alerts.touch()  # nothing raised is an empty file
        batch(Pipeline(config, sinks=[open_sink(ToFile(path=alerts))]), [truth.log])
        return judge(truth, read_alerts(alerts))


def pooled(trials: Sequence[Trial], variant: str = SHIPPED) -> Evaluation:
    """Pool what one variant made of several logs."""
    return summarize([trial.judged[variant] for trial in trials])


HEADERS: Final = ("log", "accounts", "lines", "caught", "false per 1,000 account-days", "exposed", "by account")


def table(trials: Sequence[Trial], variant: str = SHIPPED) -> list[tuple[str, ...]]:
    """Return a row a log under `HEADERS`, one a population that several logs have, and one of them all.

    Exposed: share of the records shown before the first alert.
    """
    rows = [_row(trial.name, [trial], variant) for trial in trials]
    sizes = {size: [one for one in trials if one.accounts == size] for size in sorted({one.accounts for one in trials})}
    several = {size: group for size, group in sizes.items() if 1 < len(group) < len(trials)}
    rows += [_row(f"{size:,} accounts", group, variant) for size, group in several.items()]
    return [*rows, _row("all", trials, variant)] if len(trials) > 1 else rows


def fixed_table(trials: Sequence[Trial]) -> list[tuple[str, ...]]:
    """Return a row a fixed threshold, and one of all thresholds together, in the form of `table`."""
    return [_row(name, trials, name) for name in thresholds.NAMES]


def _row(name: str, trials: Sequence[Trial], variant: str) -> tuple[str, ...]:
    result = pooled(trials, variant)
    overall, false = result.overall, result.false_per_1000
    return (
        name,
        f"{sum(trial.accounts for trial in trials):,}",
        f"{sum(trial.lines for trial in trials):,}",
        f"{sum(one.caught for one in result.outcomes)} of {overall.attacks}",
        f"{false.value:.2f} ({false.low:.2f} to {false.high:.2f})",
        f"{overall.exposed_share.value:.1%}",
        f"{overall.exposed_by_account_share:.1%}",
    )
