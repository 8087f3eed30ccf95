"""Tell what a state holds, and how large each part of it is; beside a running detector as well."""

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from detector.checkpoint import FILE, POSITIONS, sums, table_names
from detector.checkpoint.opening import NOTED
from detector.collect.source.block import Position
from detector.collect.source.receive import spooled
from detector.context.intake import NAME as INTAKE
from detector.context.intake import Intake
from detector.emit import verdicts
from detector.emit.ledger import FILE as LEDGER
from detector.emit.ledger import open_ledger
from detector.emit.letters import Standing, standings
from detector.inquire.state import open_incidents


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """How far one file of a stream was read, in bytes."""

    stream: str
    path: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """Raw lines that were received at one address and lie beside the state, those not read yet among them."""

    name: str
    size_bytes: int
    unread_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a state holds. `parts` and `tables`: rows and bytes by name; `first_day` and `last_event` in event time."""

    versions: Mapping[str, str]
    key: str | None
    files: Mapping[str, int]
    parts: Mapping[str, tuple[int, int]]
    tables: Mapping[str, tuple[int, int]]
    accounts: int
    reading: tuple[ReadFile, ...]
    received: tuple[Spooled, ...]
    incidents_open: int
    alerts: int
    verdicts: int
    sinks: tuple[Standing, ...]
    first_day: date | None
    last_event: datetime | None


def contents(folder: Path, database: sqlite3.Connection, key: str | None) -> Contents:
    """Tell of the state in `folder`, which `state.reading` has opened; `key` is the id of the key of its tokens."""
    tables = {name: _size(database, name) for name in table_names(database)}
    intake, read = _intake(database), positions(database)
    return Contents(
        versions=dict(database.execute("SELECT name, value FROM meta WHERE name <> ? ORDER BY name", (NOTED,))),
        key=key,
        files={one.name: one.stat().st_size for one in sorted(folder.iterdir()) if one.is_file()},
        parts=_parts(database),
        tables=tables,
        accounts=_accounts(database) if "memory" in tables else 0,  # a state that was just migrated has none
        reading=_reading(read),
        received=_received(folder, read),
        incidents_open=len(open_incidents(database)),
        alerts=tables["outbox"][0],
        verdicts=len(verdicts.read(folder)),
        sinks=_sinks(folder),
        first_day=min(intake.days, default=None),
        last_event=intake.last,
    )


def _accounts(database: sqlite3.Connection) -> int:
    (count,) = database.execute("SELECT count(*) FROM memory WHERE kind = 'account'").fetchone()
    return int(count)


def _size(database: sqlite3.Connection, table: str) -> tuple[int, int]:
    columns = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
    summed = " + ".join(f'coalesce(sum(length("{name}")), 0)' for name in columns)
    rows, size = database.execute(f"SELECT count(*), {summed} FROM {table}").fetchone()  # noqa: S608  its own names
    return rows, size


def _parts(database: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Return the parts of the snapshot by the stage they are of: what is before the first sign of its name."""
    rows, sizes = Counter[str](), Counter[str]()
    for name, size in database.execute("SELECT name, length(body) FROM snapshot ORDER BY name"):
        stage = name.split("/")[0].split(".")[0]
        rows[stage] += 1
        sizes[stage] += size
    return {stage: (rows[stage], size) for stage, size in sizes.items()}


def _part(database: sqlite3.Connection, name: str) -> bytes | None:
    return next((body for _, body in sums.read(database, "snapshot", "WHERE name = ?", (name,))), None)


def positions(database: sqlite3.Connection) -> dict[str, Position]:
    """Return how far each stream was read."""
    told = json.loads(_part(database, POSITIONS) or b"{}")
    return {name: Position.from_dict(plain) for name, plain in sorted(told.items())}


def _reading(read: Mapping[str, Position]) -> tuple[ReadFile, ...]:
    return tuple(
        ReadFile(stream=one.stream, path=mark.path, offset=mark.offset) for one in read.values() for mark in one.files
    )


def _received(folder: Path, read: Mapping[str, Position]) -> tuple[Spooled, ...]:
    offsets = {os.path.realpath(mark.path): mark.offset for one in read.values() for mark in one.files}
    told = []
    for spool in spooled(folder):
        sizes = dict[str, int]()
        for path in spool.iterdir():
            with suppress(FileNotFoundError):  # a detector has read it meanwhile
                sizes[os.path.realpath(path)] = path.stat().st_size
        unread = sum(max(0, size - offsets.get(path, 1)) for path, size in sizes.items())
        told.append(Spooled(name=spool.name, size_bytes=sum(sizes.values()), unread_bytes=unread))
    return tuple(told)


def _intake(database: sqlite3.Connection) -> Intake:
    intake, saved = Intake(), _part(database, INTAKE)
    if saved is not None:
        intake.restore({INTAKE: saved})
    return intake


def _sinks(folder: Path) -> tuple[Standing, ...]:
    if not (folder / LEDGER).exists() or not os.access(folder, os.W_OK):  # SQLite needs to write beside it, to read
        return ()
    with closing(open_ledger(folder / LEDGER, folder / FILE)) as ledger:
        return tuple(standings(ledger))
