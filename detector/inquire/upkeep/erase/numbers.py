"""Find the accounts that a state knows, and the numbers that stand for them and their sessions: windows keep those."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

import numpy as np
import polars as pl
import polars_hash as plh

from detector.context import frames
from detector.context.day import ACCOUNT
from detector.context.numbers import Numbers
from detector.inquire.upkeep.verify import ARROW, FRAMES

_NAMES: Final = {
    "memory": "iif(kind = 'account', key, NULL)",
    "seen": "account",
    "withheld": "account",
    "session": "name",
}
_BESIDE: Final = ("portal.session", "portal.source")


def numbers_of(words: Collection[str]) -> Numbers:
    """Return the number of each word, as windows have it."""
    known = pl.DataFrame({"word": list(words)}, schema={"word": pl.String})
    return known.select(plh.col("word").nchash.xxhash64()).to_series().to_numpy()


def account_names(database: sqlite3.Connection) -> set[str]:
    """Return the accounts that are named in whatever part of a state, those it has no models of any more too."""
    found = {name for table, column in _NAMES.items() for name in _column(database, table, column)}
    for frame in _frames(database):
        if ACCOUNT in frame.columns:
            found |= set(frame.get_column(ACCOUNT).drop_nulls().unique())
    return found


def account_numbers(database: sqlite3.Connection) -> Numbers:
    """Return the numbers of all accounts that a state knows of."""
    settled = [np.frombuffer(body, np.uint64) for body in _column(database, "settled", "accounts")]
    return np.unique(np.concatenate([numbers_of(account_names(database)), *settled]))


def runs_of(database: sqlite3.Connection, account: str) -> tuple[int, ...]:
    """Return the numbers of an account's sessions, and of it at its addresses, as far as the state still has these."""
    beside = {id_ for id_, name in _rows(database, "session", "id, name") if name == account}
    for frame in _frames(database):
        if ACCOUNT in frame.columns:
            own = frame.filter(pl.col(ACCOUNT) == account)
            beside |= {word for name in _BESIDE if name in own.columns for word in own.get_column(name).drop_nulls()}
    return tuple(numbers_of([account, *(f"{account} {word}" for word in sorted(beside))]).tolist())


def _column(database: sqlite3.Connection, table: str, column: str) -> Iterator[Any]:
    return (value for (value,) in _rows(database, table, column) if value is not None)


def _rows(database: sqlite3.Connection, table: str, columns: str) -> Iterable[Any]:
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is None:
        return ()
    return database.execute(f"SELECT {columns} FROM {table}")  # noqa: S608  our own names


def _frames(database: sqlite3.Connection) -> Iterator[pl.DataFrame]:
    tables = {"snapshot": ("body",), "journal": ("body",)} | FRAMES
    for table, columns in tables.items():
        for column in columns:
            yield from (frames.unpack(body) for body in _column(database, table, column) if body.startswith(ARROW))
