"""Draw what an account did against what its models expect of the hour."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

import polars as pl

from detector.emit.alert import Alert
from detector.inquire.chronicle import Incident
from detector.inquire.hours import HOUR_FEATURE, Hour, hours
from detector.inquire.memory import Memory
from detector.inquire.report.markup import Html, figure, joined, picture, table
from detector.inquire.report.scale import Frame, nice
from detector.inquire.usual import Usual
from detector.language import Words

BEFORE: Final = timedelta(days=2)
"""What is drawn from before the first evidence on: how it usually goes."""

AFTER: Final = timedelta(hours=12)
MOST_DAYS: Final = 10
"""Longer incidents are drawn to here; the table tells the rest."""

WIDTH, HEIGHT = 480, 150
BAR: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What an account did around an incident, hour by hour, and what is usual for it."""

    incident: Incident
    habit: Usual
    since: datetime
    until: datetime
    hours: tuple[Hour, ...]

    @property
    def limit(self) -> float:
        """Records of an hour that are worth a closer look; 0 while that is unknown."""
        measure = self.habit.measure(HOUR_FEATURE)
        return measure.limit or 0.0 if measure else 0.0


def course(memory: Memory, incident: Incident, habit: Usual, done: pl.DataFrame) -> Course:
    """Return the course of an incident on an account. Shapes: `done` HOURS of several accounts."""
    zone = memory.config.zone
    since = (incident.start - BEFORE).astimezone(zone).replace(minute=0, second=0, microsecond=0)
    until = min(incident.last + AFTER, incident.start + timedelta(days=MOST_DAYS)).astimezone(zone)
    mine = hours(memory, done, habit, since, incident.last + AFTER)
    return Course(incident=incident, habit=habit, since=since, until=until, hours=tuple(mine))


def drawn(told: Course, words: Words) -> Html:
    """Return the picture, its caption, and the table behind it."""
    inside = [one for one in told.hours if one.start <= told.until]
    most = max([told.limit, *(one.records for one in inside)], default=1.0)
    frame = Frame(width=WIDTH, height=HEIGHT, since=told.since, until=told.until, most=nice(most), words=words)
    parts = [frame.axes(), _band(frame, told), *_bars(frame, inside), *_alerts(frame, told, words)]
    odd = sum(one.odd for one in inside)
    records = sum(one.records for one in inside)
    title = words.say("activity.title", account=told.habit.account, records=records, odd=odd)
    drawing = picture(WIDTH, HEIGHT, title, joined(parts))
    return figure(drawing, words.say("activity.caption"), hours_table(told.hours, words), words)


def _band(frame: Frame, told: Course) -> Html:
    """Return the area in which an hour is usual: up to the limit at its hours of work, else nothing."""
    steps, moment = [], told.since
    while moment <= told.until:
        limit = told.limit if told.habit.works_at(moment.weekday() * 24 + moment.hour) else 0.0
        steps.append(f"H{frame.x(moment)}V{frame.y(limit)}")
        moment += timedelta(hours=1)
    base = frame.y(0)
    return Html('<path class="band" d="M{} {}{}H{}V{}Z"/>').format(
        frame.x(told.since), base, "".join(steps), frame.x(told.until), base
    )


def _bars(frame: Frame, some: Sequence[Hour]) -> Iterator[Html]:
    """Yield a path for the usual hours and one for the odd ones."""
    wide = max((frame.x(frame.since + timedelta(hours=1)) - frame.x(frame.since)) * BAR, 1.2)
    for kind, wanted in (("bar", False), ("bar odd", True)):
        bars = [
            f"M{frame.x(one.start)} {frame.y(0)}V{min(frame.y(one.records), frame.y(0) - 1)}h{wide:.1f}V{frame.y(0)}z"
            for one in some
            if one.odd is wanted and one.records
        ]
        yield Html('<path class="{}" d="{}"/>').format(kind, "".join(bars))


def _alerts(frame: Frame, told: Course, words: Words) -> Iterator[Html]:
    for alert in told.incident.alerts:
        if told.since <= alert.timestamp <= told.until and alert.state != "closed":
            x = frame.x(alert.timestamp.astimezone(told.since.tzinfo))
            mark = Html('<path class="alert" d="M{} {}l-4-7h8z"><title>{} {} {}</title></path>')
            state, level = words.name(f"state.{alert.state}", ""), words.name(f"level.{alert.level}", alert.level)
            at = words.at(alert.timestamp.astimezone(told.since.tzinfo), "weekday_clock")
            yield mark.format(x, frame.top - 1, at, state, level)


def hours_table(some: Sequence[Hour], words: Words) -> Html:
    """Return hours as a table."""
    return table(
        words.names("activity.heads"),
        (
            (
                words.at(one.start, "hour"),
                words.say("activity.odd") if one.odd else "",
                *map(words.count, (one.requests, one.records, one.persons, one.strangers, one.missed)),
            )
            for one in some
        ),
        figures=5,
        none=words.say("page.none"),
    )


def exposed(told: Course, words: Words) -> Html:
    """Draw how many insured persons were displayed since the first evidence."""
    points = _exposure(told)
    total, until = points[-1][1], max(points[-1][0], points[0][0] + timedelta(hours=6))
    frame = Frame(width=WIDTH, height=HEIGHT, since=points[0][0], until=until, most=nice(max(total, 1)), words=words)
    line = "L".join(f"{frame.x(at)} {frame.y(value)}" for at, value in points)
    area = Html('<path class="area" d="M{}V{}H{}Z"/><path class="line" d="M{}"/>').format(
        line, frame.y(0), frame.x(points[0][0]), line
    )
    dot = Html('<circle class="dot" cx="{}" cy="{}" r="3"><title>{}: {}</title></circle>')
    dots = [
        dot.format(frame.x(at), frame.y(value), words.at(at, "weekday_clock"), words.count(value))
        for at, value in (_told_by(told, alert) for alert in told.incident.alerts)
        if at <= until
    ]
    title = words.say("exposed.title", account=told.habit.account, persons=total)
    rows = [(words.at(at, "hour"), words.count(value)) for at, value in points]
    numbers = table(words.names("exposed.heads"), rows, figures=1)
    drawing = picture(WIDTH, HEIGHT, title, joined([frame.axes(), area, *dots]))
    return figure(drawing, words.say("exposed.caption"), numbers, words)


def _exposure(told: Course) -> list[tuple[datetime, int]]:
    """Return how many persons were displayed by when: by the hours' ends, and as the alerts told."""
    begun = told.incident.start.astimezone(told.since.tzinfo).replace(minute=0, second=0, microsecond=0)
    hours_since = [one for one in told.hours if begun <= one.start <= told.until]
    sums = accumulate(one.persons for one in hours_since)
    ends = [(one.start + timedelta(hours=1), total) for one, total in zip(hours_since, sums, strict=True)]
    alerts = [_told_by(told, alert) for alert in told.incident.alerts if alert.timestamp <= told.until]
    ordered = sorted([(begun, 0), *ends, *alerts])
    return list(zip((at for at, _ in ordered), accumulate((value for _, value in ordered), max), strict=True))


def _told_by(told: Course, alert: Alert) -> tuple[datetime, int]:
    return alert.timestamp.astimezone(told.since.tzinfo), alert.subjects_count
