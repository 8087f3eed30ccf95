"""Say at the top what matters most: how many incidents are open, whom they concern, whether the detector sees."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from detector.inquire.chronicle import Incident
from detector.inquire.memory import Memory
from detector.inquire.report.countries import world_map
from detector.inquire.report.health import Gap, lag
from detector.inquire.report.markup import NOTHING, Html, count, joined
from detector.schema import LEVELS

MOST_LISTED: Final = 12
"""Incidents of which the way to them stands at the top."""


def overview(memory: Memory, shown: Sequence[Incident], made: datetime, silent: Sequence[Gap]) -> Html:
    """Return the head of the page: a wall screen shows little more."""
    still = [one for one in shown if one.open]
    zone = memory.config.zone
    last = memory.intake.last
    upto = f"Events up to {last.astimezone(zone):%A %-d %B %Y, %H:%M}" if last else "No event was read yet"
    return Html(
        '<header class="top"><p class="made">Portal detector</p><h1>{}</h1><p class="made">{}; written {} ({}).</p>'
        '<div class="tiles">{}</div><div class="glance">{}{}</div></header>'
    ).format(
        _headline(still),
        upto,
        f"{made.astimezone(zone):%A %-d %B %Y, %H:%M}",
        str(zone),
        joined(_tiles(memory, shown, made, len(silent))),
        _list(shown),
        world_map(memory, shown),
    )


def _headline(still: Sequence[Incident]) -> str:
    if not still:
        return "No incident is open"
    return "1 incident is open" if len(still) == 1 else f"{len(still):,} incidents are open"


def _tiles(memory: Memory, shown: Sequence[Incident], made: datetime, holes: int) -> Iterator[Html]:
    still = [one for one in shown if one.open]
    levels = Counter(one.level for one in still)
    told = ", ".join(f"{levels[level]} {level}" for level in reversed(LEVELS) if levels[level])
    yield _tile("Open incidents", count(len(still)), told or "none")
    persons = sum(one.subjects_count for one in still)
    yield _tile("Persons displayed", count(persons), "in open incidents, by their last alerts")
    day = max(memory.intake.days, default=None)
    if day is not None:
        events, rejects, _ = memory.intake.days[day]
        yield _tile(
            "Lines", count(events + rejects), f"on {day:%-d %B}; {count(rejects)} not read", bad=rejects > events / 50
        )
    age = lag(memory, made)
    if age is not None:
        yield _tile("Behind", age, "from the latest event to the writing of this page")
    yield _tile("Gaps", count(holes), "silences of an hour and more, in five weeks", bad=holes > 0)


def _tile(label: str, value: str, about: str, *, bad: bool = False) -> Html:
    return Html('<div class="tile{}"><span>{}</span><b>{}</b><small>{}</small></div>').format(
        " bad" if bad else "", label, value, about
    )


def _list(shown: Sequence[Incident]) -> Html:
    """Return the way to each incident at one glance."""
    rows = [
        Html('<li><a href="#i-{}"><span class="badge {}">{}</span> {}</a> <small>{} persons{}</small></li>').format(
            one.id, one.level, one.level, one.who, count(one.subjects_count), "" if one.open else ", closed"
        )
        for one in shown[:MOST_LISTED]
    ]
    more = Html("<li><small>and {} more below</small></li>").format(len(shown) - MOST_LISTED)
    rows += [more] if len(shown) > MOST_LISTED else []
    return Html('<nav aria-label="Incidents"><ol>{}</ol></nav>').format(joined(rows)) if rows else NOTHING
