"""Remember which insured persons each account has been shown before: patients return, victims do not."""

import sqlite3
from collections import deque
from datetime import date
from typing import Final

import polars as pl

from detector.context import frames
from detector.context.day import ACCOUNT

DAYS: Final = 30
"""How long an acquaintance lasts. Assumption: most patients of a practice who return do so within a month."""

PAIRS: Final = pl.Schema({ACCOUNT: pl.String, "portal.subject": pl.UInt64})


class Acquaintance:
    """The (account, person) pairs of the last `DAYS` closed days, one frame a day; kept in the state.

    Bounded: beyond `most_rows` pairs the oldest days leave early and are counted.
    """

    def __init__(self, database: sqlite3.Connection, most_rows: int) -> None:
        self.database = database
        self.most_rows = most_rows
        self.evicted_count = 0
        database.execute("CREATE TABLE IF NOT EXISTS acquaintance (day INTEGER PRIMARY KEY, pairs BLOB NOT NULL)")
        rows = database.execute("SELECT day, pairs FROM acquaintance ORDER BY day").fetchall()
        self.days: deque[tuple[int, pl.DataFrame]] = deque((day, frames.unpack(pairs)) for day, pairs in rows)

    def strangers(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows whose account has not been shown their person on a day that is remembered.

        Shapes: a frame with `user.name` and `portal.subject` -> some of its rows, in order.
        """
        accounts = pairs.select(pl.col(ACCOUNT).unique())
        known = [day.join(accounts, on=ACCOUNT, how="semi") for _, day in self.days]
        if not known:
            return pairs
        return pairs.join(pl.concat(known), on=list(PAIRS), how="anti", maintain_order="left")

    def learn(self, today: date, pairs: pl.DataFrame) -> None:
        """Remember the pairs of a closed day, and forget those too old, inside the caller's transaction."""
        self.days.append((today.toordinal(), pairs.select(PAIRS.names()).unique()))
        self.database.execute(
            "INSERT OR REPLACE INTO acquaintance VALUES (?, ?)", (today.toordinal(), frames.pack(self.days[-1][1]))
        )
        while self.days and self.days[0][0] <= today.toordinal() - DAYS:
            self.days.popleft()
        while len(self.days) > 1 and sum(day.height for _, day in self.days) > self.most_rows:
            self.evicted_count += self.days.popleft()[1].height
        self.database.execute("DELETE FROM acquaintance WHERE day < ?", (self.days[0][0],))
