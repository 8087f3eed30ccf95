"""Take an older state over as far as it can be: what was learned in other numbers cannot, where reading was can.

Of versions 1 and 2 the models are other ones than today's: nothing turns the one into the other. What holds no model
stays: how far logs were read with the events held back at that moment, alerts with how far each sink is, verdicts, key.
Version 3 lacks nothing but checksums of rows: it is taken over whole.
"""

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from detector import rows
from detector.checkpoint import sums
from detector.checkpoint.copying import copy
from detector.checkpoint.faults import named
from detector.checkpoint.lock import locked
from detector.checkpoint.opening import (
    SCHEMA_VERSION,
    TABLES,
    file_in,
    found_version,
    note_made,
    note_version,
    other_version,
    table_names,
)
from detector.checkpoint.saved import KEY_ID, POSITIONS
from detector.context.intake import NAME as INTAKE
from detector.context.intake import Intake
from detector.errors import StateError
from detector.schema import EVENT

OLDER: Final = ("1", "2", "3")
WHOLE: Final = "3"
"""The oldest version of which nothing is lost."""

HELD: Final = ("order.held", "order.waiting")
KEPT: Final = (POSITIONS, "order.json", INTAKE, KEY_ID)
SEALED: Final = (
    "acquaintance", "activity", "memory", "outbox", "ruling", "session", "settled", "tenants", "withheld",
)  # fmt: skip
"""Tables whose rows have checksums from version 4 on."""

KEPT_TABLES: Final = ("meta", "snapshot", "journal", "checksum", "outbox", "outbox_size", "ruling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """A state of an older version: what of it would be lost, and what is kept."""

    version: str
    accounts: int
    incidents: int
    alerts: int
    logs: int

    @property
    def whole(self) -> bool:
        """Whether nothing of it would be lost."""
        return self.version >= WHOLE


def look(folder: Path) -> Older | None:
    """Return what an older state in `folder` holds; None where it is of this version. Raises: `StateError`."""
    path = file_in(folder)
    with named(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as database:
        version = found_version(database)
        if version == str(SCHEMA_VERSION):
            return None
        if version not in OLDER:
            raise StateError(other_version(path, version))
        counts = (
            "SELECT count(*) FROM memory WHERE kind = 'account'" if "memory" in table_names(database) else "SELECT 0",
            "SELECT count(*) FROM snapshot WHERE name GLOB 'Incidents/open *'",
            "SELECT count(*) FROM outbox",
            f"SELECT count(*) FROM snapshot, json_each(body) WHERE name = '{POSITIONS}'",  # noqa: S608  our own name
        )
        accounts, incidents, alerts, logs = (database.execute(asked).fetchone()[0] for asked in counts)
    return Older(version=version, accounts=accounts, incidents=incidents, alerts=alerts, logs=logs)


def migrate(folder: Path, backup: Path) -> None:
    """Copy the older state in `folder` to `backup`, then bring it to this version; memory that cannot be begins anew.

    Raises: `StateLockedError`, `StateError`, `StateWriteError`; then it is as it was.
    """
    with locked(folder):
        copy(folder, backup, with_key=True)
        path = file_in(folder)
        with named(path), closing(sqlite3.connect(path)) as database:
            with database:
                database.execute("BEGIN IMMEDIATE")
                if found_version(database) != WHOLE:
                    _turn(database)
                _seal(database)
                note_version(database)
                note_made(database)
            database.execute("VACUUM")


def _turn(database: sqlite3.Connection) -> None:
    parts = dict(_parts(database))
    for table in table_names(database):
        if table not in KEPT_TABLES:
            database.execute(f"DROP TABLE {table}")
    for statement in TABLES.split(";"):
        database.execute(statement)
    for table in ("snapshot", "journal", "checksum", "meta"):
        database.execute(f"DELETE FROM {table}")  # noqa: S608  our own names
    database.executemany("INSERT INTO snapshot VALUES (?, ?)", parts.items())
    sums.note(database, [(f"snapshot {name}", body) for name, body in parts.items()])


def _seal(database: sqlite3.Connection) -> None:
    for table in set(SEALED).intersection(table_names(database)).difference(rows.sealed(database)):
        database.execute(f"ALTER TABLE {table} ADD COLUMN {rows.CRC} INTEGER")
    rows.seal(database)


def _parts(database: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    """Yield the parts that are kept; none of a state that has read nothing yet."""
    saved = dict(database.execute("SELECT name, body FROM snapshot"))
    if POSITIONS not in saved:
        return
    yield from Intake().snapshot().items()  # of version 1, which counted no days
    yield from ((name, saved[name]) for name in KEPT if name in saved)
    yield from ((name, _events(saved[name])) for name in HELD)


def _events(body: bytes) -> bytes:
    """Return events that were held back with the columns of today's: what they lack is not known of them."""
    if not body:
        return body
    frame = pl.read_ipc(body)
    own = {name: kind for name, kind in frame.schema.items() if name.startswith(("order.", "portal.late"))}
    schema = pl.Schema({**EVENT, **own})
    lacking = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in frame.columns]
    buffer = io.BytesIO()
    frame.with_columns(lacking).select(schema.names()).write_ipc(buffer, compression="zstd")
    return buffer.getvalue()
