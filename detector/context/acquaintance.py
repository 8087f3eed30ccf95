"""Remember which insured persons each account has been shown before: patients return, victims do not."""

import sqlite3
from collections import deque
from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from detector import rows
from detector.context.day import KEY
from detector.context.numbers import NONE, Numbers, NumberSet, inside

DAYS: Final = 30
"""How long an acquaintance lasts. Assumption: most patients of a practice who return do so within a month."""

Pairs = Numbers

_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio, odd. Source: Knuth, The Art of Computer Programming, vol. 3, section 6.4."""


def pairs_of(shown: pl.DataFrame) -> Pairs:
    """Return a number for each pair of account and person. Shapes: n rows with `account_key`, `portal.subject` -> n."""
    return pair(shown.get_column(KEY).to_numpy(), shown.get_column("portal.subject").to_numpy())


def pair(accounts: Pairs, others: Pairs) -> Pairs:
    """Return a number for each account together with what stands beside it."""
    numbers: Pairs = (accounts * _SPREAD) ^ others
    return numbers


_TABLE: Final = "CREATE TABLE IF NOT EXISTS acquaintance (day INTEGER PRIMARY KEY, pairs BLOB NOT NULL, crc INTEGER)"


class Acquaintance:
    """The pairs of account and person of the last `DAYS` closed days and of the running one, as sorted numbers.

    Bounded: beyond `most_rows` pairs the oldest days leave early and are counted. Two pairs of 20 million have the
    same number with a chance of one in 90,000.
    """

    def __init__(self, database: sqlite3.Connection, most_rows: int) -> None:
        self.database = database
        self.most_rows = most_rows
        self.evicted_count = 0
        database.execute(_TABLE)
        self.days: deque[tuple[int, int]] = deque()
        """The closed days, and how many pairs the state holds of each."""
        self.days.extend(database.execute("SELECT day, length(pairs) / 8 FROM acquaintance ORDER BY day"))
        self.past = self._past()
        self.today = NumberSet()

    def _past(self) -> Pairs:
        days = rows.read(self.database, "acquaintance")
        return np.unique(np.concatenate([NONE, *(np.frombuffer(pairs, np.uint64) for _, pairs in days)]))

    def meet(self, pairs: Pairs) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Say of each pair whether it is the first time today, and whether it is the first time ever remembered."""
        places = np.argsort(pairs, kind="stable")
        places = places[np.diff(pairs[places], prepend=~pairs[places[:1]]) != 0]  # the first row of each pair
        unique = pairs[places]
        fresh = ~self.today.has(unique)
        first, stranger = np.zeros(len(pairs), dtype=np.bool_), np.zeros(len(pairs), dtype=np.bool_)
        first[places[fresh]] = True
        stranger[places[fresh]] = ~inside(self.past, unique[fresh])
        self.resume(unique[fresh])
        return first, stranger

    def resume(self, pairs: Pairs) -> None:
        """Take `pairs` for seen today."""
        self.today.add(pairs)

    def clear(self) -> None:
        """Begin a new day."""
        self.today = NumberSet()

    def recall(self, days: Mapping[int, Pairs]) -> None:
        """Remember pairs of earlier days, which were held back until now; `learn` of the running day follows."""
        known = dict(self.days)
        for day, pairs in days.items():
            before = (row[1] for row in rows.read(self.database, "acquaintance", "WHERE day = ?", (day,)))
            known[day] = self._write(day, np.concatenate([*(np.frombuffer(body, np.uint64) for body in before), pairs]))
        self.days = deque(sorted(known.items()))

    def learn(self, today: date, pairs: Pairs) -> None:
        """Remember the pairs of a closed day, and forget those too old, inside the caller's transaction."""
        self.days.append((today.toordinal(), self._write(today.toordinal(), pairs)))
        while self.days and self.days[0][0] <= today.toordinal() - DAYS:
            self.days.popleft()
        while len(self.days) > 1 and sum(count for _, count in self.days) > self.most_rows:
            self.evicted_count += self.days.popleft()[1]
        self.database.execute("DELETE FROM acquaintance WHERE day < ?", (self.days[0][0],))
        self.past = self._past()

    def _write(self, day: int, pairs: Pairs) -> int:
        rows.write(self.database, "acquaintance", [(day, np.sort(pairs).tobytes())])
        return len(pairs)
