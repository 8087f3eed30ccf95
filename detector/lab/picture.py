"""Draw what an evaluation says as one SVG file that needs nothing else: panels one below the other."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from detector.lab.curve import Point, point_of
from detector.lab.evaluate import Evaluation, Interval, Tally

WIDTH: Final = 900
LEFT: Final = 170
RIGHT: Final = 40
HEIGHT: Final = 340
ROW: Final = 22
LINE: Final = "#0b4f8a"
MARK: Final = "#b3261e"
AIM: Final = (0.95, 1.0)
"""Least share of attacks caught, most false alerts per 1,000 account-days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A part of the picture: what is drawn, in its own coordinates from 0 at the top, and how high it is."""

    title: str
    body: str
    height: int


@dataclass(frozen=True, slots=True)
class Log:
    """A logarithmic axis; what lies outside is drawn at its end."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where a value stands."""
        share = math.log(min(max(value, self.low), self.high) / self.low) / math.log(self.high / self.low)
        return self.start + (self.end - self.start) * share

    def ticks(self) -> Iterator[float]:
        """Give each power of ten."""
        for power in range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1):
            yield 10.0**power


def write(panels: Sequence[Panel], path: Path) -> None:
    """Write the panels below each other into one file."""
    height, parts = 10, []
    for panel in panels:
        parts.append(f'<g transform="translate(0,{height})">{_text(20, 20, panel.title, size=15, weight="bold")}')
        parts.append(f'<g transform="translate(0,34)">{panel.body}</g></g>')
        height += panel.height + 60
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="12"><rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        + "".join(parts)
        + "</svg>\n",
        "utf-8",
    )


def recall_against_false(points: Sequence[Point], others: dict[str, Point], *, names: Sequence[str] = ()) -> Panel:
    """Draw recall over false alerts: the curve with `names` at its points, and single points beside it."""
    false = [point.false_per_1000 for point in (*points, *others.values()) if point.false_per_1000 > 0]
    axis = Log(min([0.1, *false]) * 0.7, max([10.0, *false]) * 1.4, LEFT, WIDTH - RIGHT)

    def at(point: Point) -> tuple[float, float]:
        return axis.at(point.false_per_1000), HEIGHT * (1 - point.recall)

    right, low = axis.at(AIM[1]), HEIGHT * (1 - AIM[0])
    body = f'<rect x="{LEFT}" y="0" width="{right - LEFT:.1f}" height="{low:.1f}" fill="#dff0df"/>'
    body += _frame(axis, "false alerts per 1,000 active account-days") + _shares("attacks caught")
    body += '<polyline fill="none" stroke="{}" stroke-width="2" points="{}"/>'.format(
        LINE, " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, points))
    )
    for number, (name, point) in enumerate(zip((*names, *[""] * len(points)), points, strict=False)):
        x, y = at(point)
        body += _dot(x, y, LINE) + _text(x + 7, y + (-8 if number % 2 else 16), name, fill=LINE)
    for name, point in others.items():
        x, y = at(point)
        end = x > WIDTH * 0.7
        body += _dot(x, y, MARK) + _text(
            x - 8 if end else x + 8, y - 7, name, anchor="end" if end else "start", fill=MARK
        )
    return Panel(title="Attacks caught against false alerts (green: the aim)", body=body, height=HEIGHT + 40)


def shapes(result: Evaluation) -> Panel:
    """Draw the recall of each shape with its interval, and how much was read before the first alert."""
    start, end = LEFT, WIDTH - RIGHT - 270
    rows = (*result.shapes, result.overall)
    height = ROW * len(rows)
    body = "".join(_bar(number, tally, start, end) for number, tally in enumerate(rows))
    for share in (0.0, 0.5, 1.0):
        x = start + (end - start) * share
        body += f'<path d="M{x:.1f},0V{height}" stroke="#999" stroke-dasharray="2 3"/>'
        body += _text(x, height + 16, f"{share:.0%}", anchor="middle")
    title = "Attacks caught by shape (line: 95 % interval), records read before the first alert, minutes"
    return Panel(title=title, body=body, height=height + 20)


def _bar(number: int, tally: Tally, start: float, end: float) -> str:
    y, recall = number * ROW, tally.recall
    low, value, high = (start + (end - start) * share for share in (recall.low, recall.value, recall.high))
    minutes = "never" if tally.minutes_median is None else f"{tally.minutes_median:.0f} min"
    share = f"{tally.exposed_share.value:.1%}" if math.isfinite(tally.exposed_share.value) else "-"
    plural = "s" if tally.attacks > 1 else ""
    words = f"{tally.attacks} attack{plural}: median {tally.exposed_median:.0f} records, {share}, {minutes}"
    return (
        _text(start - 8, y + 15, tally.shape, anchor="end", weight="bold" if tally.shape == "all" else "normal")
        + f'<rect x="{start}" y="{y + 4}" width="{value - start:.1f}" height="{ROW - 8}" fill="{LINE}" opacity="0.75"/>'
        + f'<path d="M{low:.1f},{y + ROW / 2}H{high:.1f}" stroke="#111" stroke-width="1.5"/>'
        + _text(end + 14, y + 15, words)
    )


def calibration(asked: Sequence[float], raised: Sequence[Interval]) -> Panel:
    """Draw alerts raised over alerts asked for, per 1,000 active account-days, with their intervals."""
    seen = [bound for one in raised for bound in (one.low, one.value, one.high) if bound > 0]
    low, high = min([*asked, *seen]) * 0.7, max([*asked, *seen]) * 1.4
    across, up = Log(low, high, LEFT, WIDTH - RIGHT), Log(low, high, HEIGHT, 0)
    body = _frame(across, "alerts asked for by the budget") + "".join(
        _text(LEFT - 8, up.at(tick) + 4, f"{tick:g}", anchor="end") for tick in up.ticks()
    )
    body += _text(20, HEIGHT / 2, "false alerts raised")
    body += f'<path d="M{LEFT},{HEIGHT}L{WIDTH - RIGHT},0" stroke="#999" stroke-dasharray="4 4"/>'
    for budget, one in zip(asked, raised, strict=True):
        x, y = across.at(budget), up.at(one.value)
        body += f'<path d="M{x:.1f},{up.at(one.low):.1f}V{up.at(one.high):.1f}" stroke="{LINE}"/>' + _dot(x, y, LINE)
        body += _text(x + 8, y + 4, f"{one.value:.2f}", fill=LINE)
    return Panel(title="Calibration, per 1,000 active account-days (dashed: as asked)", body=body, height=HEIGHT + 40)


def _frame(axis: Log, name: str) -> str:
    """Draw the axes, the ticks below and the name under them."""
    middle = (axis.start + axis.end) / 2
    return (
        f'<path d="M{LEFT},0V{HEIGHT}H{WIDTH - RIGHT}" fill="none" stroke="#444"/>'
        + "".join(_text(axis.at(tick), HEIGHT + 16, f"{tick:g}", anchor="middle") for tick in axis.ticks())
        + _text(middle, HEIGHT + 34, name, anchor="middle")
    )


def _shares(name: str) -> str:
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    return "".join(_text(LEFT - 8, HEIGHT * (1 - share) + 4, f"{share:.0%}", anchor="end") for share in shares) + _text(
        20, HEIGHT / 2, name
    )


def _dot(x: float, y: float, fill: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}"/>'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, weight: str = "normal", fill: str = "#111"
) -> str:
    style = f'text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" fill="{fill}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def draw(result: Evaluation, points: Sequence[Point], others: dict[str, Evaluation], path: Path, *,
         names: Sequence[str] = (), more: Sequence[Panel] = ()) -> None:  # fmt: skip
    """Write the picture of one result: its curve beside `others`, its shapes, and what else there is."""
    beside = {name: point_of(one) for name, one in others.items()}
    write([recall_against_false(points, beside, names=names), shapes(result), *more], path)
