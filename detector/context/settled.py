"""Remember which accounts are at home at which key: an address, a network, a client. Who is not is new there."""

import sqlite3
from collections import deque
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from detector import rows
from detector.context.acquaintance import Pairs, pair
from detector.context.numbers import NONE, inside

DAYS: Final = 60
"""How long a key stays an account's own after it was last written down."""

AGAIN: Final = 20
"""After so many days a pair that is still in use is written down anew."""

PROBATION: Final = 3
"""Days until a key is an account's own. Assumption: few campaigns use an account on one day only, and what they do
below every limit must not make them familiar overnight."""

LEAST_POPULATION: Final = 2
"""Fewer accounts at home at a key are not counted: most addresses have one."""


_TABLE: Final = "CREATE TABLE IF NOT EXISTS settled (day INTEGER PRIMARY KEY, keys BLOB, accounts BLOB, crc INTEGER)"


class Settled:
    """The (key, account) pairs of closed days, as sorted numbers, and how many accounts each key is home to.

    Bounded: beyond `most_rows` pairs the oldest days leave early and are counted.
    """

    def __init__(self, database: sqlite3.Connection, most_rows: int) -> None:
        self.database = database
        self.most_rows = most_rows
        self.evicted_count = 0
        database.execute(_TABLE)
        self.days: deque[tuple[int, int]] = deque()
        """The closed days, and how many pairs the state holds of each."""
        self.days.extend(database.execute("SELECT day, length(keys) / 8 FROM settled ORDER BY day"))
        self._look_up(self.days[-1][0] if self.days else 0)

    def _look_up(self, closed: int) -> None:
        """Prepare for the day after `closed`."""
        self.own = self._pairs("day <= ?", closed + 1 - PROBATION)
        self.written = self._pairs("day > ?", closed - AGAIN)
        homes = rows.read(self.database, "settled", "WHERE day > ?", (closed - AGAIN,))
        found = np.concatenate([NONE, *(np.frombuffer(keys, np.uint64) for _, keys, _ in homes)])
        keys, counts = np.unique(found, return_counts=True)
        self.keys, self.counts = (values[counts >= LEAST_POPULATION] for values in (keys, counts))

    def _pairs(self, which: str, day: int) -> Pairs:
        written = rows.read(self.database, "settled", f"WHERE {which}", (day,))
        parts = (
            pair(np.frombuffer(accounts, np.uint64), np.frombuffer(keys, np.uint64)) for _, keys, accounts in written
        )
        return np.unique(np.concatenate([NONE, *parts]))

    def is_own(self, keys: Pairs, accounts: Pairs) -> npt.NDArray[np.bool_]:
        """Say of each pair whether the account is at home at the key."""
        return inside(self.own, pair(accounts, keys))

    def is_written(self, keys: Pairs, accounts: Pairs) -> npt.NDArray[np.bool_]:
        """Say of each pair whether it needs no writing down."""
        return inside(self.written, pair(accounts, keys))

    def population(self, keys: Pairs) -> npt.NDArray[np.int64]:
        """Return how many accounts have been at each key these `AGAIN` days; 0 where it is hardly one."""
        if not len(self.keys):
            return np.zeros(len(keys), np.int64)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.counts[places], 0).astype(np.int64)

    def learn(self, today: date, keys: Pairs, accounts: Pairs) -> None:
        """Write down the pairs of a closed day, and forget those too old, inside the caller's transaction."""
        ordinal = today.toordinal()
        self.days.append((ordinal, len(keys)))
        rows.write(self.database, "settled", [(ordinal, keys.tobytes(), accounts.tobytes())])
        while self.days[0][0] <= ordinal - DAYS:
            self.days.popleft()
        while len(self.days) > 1 and sum(count for _, count in self.days) > self.most_rows:
            self.evicted_count += self.days.popleft()[1]
        self.database.execute("DELETE FROM settled WHERE day < ?", (self.days[0][0],))
        self._look_up(ordinal)
