"""Say what is lost without each family of evidence, without rules and without models."""

from collections.abc import Iterator, Sequence
from typing import Final

from detector.lab.evaluate import Evaluation, Tally
from detector.lab.trial import SHIPPED, Trial, Variant, pooled

HEADERS: Final = ("variant", "caught", "false per 1,000", "exposed", "minutes", "caught less, or read much more of")
MUCH: Final = 2.0
"""A shape is named when so many times the records are read before the first alert (median), five more at least."""


def table(trials: Sequence[Trial], variants: Sequence[Variant]) -> list[tuple[str, ...]]:
    """Return a row a variant under `HEADERS`, the detector as configured first."""
    whole = pooled(trials)
    return [_row(SHIPPED, whole, whole), *(_row(one.name, pooled(trials, one.name), whole) for one in variants)]


def _row(name: str, result: Evaluation, whole: Evaluation) -> tuple[str, ...]:
    overall = result.overall
    return (
        name,
        f"{overall.recall.value:.1%}",
        f"{result.false_per_1000.value:.2f}",
        f"{overall.exposed_share.value:.1%}",
        "never" if overall.minutes_median is None else f"{overall.minutes_median:.0f}",
        ", ".join(_losses(result.shapes, whole.shapes)) or "-",
    )


def _losses(shapes: Sequence[Tally], whole: Sequence[Tally]) -> Iterator[str]:
    for one, before in zip(shapes, whole, strict=True):
        lost = round((before.recall.value - one.recall.value) * before.attacks)
        if lost > 0:
            yield f"{one.shape} -{lost} of {one.attacks}"
        elif one.exposed_median >= max(MUCH * before.exposed_median, before.exposed_median + 5):
            yield f"{one.shape} {before.exposed_median:.0f} to {one.exposed_median:.0f} records"
