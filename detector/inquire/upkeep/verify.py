"""Look for every fault of a state, without changing it; beside a running detector as well."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from stat import S_IMODE
from typing import Any, Final

import polars as pl

from detector import rows
from detector.checkpoint import FILE, KEY_FILE, POSITIONS, SCHEMA_VERSION, noted_key, sums
from detector.checkpoint.opening import altered, found_version, other_version, read_only, table_names
from detector.collect.enrich.secret import read_secret
from detector.collect.source.block import Position
from detector.context import frames
from detector.emit import ledger, verdicts
from detector.emit.alert import Alert
from detector.emit.ledger import FILE as LEDGER
from detector.emit.verdicts import FILE as VERDICTS
from detector.errors import DetectorError

ARROW: Final = b"ARROW1"
NUMBERS: Final = {"acquaintance": ("pairs",), "settled": ("keys", "accounts"), "withheld": ("pairs",)}
"""Columns of 64-bit numbers, by table."""

FRAMES: Final = {"tenants": ("pairs",), "activity": ("hours", "places")}
TREES: Final = {"memory": ("numbers",), "withheld": ("numbers", "looks")}
"""Columns of JSON, by table; those of FRAMES hold Arrow."""

MADE: Final = {LEDGER: ledger.MADE, VERDICTS: verdicts.MADE}
"""What the files beside the state are made of."""

Look = Callable[[Any], object]


def faults(folder: Path) -> Iterator[str]:
    """Yield what is wrong with the state in `folder`, each with the file and the part."""
    for name in (FILE, LEDGER, VERDICTS):
        path = folder / name
        if not path.exists():
            if name == FILE:
                yield f"{path}: it is missing"
            continue
        yield from _exposed(path)
        try:
            with closing(read_only(path)) as database:
                found = [row for (row,) in database.execute("PRAGMA integrity_check")]
                yield from (f"{path}: {line}" for line in found if line != "ok")
                if name in MADE:
                    yield from (f"{path}: {told}" for told in rows.unmade(database, MADE[name]))
                    yield from (f"{path}: {told}" for told in rows.damaged(database))
                if name != FILE or found != ["ok"]:
                    continue
                if not table_names(database):
                    yield f"{path}: it is empty"
                elif (version := found_version(database)) != str(SCHEMA_VERSION):
                    yield other_version(path, version)
                else:
                    yield from (f"{path}: {told}" for told in _of_state(database, folder))
        except (sqlite3.Error, UnicodeDecodeError, DetectorError) as fault:  # SQLite quotes what is damaged
            yield f"{path}: {fault}"


def _exposed(path: Path) -> Iterator[str]:
    if (mode := S_IMODE(path.stat().st_mode)) & 0o077:
        yield f"{path}: open to others (mode {mode:04o}, required 0600)"


def _of_state(database: sqlite3.Connection, folder: Path) -> Iterator[str]:
    database.execute("BEGIN")  # all from one moment
    yield from altered(database)
    yield from sums.damaged(database)
    yield from rows.damaged(database)
    for name, body in database.execute("SELECT name, body FROM snapshot ORDER BY name"):
        yield from _unread(f"snapshot {name}", body, _part)
    for seq, body in database.execute("SELECT seq, body FROM journal ORDER BY seq"):
        yield from _unread(f"journal {seq}", body, frames.unpack)
    for columns, look in ((FRAMES, frames.unpack), (TREES, json.loads), (NUMBERS, _numbers)):
        yield from _of_tables(database, columns, look)
    yield from _of_types(database)
    yield from _of_outbox(database)
    yield from _of_positions(database)
    yield from _of_key(database, folder / KEY_FILE)


def _unread(what: str, body: bytes, look: Look) -> Iterator[str]:
    try:
        look(body)
    except (ValueError, KeyError, TypeError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as fault:
        yield f"{what}: cannot be read: {type(fault).__name__}: {str(fault).splitlines()[0] if str(fault) else ''}"


def _part(body: bytes) -> None:
    """Read a part of the snapshot as it was written: Arrow, JSON (one a line where several wait), or a word."""
    if body.startswith(ARROW):
        frames.unpack(body)
    elif body[:1] in (b"{", b"["):
        for line in body.split(b"\n"):
            json.loads(line)
    else:
        body.decode("ascii")


def _numbers(body: bytes) -> None:
    if len(body) % 8:
        raise ValueError(f"{len(body)} bytes are no 64-bit numbers")


def _of_tables(database: sqlite3.Connection, columns: dict[str, tuple[str, ...]], look: Look) -> Iterator[str]:
    there = table_names(database)
    for table in (name for name in columns if name in there):
        keys = [name for _, name, _, _, _, key in database.execute(f"PRAGMA table_info({table})") if key]
        asked = ", ".join((*keys, *columns[table]))
        for row in database.execute(f"SELECT {asked} FROM {table}"):  # noqa: S608  our own names
            key, bodies = row[: len(keys)], row[len(keys) :]
            for name, body in zip(columns[table], bodies, strict=True):
                yield from _unread(f"{table} {' '.join(map(str, key))} {name}", body, look)


def _of_types(database: sqlite3.Connection) -> Iterator[str]:
    """Yield the columns of texts and whole numbers, in all tables, that hold anything else."""
    for table in table_names(database):
        for _, name, kind, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
            other = f"SELECT count(*) FROM {table} WHERE typeof({name}) NOT IN (lower(?), 'null')"  # noqa: S608
            (count,) = database.execute(other, (kind,)).fetchone()
            if count:
                yield f"{table}: {count:,} rows with no {kind} in {name}"


def _of_outbox(database: sqlite3.Connection) -> Iterator[str]:
    if "outbox" not in table_names(database):
        return
    for seq, body in database.execute("SELECT seq, body FROM outbox ORDER BY seq"):
        yield from _unread(f"outbox {seq}", body, Alert.from_json)
    asked = "SELECT (SELECT bytes FROM outbox_size), (SELECT coalesce(sum(length(body)), 0) FROM outbox)"
    noted, held = database.execute(asked).fetchone()
    if noted != held:
        yield f"outbox: {held} bytes of alerts; noted are {noted}"


def _of_positions(database: sqlite3.Connection) -> Iterator[str]:
    for (body,) in database.execute("SELECT body FROM snapshot WHERE name = ?", (POSITIONS,)):
        yield from _unread("positions", body, lambda told: [*map(Position.from_dict, json.loads(told).values())])


def _of_key(database: sqlite3.Connection, path: Path) -> Iterator[str]:
    if path.exists():
        key = read_secret(path)
        if key.exposed:
            yield key.exposed
        key.under(noted_key(database))
