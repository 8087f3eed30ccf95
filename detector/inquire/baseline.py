"""Write what is normal for an account as a page of plain text."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from detector.inquire.explain.as_text import figure, number, share
from detector.inquire.usual import Usual

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SHADES: Final = " .:=#"
"""How often an hour of the week has activity beside the busiest one: hardly ever, up to a quarter, half, and so on."""

HARDLY: Final = 0.05


def baseline_text(habit: Usual) -> str:
    """Return the page."""
    return "\n".join([*_opening(habit), "", *_volumes(habit), "", *_week(habit), "", *_where(habit)])


def _opening(habit: Usual) -> Iterator[str]:
    profession = f" ({habit.profession})" if habit.profession else ""
    yield f"What is normal for {habit.account}{profession}"
    yield ""
    own, peers = number(habit.days), number(habit.peers_days)
    yield f"Learned from {own} closed days of its own and {peers} account-days of its peers."
    if habit.frozen:
        yield "It learns nothing now: an incident of it is open."


def _volumes(habit: Usual) -> Iterator[str]:
    yield f"{'at its highest, in a day':<66}{'usual':>8}{'odd from':>10}{'peers':>8}"
    for one in habit.measures:
        yield f"  {one.label:<64}{figure(one.usual):>8}{figure(one.limit):>10}{figure(one.peers_usual):>8}"
    new, peers = share(habit.new_share), share(habit.peers_new_share)
    yield f"  {'persons never shown to it before':<64}{new:>8}{'':>10}{peers:>8}"
    yield f"  {'views that no claim follows':<64}{share(habit.bare_share):>8}"


def _week(habit: Usual) -> Iterator[str]:
    if not habit.hours:
        yield "Its hours of work are not known yet."
        return
    yield "Hours of the week, beside its busiest: . up to a quarter as often  : half  = three quarters  # as often"
    most = max(habit.hours) or 1.0
    yield "     " + "".join(f"{hour:<3}" for hour in range(24))
    for day, name in enumerate(DAYS):
        marks = (
            SHADES[math.ceil(max(part / most - HARDLY, 0.0) * 4)] for part in habit.hours[24 * day : 24 * day + 24]
        )
        yield f"{name}  " + "".join(f"{mark * 2} " for mark in marks).rstrip()


def _where(habit: Usual) -> Iterator[str]:
    yield "Share of its days, by where it was used from"
    for label, values in (("country", habit.countries), ("network", habit.networks), ("client", habit.clients)):
        yield from _values(label, values)


def _values(label: str, values: Mapping[str, float]) -> Iterator[str]:
    for name, part in values.items() or (("not known yet", None),):
        yield f"  {label:<9}{name:<40}{share(part):>6}"
