"""Write what is normal for an account as a page of plain text."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from detector.inquire.explain.as_text import new_line, share, usual_head, usual_line
from detector.inquire.usual import Usual
from detector.language import Words

SHADES: Final = " .:=#"
"""How often an hour of the week has activity beside the busiest one: hardly ever, up to a quarter, half, and so on."""

HARDLY: Final = 0.05


def baseline_text(habit: Usual, words: Words) -> str:
    """Return the page."""
    parts = (_opening(habit, words), _volumes(habit, words), _week(habit, words), _where(habit, words))
    return "\n\n".join("\n".join(part) for part in parts)


def _opening(habit: Usual, words: Words) -> Iterator[str]:
    profession = f" ({habit.profession})" if habit.profession else ""
    yield words.say("baseline.title", account=habit.account, profession=profession)
    yield ""
    yield words.say("baseline.learned", days=habit.days, peers_days=habit.peers_days)
    if habit.frozen:
        yield words.say("baseline.frozen")


def _volumes(habit: Usual, words: Words) -> Iterator[str]:
    yield usual_head(words)
    yield from (usual_line(one, words) for one in habit.measures)
    yield new_line(habit, words)
    yield f"  {words.say('baseline.bare'):<64}{share(habit.bare_share, words):>8}"


def _week(habit: Usual, words: Words) -> Iterator[str]:
    if not habit.hours:
        yield words.say("baseline.no_hours")
        return
    yield words.say("baseline.hours")
    most = max(habit.hours) or 1.0
    yield "      " + "".join(f"{hour:<3}" for hour in range(24))
    for day, name in enumerate(words.names("form.short_days")):
        marks = (
            SHADES[math.ceil(max(part / most - HARDLY, 0.0) * 4)] for part in habit.hours[24 * day : 24 * day + 24]
        )
        yield f"{name:<6}" + "".join(f"{mark * 2} " for mark in marks).rstrip()


def _where(habit: Usual, words: Words) -> Iterator[str]:
    yield words.say("baseline.where")
    named = (habit.countries, habit.networks, habit.clients)
    for label, values in zip(words.names("baseline.places"), named, strict=True):
        yield from _values(label, values, words)


def _values(label: str, values: Mapping[str, float], words: Words) -> Iterator[str]:
    for name, part in values.items() or ((words.say("baseline.no_places"), None),):
        yield f"  {label:<9}{name:<40}{share(part, words):>6}"
