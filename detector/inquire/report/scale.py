"""Place values and moments on a drawing, and label its axes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from detector.inquire.report.markup import Html, joined
from detector.language import Words

STEPS: Final = (1, 2, 3, 6, 12, 24, 48, 72, 168, 336, 672)
"""Hours between two labels of a time axis."""

MOST_LABELS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a chart stands in its drawing: the corners of its plot, and what they mean. Times are local."""

    width: float
    height: float
    since: datetime
    until: datetime
    most: float
    words: Words
    left: float = 34
    right: float = 6
    top: float = 12
    bottom: float = 18

    def x(self, moment: datetime) -> float:
        """Return where a moment stands."""
        part = (moment - self.since) / (self.until - self.since)
        return round(self.left + part * (self.width - self.left - self.right), 1)

    def y(self, value: float) -> float:
        """Return how high a value stands; the drawing counts from above."""
        part = min(value / self.most, 1.0)
        return round(self.height - self.bottom - part * (self.height - self.top - self.bottom), 1)

    def axes(self) -> Html:
        """Return grid lines and labels."""
        return joined([*self._levels(), *self._times()])

    def _levels(self) -> Iterator[Html]:
        line = Html('<path class="grid" d="M{} {}H{}"/><text class="tick" x="{}" y="{}" text-anchor="end">{}</text>')
        for level in levels(self.most):
            y = self.y(level)
            yield line.format(self.left, y, self.width - self.right, self.left - 4, y + 3, short(level, self.words))

    def _times(self) -> Iterator[Html]:
        hours = (self.until - self.since) / timedelta(hours=1)
        step = next((step for step in STEPS if hours / step <= MOST_LABELS), STEPS[-1])
        midnight = self.since.replace(hour=0, minute=0, second=0, microsecond=0)
        line = Html('<path class="grid" d="M{} {}v4"/><text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>')
        for moment in _every(midnight, self.until, step):
            if moment >= self.since:
                x, y = self.x(moment), self.height - self.bottom
                label = self.words.at(moment, "day_month" if moment.hour == 0 else "clock")
                side = "end" if x > self.width - 24 else "middle"
                yield line.format(x, y, x, y + 13, side, label)


def _every(first: datetime, until: datetime, hours: int) -> Iterator[datetime]:
    """Yield local moments: a day is from midnight to midnight, also where the clock changes."""
    moment = first
    while moment <= until:
        yield moment
        moment += timedelta(hours=hours)


def nice(most: float) -> float:
    """Return the first round number from `most` on: 1, 2, 5 and their tens."""
    if most <= 0:
        return 1.0
    unit = 10 ** math.floor(math.log10(most))
    return float(next(step * unit for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * unit >= most))


def levels(most: float) -> list[float]:
    """Return the values that get a line: the top and its half."""
    return [most / 2, most] if most >= 2 else [most]


def short(value: float, words: Words) -> str:
    """Return a figure as a label: 1200 is 1.2k."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return words.write(value / size, ".3g") + letter
    return words.count(value) if value == int(value) else words.write(value, "g")
