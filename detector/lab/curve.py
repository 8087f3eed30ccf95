"""Draw recall against false alerts over the thresholds of the risk score: what the alert budget buys."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from detector.lab.evaluate import Judged, judge
from detector.lab.truth import Alert, Truth

WIDTH: Final = 640
HEIGHT: Final = 400
MARGIN: Final = 60


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


def picture(points: Sequence[Point], path: Path, *, others: dict[str, Point] | None = None) -> None:
    """Write the curve as an SVG file; `others` are single points beside it, such as fixed thresholds."""
    named = others or {}
    most = max([1.0, *(point.false_per_1000 for point in (*points, *named.values()))])

    def at(point: Point) -> tuple[float, float]:
        across = MARGIN + (WIDTH - 2 * MARGIN) * point.false_per_1000 / most
        return across, HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * point.recall

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, points))
    marks = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#b00"/><text x="{x - 6:.1f}" y="{y - 8:.1f}" '
        f'text-anchor="end">{escape(name)}</text>'
        for name, point in named.items()
        for x, y in [at(point)]
    )
    path.write_text(_frame(most) + f'<polyline points="{line}" fill="none" stroke="#036"/>{marks}</svg>\n', "utf-8")


def _frame(most: float) -> str:
    """Return the head of the picture: axes, their ends and names."""
    left, right, low, high = MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN, MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<path d="M{left},{high}V{low}H{right}" fill="none" stroke="#444"/>'
        f'<text x="{left - 8}" y="{high + 4}" text-anchor="end">100 %</text>'
        f'<text x="{left - 8}" y="{low}" text-anchor="end">0 %</text>'
        f'<text x="{right}" y="{low + 18}" text-anchor="end">{most:.1f}</text>'
        f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 16}" text-anchor="middle">false alerts per 1,000 active account-days'
        f'</text><text x="{left}" y="{high - 16}">attacks caught</text>'
    )
