"""Find the days that lack among the dates in the names of rotated files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

_LEAST_FILES: Final = 3
_WEEK: Final = 7


def missing_days(stamps: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the stamps around each hole with the days that lack in it; `stamps` are digits, oldest first.

    The usual step between files is the commonest one. A day of the week on which there never is a file (a portal that
    rests on Sundays writes none) lacks nothing.
    """
    days = {stamp: day for stamp in dict.fromkeys(stamps) if (day := _day(stamp)) is not None}
    kept = sorted(days.items(), key=lambda one: one[1])
    steps = Counter((newer[1] - older[1]).days for older, newer in pairwise(kept))
    steps.pop(0, None)
    if len(kept) < _LEAST_FILES or not steps:
        return
    step = min(days for days, count in steps.items() if count == max(steps.values()))
    weekdays = {day.weekday() for _, day in kept}
    long = (kept[-1][1] - kept[0][1]).days >= 2 * _WEEK
    for (older, before), (newer, after) in pairwise(kept):
        expected = [before + timedelta(days=at) for at in range(step, (after - before).days, step)]
        lacking = [day for day in expected if not long or step % _WEEK == 0 or step > 1 or day.weekday() in weekdays]
        if lacking:
            yield older, newer, [day.isoformat() for day in lacking]


def _day(stamp: str) -> date | None:
    try:
        return date(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]))
    except ValueError:
        return None  # a month, or no date at all
