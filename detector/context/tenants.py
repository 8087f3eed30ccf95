"""Remember which accounts used which address: before somebody blocks one, others on it must be known."""

import sqlite3
from datetime import date
from typing import Final

import polars as pl

from detector import rows
from detector.context import frames
from detector.context.day import ACCOUNT
from detector.context.numbers import Numbers, NumberSet
from detector.schema import appended

DAYS: Final = 30
"""How long a tenant is remembered."""

SOURCE: Final = "portal.source"
PAIRS: Final = pl.Schema({SOURCE: pl.String, ACCOUNT: pl.String})


_TABLE: Final = "CREATE TABLE IF NOT EXISTS tenants (day INTEGER PRIMARY KEY, pairs BLOB NOT NULL, crc INTEGER)"


class Tenants:
    """The (address, account) pairs of the running day, and in the state those of the last `DAYS` closed days.

    A tenant is an account that had success there: a name that is only tried makes no tenant. Detection does not ask
    who they are: closed days are not held in memory, `detector export` reads them.
    Bounded: beyond `most_rows` pairs a day the later ones are dropped and counted.
    """

    def __init__(self, database: sqlite3.Connection, most_rows: int) -> None:
        self.database = database
        self.most_rows = most_rows
        self.evicted_count = 0
        self.today, self._known = pl.DataFrame(schema=PAIRS), NumberSet()
        database.execute(_TABLE)

    def observe(self, events: pl.DataFrame) -> None:
        """Take up who used what. Shapes: EVENT."""
        pairs = used(events)
        numbers = _numbers(pairs)
        fresh = ~self._known.has(numbers)
        new = pairs.filter(fresh)
        kept = new.head(max(0, self.most_rows - self.today.height))
        self.evicted_count += new.height - kept.height
        self._known.add(numbers[fresh][: kept.height])
        self.today = appended(self.today, kept)

    def close_day(self, today: date) -> None:
        """Keep the running day and forget those too old, inside the caller's transaction."""
        rows.write(self.database, "tenants", [(today.toordinal(), frames.pack(self.today))])
        self.database.execute("DELETE FROM tenants WHERE day <= ?", (today.toordinal() - DAYS,))
        self._begin(pl.DataFrame(schema=PAIRS))

    def _begin(self, today: pl.DataFrame) -> None:
        self.today, self._known = today, NumberSet()
        self._known.add(_numbers(today))

    def snapshot(self) -> dict[str, bytes]:
        """Return the running day, for `restore`."""
        return {"tenants.today": frames.pack(self.today)}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the running day that `snapshot` gave; a state from before there were tenants has none."""
        if "tenants.today" in saved:
            self._begin(frames.unpack(saved["tenants.today"]))


def used(events: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of addresses and accounts that had success. Shapes: EVENT -> PAIRS, each once."""
    return (
        events.lazy()
        .filter(pl.col("event.outcome") == "success")
        .select(PAIRS.names())
        .drop_nulls()
        .unique(maintain_order=True)
        .collect()
    )


def _numbers(pairs: pl.DataFrame) -> Numbers:
    numbers: Numbers = pairs.hash_rows().to_numpy()
    return numbers
