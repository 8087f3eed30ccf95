"""Know a part of the state that is not as it was written: SQLite keeps pages together, not what is in them."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from zlib import crc32

from detector.errors import StateDamagedError
from detector.rows import ALTERED, file_of

_HELD: Final = """
SELECT part, crc, (SELECT body FROM snapshot WHERE name = substr(part, 10)) FROM checksum WHERE part GLOB 'snapshot *'
UNION ALL
SELECT part, crc, (SELECT body FROM journal WHERE seq = CAST(substr(part, 9) AS INTEGER)) FROM checksum
    WHERE part GLOB 'journal *'
"""


def note(database: sqlite3.Connection, parts: Iterable[tuple[str, bytes]]) -> None:
    """Keep the checksums of parts that are written, inside the transaction at hand."""
    rows = ((part, crc32(body)) for part, body in parts)
    database.executemany("INSERT OR REPLACE INTO checksum VALUES (?, ?)", rows)


def clear(database: sqlite3.Connection) -> None:
    """Forget them all, inside the transaction at hand."""
    database.execute("DELETE FROM checksum")


def damaged(database: sqlite3.Connection) -> Iterator[str]:
    """Yield the parts that are not as they were written, and those that lack; a state of before had no sums."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'checksum'").fetchone():
        return
    for part, crc, body in database.execute(_HELD):
        if body is None:
            yield f"{part}: it is missing"
        elif crc32(body) != crc:
            yield f"{part}: {ALTERED}"


def read(
    database: sqlite3.Connection, table: str, which: str = "", values: Sequence[object] = ()
) -> Iterator[tuple[Any, bytes]]:
    """Yield the parts of a table, `snapshot` or `journal`, by name or number. Raises: `StateDamagedError`."""
    key = {"snapshot": "name", "journal": "seq"}[table]
    asked = f"SELECT {key}, body, (SELECT crc FROM checksum WHERE part = '{table} ' || {key}) FROM {table} {which}"  # noqa: S608  our own text
    for part, body, crc in database.execute(asked, values):
        if crc is not None and crc != crc32(body):
            raise StateDamagedError(file_of(database), f"{table} {part}: {ALTERED}")
        yield part, body


def drop(database: sqlite3.Connection, part: str) -> None:
    """Forget one, inside the transaction at hand."""
    database.execute("DELETE FROM checksum WHERE part = ?", (part,))
