"""Hold recall against false alerts over the thresholds of the risk score: what fewer alerts would have caught."""

from collections.abc import Sequence
from dataclasses import dataclass

from detector.lab.evaluate import Evaluation, Judged, judge
from detector.lab.truth import Alert, Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of the curve: what alerts of at least this risk score catch, and what they cost."""

    risk: float
    recall: float
    false_per_1000: float
    exposed_share: float


def curve(pairs: Sequence[tuple[Truth, Sequence[Alert]]]) -> list[Point]:
    """Return a point for each risk score that occurs, the highest first; logs are pooled."""
    risks = sorted({alert.risk for _, alerts in pairs for alert in alerts}, reverse=True)
    return [
        _point(risk, [judge(truth, [one for one in alerts if one.risk >= risk]) for truth, alerts in pairs])
        for risk in risks
    ]


def _point(risk: float, judged: Sequence[Judged]) -> Point:
    outcomes = [outcome for one in judged for outcome in one.outcomes]
    days = sum(sum(one.active.values()) for one in judged)
    records = sum(one.records for one in outcomes)
    return Point(
        risk=risk,
        recall=sum(one.caught for one in outcomes) / len(outcomes) if outcomes else float("nan"),
        false_per_1000=1000 * sum(len(one.false) for one in judged) / days if days else float("nan"),
        exposed_share=sum(one.exposed for one in outcomes) / records if records else float("nan"),
    )


def point_of(result: Evaluation) -> Point:
    """Return an evaluation as a single point, such as one of a fixed threshold."""
    return Point(
        risk=0.0,
        recall=result.overall.recall.value,
        false_per_1000=result.false_per_1000.value,
        exposed_share=result.overall.exposed_share.value,
    )
