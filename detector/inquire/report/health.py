"""Tell how well the detector itself sees: lines, rejects, lag, gaps, warnings."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from typing import Final

import polars as pl

from detector.inquire.memory import Memory
from detector.inquire.report.markup import NOTHING, Html, behind, count, joined, table
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
        *_gaps(silent),
        _days(memory),
        *(_run(telemetry) if telemetry else ()),
    ]
    return Html('<section id="health"><h2>Health of the detector</h2>{}</section>').format(joined(parts))


def _gaps(silent: Sequence[Gap]) -> Iterator[Html]:
    if not silent:
        yield Html("<p>No hour without a request where there usually are many.</p>")
        return
    rows = [
        (f"{start:%a %-d %b %H:%M}", f"{end:%a %-d %b %H:%M}", (end - start) // timedelta(hours=1))
        for start, end in silent
    ]
    yield Html('<p class="warning">Hours without any request, where there usually are many: lines may lack.</p>')
    yield table(("from", "to", "hours"), rows, figures=1)


def _days(memory: Memory) -> Html:
    days = sorted(memory.intake.days.items(), reverse=True)[:SHOWN_DAYS]
    rows = [
        (f"{day:%a %-d %b}", *(count(one) for one in (events + rejects, rejects, late)))
        for day, (events, rejects, late) in days
    ]
    return behind("Lines by day", table(("day", "lines", "not read", "late"), rows, figures=3)) if rows else NOTHING


def _run(telemetry: Telemetry) -> Iterator[Html]:
    """Yield the figures of the run."""
    wanted = ("lines", "events", "rejects", "late", "accounts", "seconds", "lines_per_s", "peak_rss_bytes")
    stats = telemetry.stats()
    rows: list[tuple[str, object]] = [(name, f"{stats[name]:,}") for name in wanted]
    rows += [("first event", stats["first_event"]), ("last event", stats["last_event"])]
    rows += [(f"format of {stream}", f"{name}: {why}") for stream, (name, why) in telemetry.formats.items()]
    yield behind("Figures of this run", table(("figure", "value"), rows))
    if telemetry.rejects_by_reason:
        yield Html("<h3>Lines that could not be read</h3>")
        yield table(
            ("reason", "lines"), [(why, count(n)) for why, n in telemetry.rejects_by_reason.most_common()], figures=1
        )


def lag(memory: Memory, made: datetime) -> str | None:
    """Return how old the latest event was when the page was made, in words; None while there is none."""
    if memory.intake.last is None:
        return None
    age = made - memory.intake.last
    for unit, seconds in (("days", 86400), ("h", 3600), ("min", 60)):
        if age.total_seconds() >= 2 * seconds:
            return f"{age.total_seconds() // seconds:,.0f} {unit}"
    return f"{max(age.total_seconds(), 0):.0f} s"
