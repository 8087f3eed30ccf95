"""Show counts by day: a column a day where a line has room for that, else one character a day."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Final

from detector.cli.table import width

BESIDES: Final = 70
"""Characters that the columns beside the days need."""

COLUMN: Final = 7

MONDAY: Final = 0


def day_columns(days: Sequence[date], counts: Sequence[Counter[date]]) -> tuple[list[str], list[list[str]]]:
    """Return the headers of the days' columns, and the cells of each row.

    One character a day: `.` none, `1` to `9`, `+` more; Mondays stand in the header by the last digit of their day.
    """
    if len(days) * COLUMN + BESIDES <= width():
        headers = [f"{day:%m-%d}" for day in days]
        return headers, [[str(one[day] or ".") for day in days] for one in counts]
    ruler = "".join(f"{day:%d}"[1] if day.weekday() == MONDAY else " " for day in days)
    return [ruler], [["".join(_digit(one[day]) for day in days)] for one in counts]


def _digit(count: int) -> str:
    return "." if count == 0 else str(count) if count < 10 else "+"
