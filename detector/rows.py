"""Write rows of a state with a checksum, and know one that is not as it was written: SQLite keeps pages, not rows.

A sealed table has the checksum of all its other columns in the last one, `crc`. A row without one is of before.
"""

import sqlite3
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from detector.errors import StateDamagedError

CRC: Final = "crc"
ALTERED: Final = "it is not as it was written (checksum)"

Row = Sequence[str | bytes | int | float | None]


def crc_of(row: Row) -> int:
    """Return the checksum of the values of a row."""
    crc = 0
    for value in row:
        crc = crc32(value if isinstance(value, bytes) else str(value).encode(), crc)
    return crc


def write(database: sqlite3.Connection, table: str, rows: Iterable[Row], *, known: str = "REPLACE") -> int:
    """Write rows with their checksums, inside the transaction at hand, and return how many.

    `known`: what becomes of a row whose key is there already, REPLACE or IGNORE.
    """
    left = iter(rows)
    for first in left:
        into = f"INSERT OR {known} INTO {table} VALUES ({'?, ' * len(first)}?)"  # noqa: S608  our own
        return database.executemany(into, ((*row, crc_of(row)) for row in chain([first], left))).rowcount
    return 0


def read(
    database: sqlite3.Connection, table: str, which: str = "", values: Sequence[object] = ()
) -> Generator[tuple[Any, ...], None, None]:
    """Yield the rows of a table without their checksums; `which` is what follows its name: WHERE, ORDER BY.

    Raises: `StateDamagedError` at a row that is not as it was written.
    """
    found = database.execute(f"SELECT * FROM {table} {which}", values)  # noqa: S608  our own text
    sealed = found.description[-1][0] == CRC
    for row in found:
        if not sealed:
            yield row
        elif fits(row):
            yield row[:-1]
        else:
            raise StateDamagedError(file_of(database, table), told(database, table, row))


def fits(row: Row) -> bool:
    """Whether a row, its checksum last, is as it was written."""
    return row[-1] is None or row[-1] == crc_of(row[:-1])


def told(database: sqlite3.Connection, table: str, row: Row) -> str:
    """Return what is said of a row, from its table's first column on, that is not as it was written."""
    *schema, name = table.split(".")
    columns = database.execute(f"PRAGMA {''.join(f'{one}.' for one in schema)}table_info({name})").fetchall()
    key = [str(value) for value, (*_, place) in zip(row, columns, strict=True) if place]
    return f"{name} {' '.join(key)}: {ALTERED}"


def file_of(database: sqlite3.Connection, table: str = "") -> Path:
    """Return the file that holds a table."""
    schema = table.rpartition(".")[0] or "main"
    return Path(next(path for _, name, path in database.execute("PRAGMA database_list") if name == schema))


def unmade(database: sqlite3.Connection, names: Collection[str]) -> Iterator[str]:
    """Yield which of `names` a file lacks, of tables and triggers, and what else is in it; none where it is empty."""
    asked = "SELECT name FROM main.sqlite_master WHERE name NOT GLOB 'sqlite_*'"
    there = {name for (name,) in database.execute(asked)}
    yield from (f"{name}: it is missing" for name in sorted(set(names) - there) if there)
    yield from (f"{name}: it is none of the state's" for name in sorted(there - set(names)))


@contextmanager
def legible(database: sqlite3.Connection, table: str, key: object) -> Iterator[None]:
    """Tell of a row what it is that cannot be read of it. Raises: `StateDamagedError`."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as fault:
        what = f"{table} {key}: cannot be read: {type(fault).__name__}"
        raise StateDamagedError(file_of(database, table), what) from fault


def sealed(database: sqlite3.Connection) -> list[str]:
    """Return the names of the tables whose rows have checksums."""
    asked = (
        "SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c"
        " WHERE m.type = 'table' AND c.name = ? ORDER BY m.name"
    )
    return [name for (name,) in database.execute(asked, (CRC,)) if name != "checksum"]


def damaged(database: sqlite3.Connection, tables: Iterable[str] | None = None) -> Iterator[str]:
    """Yield the rows of sealed tables that are not as they were written."""
    for table in sealed(database) if tables is None else tables:
        for row in database.execute(f"SELECT * FROM {table}"):  # noqa: S608  our own names
            if not fits(row):
                yield told(database, table, row)


def seal(database: sqlite3.Connection) -> None:
    """Make all checksums anew, after a change that they do not know, inside the transaction at hand."""
    database.create_function(CRC, -1, lambda *row: crc_of(row), deterministic=True)
    for table in sealed(database):
        columns = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")][:-1]
        database.execute(f"UPDATE {table} SET crc = crc({', '.join(columns)})")  # noqa: S608  our own names
