"""Say at the top what matters most: how many incidents are open, whom they concern, whether the detector sees."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from detector.inquire.chronicle import Incident
from detector.inquire.memory import Memory
from detector.inquire.report.countries import world_map
from detector.inquire.report.health import Gap, lag
from detector.inquire.report.markup import NOTHING, Html, joined
from detector.language import Words
from detector.schema import LEVELS

MOST_LISTED: Final = 12
"""Incidents of which the way to them stands at the top."""


def overview(memory: Memory, shown: Sequence[Incident], made: datetime, silent: Sequence[Gap]) -> Html:
    """Return the head of the page: a wall screen shows little more."""
    still = [one for one in shown if one.open]
    zone, words = memory.config.zone, memory.words
    last = memory.intake.last
    upto = words.say("top.upto", at=last.astimezone(zone)) if last else words.say("top.nothing")
    return Html(
        '<header class="top"><p class="made">{}</p><h1>{}</h1><p class="made">{}</p>'
        '<div class="tiles">{}</div><div class="glance">{}{}</div></header>'
    ).format(
        words.say("page.title"),
        words.say("top.open", open=len(still)) if still else words.say("top.none_open"),
        words.say("top.made", upto=upto, at=made.astimezone(zone), zone=str(zone)),
        joined(_tiles(memory, shown, made, len(silent))),
        _list(shown, words),
        world_map(memory, shown),
    )


def _tiles(memory: Memory, shown: Sequence[Incident], made: datetime, holes: int) -> Iterator[Html]:
    words, still = memory.words, [one for one in shown if one.open]
    levels = Counter(one.level for one in still)
    told = ", ".join(
        words.say("tile.level", incidents=levels[level], level=words.name(f"level.{level}", level))
        for level in reversed(LEVELS)
        if levels[level]
    )
    yield _tile(words.say("tile.open"), words.count(len(still)), told or words.say("tile.no_level"))
    persons = sum(one.subjects_count for one in still)
    yield _tile(words.say("tile.persons"), words.count(persons), words.say("tile.persons_of"))
    day = max(memory.intake.days, default=None)
    if day is not None:
        events, rejects, _ = memory.intake.days[day]
        of_day = words.say("tile.lines_of", day=day, rejects=rejects)
        yield _tile(words.say("tile.lines"), words.count(events + rejects), of_day, bad=rejects > events / 50)
    age = lag(memory, made)
    if age is not None:
        yield _tile(words.say("tile.behind"), age, words.say("tile.behind_of"))
    yield _tile(words.say("tile.gaps"), words.count(holes), words.say("tile.gaps_of"), bad=holes > 0)


def _tile(label: str, value: str, about: str, *, bad: bool = False) -> Html:
    return Html('<div class="tile{}"><span>{}</span><b>{}</b><small>{}</small></div>').format(
        " bad" if bad else "", label, value, about
    )


def _list(shown: Sequence[Incident], words: Words) -> Html:
    """Return the way to each incident at one glance."""
    rows = [
        Html('<li><a href="#i-{}"><span class="badge {}">{}</span> {}</a> <small>{}</small></li>').format(
            one.id,
            one.level,
            words.name(f"level.{one.level}", one.level),
            one.who,
            words.say("top.persons" if one.open else "top.persons_closed", persons=one.subjects_count),
        )
        for one in shown[:MOST_LISTED]
    ]
    more = Html("<li><small>{}</small></li>").format(words.say("top.more", more=len(shown) - MOST_LISTED))
    rows += [more] if len(shown) > MOST_LISTED else []
    return (
        Html('<nav aria-label="{}"><ol>{}</ol></nav>').format(words.say("cards.title"), joined(rows))
        if rows
        else NOTHING
    )
