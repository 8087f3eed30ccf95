"""Bound and save what is remembered of each key: a cache in memory over a table on disk."""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable
from copy import copy, deepcopy
from typing import Any, Generic, Protocol, Self, TypeVar

from detector import rows


class Remembered(Protocol):
    """What a store keeps: it tells its state as plain numbers, for JSON."""

    def numbers(self) -> Any:
        """Return the state as plain numbers."""
        ...

    @classmethod
    def from_numbers(cls, numbers: Any) -> Self:
        """Rebuild from what `numbers` told."""
        ...


_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

T = TypeVar("T", bound=Remembered)


class Store(Generic[T]):
    """One kind of memory by key; the least recently used leave memory for the table, never the world.

    What is changed is `put` again. In a `durable` state that writes it, inside the caller's transaction; else it is
    written when it leaves memory.
    """

    def __init__(
        self, database: sqlite3.Connection, kind: str, revive: Callable[[Any], T], *, most: int, durable: bool
    ) -> None:
        self.database = database
        self.kind = kind
        self.evicted_count = 0
        self._revive = revive
        self._most = most
        self._durable = durable
        self._held: OrderedDict[str, T] = OrderedDict()
        database.execute(
            "CREATE TABLE IF NOT EXISTS memory"
            " (kind TEXT, key TEXT, numbers TEXT, crc INTEGER, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy what the table does not hold: values change in place, and those that are written are read again."""
        other = memo[id(self)] = copy(self)
        other._held = OrderedDict() if self._durable else deepcopy(self._held, memo)
        return other

    @property
    def held_count(self) -> int:
        """How many are in memory."""
        return len(self._held)

    def get(self, key: str) -> T | None:
        """Return what is remembered of `key`, from memory or else from the table; None if nothing is.

        Raises: `StateDamagedError`.
        """
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
            return held
        for *_, numbers in rows.read(self.database, "memory", "WHERE kind = ? AND key = ?", (self.kind, key)):
            with rows.legible(self.database, "memory", f"{self.kind} {key}"):
                return self._hold(key, self._revive(json.loads(numbers)))
        return None

    def put(self, items: Iterable[tuple[str, T]]) -> None:
        """Keep what changed, the most recent in memory."""
        kept = list(items)
        if self._durable:
            self._write(kept)
        for key, value in kept:
            self._hold(key, value)

    def _write(self, items: Iterable[tuple[str, T]]) -> None:
        told = ((self.kind, key, _encode(value.numbers())) for key, value in items)
        rows.write(self.database, "memory", told)

    def forget(self, key: str) -> None:
        """Erase what is remembered of `key`."""
        self._held.pop(key, None)
        self.database.execute("DELETE FROM memory WHERE kind = ? AND key = ?", (self.kind, key))

    def _hold(self, key: str, value: T) -> T:
        self._held[key] = value
        self._held.move_to_end(key)
        while len(self._held) > self._most:
            oldest, evicted = self._held.popitem(last=False)
            self.evicted_count += 1
            if not self._durable:
                self._write([(oldest, evicted)])
        return value
