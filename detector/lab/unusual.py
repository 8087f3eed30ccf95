"""Say which honest but unusual work false alerts fell on: `unusual.csv` beside a simulated log lists it."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import polars as pl

FILE: Final = "unusual.csv"
AFTER: Final = timedelta(days=7)
"""So long behind its end an alert is still about it: it counts seven days."""
ORDINARY: Final = "ordinary work"


def causes(labels: Path, false: Iterable[tuple[str, date]]) -> Counter[str]:
    """Count false alerts by the kind of work of their account on that day; nothing where no such list is."""
    path = labels.parent / FILE
    if not path.exists():
        return Counter()
    listed = pl.read_csv(path, try_parse_dates=True).rows_by_key("account")
    return Counter(
        next((kind for kind, first, last in listed.get(account, []) if first <= day <= last + AFTER), ORDINARY)
        for account, day in false
    )


def sentence(counted: Counter[str]) -> str:
    """Say it in words: the most frequent first."""
    return "False alerts fell on " + ", ".join(f"{kind} ({count})" for kind, count in counted.most_common())
