"""Draw the last weeks: lines, records and alerts a day."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from statistics import median
from typing import Final

import polars as pl

from detector.inquire.memory import Memory
from detector.inquire.report.markup import NOTHING, Html, figure, joined, picture, table
from detector.inquire.report.scale import levels, nice, short
from detector.language import Words
from detector.schema import LEVELS

DAYS: Final = 35
WIDTH, HEIGHT = 400, 120
LEFT, TOP, BOTTOM = 34, 10, 18


def trend_section(memory: Memory, totals: pl.DataFrame) -> Html:
    """Return a chart for each figure of the last weeks; nothing before two days are known.

    Shapes: `totals` as of `Memory.totals`.
    """
    days = _days(memory)
    if len(days) < 2:
        return NOTHING
    zone, words = memory.config.zone, memory.words
    alerts = {
        level: Counter(one.timestamp.astimezone(zone).date() for one in memory.alerts if one.level == level)
        for level in LEVELS
    }
    records: Counter[date] = Counter()
    for hour, shown in totals.select("hour", "records").iter_rows():
        records[memory.local(hour).date()] += shown
    lines = {day: sum(memory.intake.days.get(day, (0, 0))[:2]) for day in days}
    charts = [
        _chart("lines", days, {"lines": lines}, words),
        _chart("records", days, {"records": records}, words),
        _chart("alerts", days, {level: counts for level, counts in alerts.items() if counts}, words),
    ]
    return Html('<section id="trends"><h2>{}</h2><div class="grid3">{}</div></section>').format(
        words.say("trends.title"), joined(charts)
    )


def _days(memory: Memory) -> list[date]:
    """Return the last days, up to the running one, without those before anything was read."""
    known = sorted(memory.intake.days)
    if not known:
        return []
    first = max(known[0], known[-1] - timedelta(days=DAYS - 1))
    return [first + timedelta(days=n) for n in range((known[-1] - first).days + 1)]


def _chart(what: str, days: Sequence[date], series: Mapping[str, Mapping[date, int]], words: Words) -> Html:
    """Return columns by day, the series one upon the other."""
    names = [words.say("trends.series." + what) if what == one else words.name(f"level.{one}", one) for one in series]
    sums = {day: sum(one.get(day, 0) for one in series.values()) for day in days}
    top = nice(max(sums.values(), default=0))
    wide, base = (WIDTH - LEFT - 4) / len(days), HEIGHT - BOTTOM
    heights = dict.fromkeys(days, 0)
    parts = [_level(level, base - level / top * (base - TOP), words) for level in levels(top)]
    for name, values in series.items():
        columns = []
        for n, day in enumerate(days):
            low, high = heights[day], heights[day] + values.get(day, 0)
            y, tall = base - high / top * (base - TOP), (high - low) / top * (base - TOP)
            columns.append(
                f"M{LEFT + n * wide + 0.6:.1f} {y:.1f}h{max(wide - 1.2, 1):.1f}v{tall:.1f}H{LEFT + n * wide + 0.6:.1f}z"
            )
            heights[day] = high
        parts.append(Html('<path class="column {}" d="{}"/>').format(name, "".join(columns)))
    parts += [
        _tick(LEFT + (n + 0.5) * wide, words.at(day, "day_month"))
        for n, day in enumerate(days)
        if (len(days) - 1 - n) % 7 == 0
    ]
    last, before = sums[days[-1]], [sums[day] for day in days[:-1]]
    title = words.say(f"trends.{what}", last=last, day=days[-1], usual=median(before))
    title += words.say("trends.stacked", names=", ".join(names)) if len(series) > 1 else ""
    rows = [
        (words.at(day, "day"), *(words.count(one.get(day, 0)) for one in series.values())) for day in reversed(days)
    ]
    return figure(
        picture(WIDTH, HEIGHT, title, joined(parts)),
        title,
        table((words.say("trends.day"), *names), rows, figures=len(series)),
        words,
    )


def _level(level: float, y: float, words: Words) -> Html:
    line = Html(
        '<path class="grid" d="M{} {:.1f}H{}"/><text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    )
    return line.format(LEFT, y, WIDTH - 4, LEFT - 4, y + 3, short(level, words))


def _tick(x: float, label: str) -> Html:
    side = "end" if x > WIDTH - 24 else "middle"
    tick = Html('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
    return tick.format(x, HEIGHT - 5, side, label)
