"""Say what is lost without each family of evidence, without rules and without models."""

from collections.abc import Iterator, Sequence
from typing import Final

from detector.lab.evaluate import Evaluation, Tally
from detector.lab.trial import SHIPPED, Trial, Variant, pooled

HEADERS: Final = ("variant", "caught", "false per 1,000", "exposed", "minutes")
MUCH: Final = 2.0
"""A loss is told when so many times the records are read before the first alert (median), five more at least."""


def table(trials: Sequence[Trial], variants: Sequence[Variant]) -> list[tuple[str, ...]]:
    """Return a row a variant under `HEADERS`, the detector as configured first."""
    names = [SHIPPED, *(one.name for one in variants)]
    return [_row(name, pooled(trials, name)) for name in names]


def losses(trials: Sequence[Trial], variants: Sequence[Variant]) -> list[str]:
    """Say of each variant which shapes it catches less of, or reads much more of before it does."""
    whole = pooled(trials)
    told = ((one.name, ", ".join(_losses(pooled(trials, one.name).shapes, whole.shapes))) for one in variants)
    return [f"{name}: {what or 'nothing'}" for name, what in told]


def _row(name: str, result: Evaluation) -> tuple[str, ...]:
    overall = result.overall
    return (
        name,
        f"{overall.recall.value:.1%}",
        f"{result.false_per_1000.value:.2f}",
        f"{overall.exposed_share.value:.1%}",
        "never" if overall.minutes_median is None else f"{overall.minutes_median:.0f}",
    )


def _losses(shapes: Sequence[Tally], whole: Sequence[Tally]) -> Iterator[str]:
    for one, before in zip(shapes, whole, strict=True):
        lost = round((before.recall.value - one.recall.value) * before.attacks)
        if lost > 0:
            yield f"{one.shape} -{lost} of {one.attacks}"
        elif one.exposed_median >= max(MUCH * before.exposed_median, before.exposed_median + 5):
            yield f"{one.shape} {before.exposed_median:.0f} to {one.exposed_median:.0f} records"
