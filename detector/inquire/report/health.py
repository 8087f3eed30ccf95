"""Tell how well the detector itself sees: lines, rejects, lag, gaps, warnings."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from typing import Final

import polars as pl

from detector.inquire.memory import Memory
from detector.inquire.report.markup import NOTHING, Html, behind, joined, table
from detector.language import Words
from detector.telemetry import Telemetry

LEAST_REQUESTS: Final = 20
"""Requests that an hour usually has for its silence to be a gap."""

SHOWN_DAYS: Final = 14

Gap = tuple[datetime, datetime]
"""From when until when no request came."""


def gaps(memory: Memory, totals: pl.DataFrame) -> list[Gap]:
    """Return spans without any request where the same hour of such days (working or weekend) usually has many.

    Shapes: `totals` as of `Memory.totals`.
    """
    seen: dict[int, int] = dict(totals.select("hour", "requests").iter_rows())
    if not seen:
        return []
    kinds = {hour: _kind(memory.local(hour)) for hour in range(min(seen), max(seen) + 1)}
    alike: dict[tuple[bool, int], list[int]] = {}
    for hour, kind in kinds.items():
        alike.setdefault(kind, []).append(seen.get(hour, 0))
    silent = [hour for hour, kind in kinds.items() if hour not in seen and median(alike[kind]) >= LEAST_REQUESTS]
    runs = [list(run) for _, run in groupby(silent, key=lambda hour: hour - silent.index(hour))]
    return [(memory.local(run[0]), memory.local(run[-1] + 1)) for run in runs]


def _kind(start: datetime) -> tuple[bool, int]:
    return start.weekday() < 5, start.hour


def health_section(memory: Memory, telemetry: Telemetry | None, silent: Sequence[Gap]) -> Html:
    """Return how the detector fares. `telemetry` is that of the run at hand."""
    parts = [
        *(
            Html('<p class="warning">{}</p>').format(one.text)
            for one in (telemetry.warnings if telemetry else {}).values()
        ),
        *_gaps(silent, memory.words),
        _days(memory),
        *(_run(telemetry, memory.words) if telemetry else ()),
    ]
    return Html('<section id="health"><h2>{}</h2>{}</section>').format(memory.words.say("health.title"), joined(parts))


def _gaps(silent: Sequence[Gap], words: Words) -> Iterator[Html]:
    if not silent:
        yield Html("<p>{}</p>").format(words.say("health.no_gap"))
        return
    rows = [
        (words.at(start, "hour"), words.at(end, "hour"), (end - start) // timedelta(hours=1)) for start, end in silent
    ]
    yield Html('<p class="warning">{}</p>').format(words.say("health.gaps"))
    yield table(words.names("health.gap_heads"), rows, figures=1)


def _days(memory: Memory) -> Html:
    words = memory.words
    days = sorted(memory.intake.days.items(), reverse=True)[:SHOWN_DAYS]
    rows = [
        (words.at(day, "day"), *(words.count(one) for one in (events + rejects, rejects, late)))
        for day, (events, rejects, late) in days
    ]
    heads = words.names("health.day_heads")
    return behind(words.say("health.days"), table(heads, rows, figures=3)) if rows else NOTHING


def _run(telemetry: Telemetry, words: Words) -> Iterator[Html]:
    """Yield the figures of the run."""
    wanted = ("lines", "events", "rejects", "late", "accounts", "seconds", "lines_per_s", "peak_rss_bytes")
    stats = telemetry.stats()
    rows: list[tuple[str, object]] = [(words.say(f"run.{name}"), words.write(stats[name], ",")) for name in wanted]
    rows += [(words.say(f"run.{name}"), stats[name]) for name in ("first_event", "last_event")]
    rows += [
        (words.say("run.format", stream=stream), f"{name}: {why}") for stream, (name, why) in telemetry.formats.items()
    ]
    yield behind(words.say("run.title"), table(words.names("run.heads"), rows))
    if telemetry.rejects_by_reason:
        yield Html("<h3>{}</h3>").format(words.say("run.rejects_title"))
        rows = [(why, words.count(n)) for why, n in telemetry.rejects_by_reason.most_common()]
        yield table(words.names("run.reject_heads"), rows, figures=1)


def lag(memory: Memory, made: datetime) -> str | None:
    """Return how old the latest event was when the page was made, in words; None while there is none."""
    if memory.intake.last is None:
        return None
    age = made - memory.intake.last
    for unit, seconds in (("days", 86400), ("h", 3600), ("min", 60)):
        if age.total_seconds() >= 2 * seconds:
            return memory.words.say(f"age.{unit}", count=age.total_seconds() // seconds)
    return memory.words.say("age.s", count=max(age.total_seconds(), 0))
