"""Remember what every account did by the hour and from where, to tell people afterwards: detection does not ask."""

import sqlite3
from datetime import date
from typing import Final

import polars as pl

from detector import rows
from detector.context import frames
from detector.context.day import ACCOUNT, COMMON_TRAITS, KEY, SLOTS_PER_HOUR, Day, keys_of
from detector.schema import TIME

DAYS: Final = 35
"""How long activity is kept: five whole weeks, so that a month can be held against the days before it."""

HOURS: Final = pl.Schema(
    {
        ACCOUNT: pl.String(),
        "hour": pl.Int32(),
        "requests": pl.Int32(),
        "records": pl.Int32(),
        "missed": pl.Int32(),
        "persons": pl.Int32(),
        "strangers": pl.Int32(),
    }
)
"""A row for each account and hour with activity; `hour` counts from 1970, UTC.

- `records`: displays of a record; `missed`: look-ups refused or not found
- `persons`: distinct insured persons, each in the hour of the day that showed it first, so that hours add up to a day
- `strangers`: those of them never shown to the account on the days that `acquaintance` remembers
"""

PLACES: Final = pl.Schema(
    {
        ACCOUNT: pl.String(),
        **dict.fromkeys(COMMON_TRAITS, pl.String()),
        "first": TIME,
        "last": TIME,
        "records": pl.Int64(),
    }
)
"""A row for each account and combination of country, network and client of a day; `last` asked for a record."""

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS activity (
    day INTEGER PRIMARY KEY, rows INTEGER NOT NULL, hours BLOB NOT NULL, places BLOB NOT NULL, crc INTEGER
)"""


class Activity:
    """The activity of the last `DAYS` closed days, in the state; the running day stands in `Day`.

    Bounded: beyond `most_rows` rows the oldest days leave early and are counted.
    """

    def __init__(self, database: sqlite3.Connection, most_rows: int) -> None:
        self.database = database
        self.most_rows = most_rows
        self.evicted_count = 0
        database.execute(_TABLE)

    def close_day(self, today: date, day: Day) -> None:
        """Keep the running day and forget those too old, inside the caller's transaction."""
        hours, places = hours_of(day.slots, day.shown()), places_of(day)
        row = (today.toordinal(), hours.height + places.height, frames.pack(hours), frames.pack(places))
        rows.write(self.database, "activity", [row])
        self.database.execute("DELETE FROM activity WHERE day <= ?", (today.toordinal() - DAYS,))
        crowded = (
            "SELECT day FROM (SELECT day, sum(rows) OVER (ORDER BY day DESC) AS held FROM activity) WHERE held > ?"
        )
        old = f"DELETE FROM activity WHERE day < ? AND day IN ({crowded}) RETURNING rows"  # noqa: S608  our own text
        dropped = self.database.execute(old, (today.toordinal(), self.most_rows)).fetchall()
        self.evicted_count += sum(rows for (rows,) in dropped)


def hours_of(slots: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """Count by account and hour, of the accounts in `slots`. Shapes: SLOTS, DISPLAYS -> HOURS, by account and hour."""
    counted = slots.group_by(ACCOUNT, (pl.col("slot") // SLOTS_PER_HOUR).cast(pl.Int32).alias("hour")).agg(
        pl.col("requests", "records", "missed").sum()
    )
    met = (
        shown.filter("first_look")
        .group_by(KEY, (pl.col("@timestamp").dt.epoch("s") // 3600).cast(pl.Int32).alias("hour"))
        .agg(pl.len().alias("persons"), pl.col("stranger").sum().alias("strangers"))
    )
    keyed = counted.with_columns(keys_of(counted.get_column(ACCOUNT)))
    joined = keyed.join(met, on=[KEY, "hour"], how="left").with_columns(pl.col("persons", "strangers").fill_null(0))
    return joined.select(pl.col(name).cast(kind) for name, kind in HOURS.items()).sort(ACCOUNT, "hour")


def places_of(day: Day) -> pl.DataFrame:
    """Return where accounts were on the running day. Shapes: -> PLACES, by account."""
    places = day.places.group_by(ACCOUNT, *COMMON_TRAITS).agg(
        pl.col("first").min(), pl.col("last").max(), pl.col("records").sum()
    )
    return places.select(PLACES.names()).sort(ACCOUNT, "first", *COMMON_TRAITS, nulls_last=True)
