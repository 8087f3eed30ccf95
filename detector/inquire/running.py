"""Read the running day of a state: as the last snapshot has it, and what came since."""

import sqlite3
import sys
from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

from detector.checkpoint import TODAY, sums
from detector.config import Config
from detector.context import frames
from detector.context.acquaintance import Acquaintance, pairs_of
from detector.context.day import KEY, Day, marked
from detector.context.session import Sessions
from detector.schema import LATE

_DAY: Final = "Behaviour/"
_SESSIONS: Final = "Sessions/"


def running_day(database: sqlite3.Connection, config: Config) -> tuple[Day, date | None]:
    """Return the running day and its local date; runs without a claim are not counted in it."""
    saved = dict(sums.read(database, "snapshot", "WHERE name NOT GLOB 'Rules/*'"))
    day, sessions = Day(config.state.max_rows_per_window), Sessions(sys.maxsize, database)
    if TODAY in saved:
        day.restore(_under(saved, _DAY))
        sessions.restore(_under(saved, _SESSIONS))
    known = Acquaintance(database, config.state.max_rows_per_window)
    known.resume(pairs_of(day.shown().filter("first_look")))
    told = saved.get(TODAY, b"").decode()
    today = date.fromisoformat(told) if told else None
    for _, body in sums.read(database, "journal", "ORDER BY seq"):
        events = sessions.attribute(frames.unpack(body))
        latest = events.get_column("portal.local_date").max()
        today = latest if today is None and isinstance(latest, date) else today
        day.add(_met(marked(events.filter(~pl.col(LATE))), known))
    return day, today


def _under(saved: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {name.removeprefix(prefix): body for name, body in saved.items() if name.startswith(prefix)}


def _met(rows: pl.DataFrame, known: Acquaintance) -> pl.DataFrame:
    rows = rows.with_row_index("row")
    shown = rows.filter(pl.col("portal.subject").is_not_null()).select("row", KEY, "portal.subject")
    first, stranger = known.meet(pairs_of(shown))
    met = shown.select("row", pl.Series("first_look", first), pl.Series("stranger", stranger))
    return rows.join(met, on="row", how="left", maintain_order="left").with_columns(
        pl.col("first_look", "stranger").fill_null(False),
        pl.lit(0, pl.Int64).alias("unclaimed_run"),
        pl.lit(None, pl.Boolean).alias("unbilled"),
    )
