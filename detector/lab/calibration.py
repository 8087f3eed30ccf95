"""Hold the alerts that were raised against the alerts that the budget asked for."""

from collections.abc import Sequence
from typing import Final

from detector.lab.evaluate import Evaluation
from detector.lab.trial import Trial, pooled, with_budget

HEADERS: Final = ("budget", "false alerts raised", "95 %", "alerts", "caught", "exposed")


def results(trials: Sequence[Trial], budgets: Sequence[float]) -> list[Evaluation]:
    """Return what each budget came to."""
    return [pooled(trials, with_budget(budget).name) for budget in budgets]


def table(budgets: Sequence[float], came_to: Sequence[Evaluation]) -> list[tuple[str, ...]]:
    """Return a row a budget under `HEADERS`; alerts per 1,000 active account-days."""
    return [
        (
            f"{budget:g}",
            f"{one.false_per_1000.value:.2f}",
            f"{one.false_per_1000.low:.2f} to {one.false_per_1000.high:.2f}",
            f"{one.alerts:,}",
            f"{one.overall.recall.value:.1%}",
            f"{one.overall.exposed_share.value:.1%}",
        )
        for budget, one in zip(budgets, came_to, strict=True)
    ]
