"""`detector state forget`: no byte of whom it erases is left, whatever part of a state they were in."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
from click.testing import CliRunner

from detector import rows
from detector.checkpoint import Checkpoint, table_names
from detector.cli import main
from detector.context import frames
from detector.context.acquaintance import pair
from detector.emit.ledger import FILE as LEDGER
from detector.emit.verdicts import FILE as VERDICTS
from detector.inquire.upkeep.erase.numbers import numbers_of
from detector.inquire.upkeep.erase.tables import NAMELESS, SEARCHED
from tests.cli.in_process import state_command, tailed


def everything(folder: Path) -> bytes:
    """Return the bytes of all files, and of all that is packed in the state."""
    plain = b"".join(path.read_bytes() for path in folder.iterdir())
    with closing(sqlite3.connect(folder / "state.sqlite")) as database:
        for table in ("snapshot", "journal"):
            for (body,) in database.execute(f"SELECT body FROM {table}"):
                plain += frames.unpack(body).write_ndjson().encode() if body.startswith(b"ARROW1") else body
        for hours, places in database.execute("SELECT hours, places FROM activity"):
            plain += frames.unpack(hours).write_ndjson().encode() + frames.unpack(places).write_ndjson().encode()
        for (pairs,) in database.execute("SELECT pairs FROM tenants"):
            plain += frames.unpack(pairs).write_ndjson().encode()
    return plain


FORGET = ("forget", "holder-of-1", "--reason", "case 7", "--yes", "--state")


def numbers(folder: Path) -> set[int]:
    """Return all 64-bit numbers of a state: in columns of frames, and in windows that are numbers alone."""
    with closing(sqlite3.connect(folder / "state.sqlite")) as database:
        bodies = [
            body for table in ("snapshot", "journal") for (body,) in database.execute(f"SELECT body FROM {table}")
        ]
        told = [np.frombuffer(body, np.uint64) for (body,) in database.execute("SELECT accounts FROM settled")]
    for frame in (frames.unpack(body) for body in bodies if body.startswith(b"ARROW1")):
        told += [column.drop_nulls().to_numpy() for column in frame.select(pl.col(pl.UInt64)).get_columns()]
    return set(np.concatenate(told).tolist())


def test_an_account_that_is_forgotten_leaves_no_byte(made, state, tmp_path):
    theirs = set(numbers_of(["holder-of-1", "holder-of-1 192.0.2.1"]).tolist())
    assert theirs <= numbers(state)
    assert b'holder-of-1"' in everything(state)
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        rows.write(database, "session", [("s1", "holder-of-1", 0), ("s0", "holder-of-0", 0)])
    done = state_command(*FORGET, state)
    assert done.exit_code == 0, done.output
    left = everything(state).replace(b"holder-of-10", b"")
    assert b"holder-of-1" not in left
    assert b"holder-of-0" in left
    assert not theirs & numbers(state)
    with closing(sqlite3.connect(state / "state.sqlite")) as database:
        assert database.execute("SELECT id FROM session").fetchall() == [("s0",)]
    note = json.loads((state / "erasures.jsonl").read_text())
    assert (note["action"], note["what"], note["reason"]) == ("erased", "account", "case 7")
    assert state_command("verify", "--state", state).exit_code == 0
    again = state_command(*FORGET, state)
    assert again.exit_code == 3
    assert "near it: holder-of-2, holder-of-0" in again.output
    assert tailed(made / "access.log", tmp_path).exit_code == 0


def test_every_table_of_a_state_is_one_that_is_searched_or_names_nobody(state):
    """A new table has to say which of the two it is."""
    beside = {LEDGER: {"sink", "held"}, VERDICTS: {"verdict"}}
    for name, expected in ({"state.sqlite": SEARCHED | NAMELESS} | beside).items():
        with closing(sqlite3.connect(state / name)) as database:
            assert set(table_names(database)) == expected, name


def test_a_name_that_is_spelled_otherwise_is_told(state):
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        database.execute("INSERT INTO seen VALUES ('Holder-Of-1', 1)")
    assert "still there: Holder-Of-1: spelled otherwise" in state_command(*FORGET, state).stderr
    missed = state_command("forget", "HOLDER-OF-2", "--reason", "r", "--yes", "--state", state)
    assert missed.exit_code == 3
    assert "near it: holder-of-2" in missed.output


def test_a_person_that_is_forgotten_leaves_no_byte_nor_a_pair_with_an_account_of_before(made, state, tmp_path):
    lines = (made / "access.log").read_text().splitlines(keepends=True)
    (tmp_path / "access.log").write_text(lines[0])
    key = (state / "subject.key").read_text().split()[-1]
    parsed = CliRunner().invoke(main, ["parse", str(tmp_path / "access.log")], env={"PORTAL_DETECTOR_KEY": key})
    token = json.loads(parsed.stdout.splitlines()[0])["portal.subject"]
    theirs = pair(numbers_of(["holder-of-0"]), numbers_of([token]))
    with closing(sqlite3.connect(state / "state.sqlite")) as database, database:
        for table in ("memory", "seen"):
            database.execute(f"DELETE FROM {table}")
        assert np.isin(theirs, _pairs(database)).all()
    done = state_command("forget", "--subject", token, "--reason", "request 31", "--yes", "--state", state)
    assert done.exit_code == 0, done.output
    assert token.encode() not in everything(state)
    with closing(sqlite3.connect(state / "state.sqlite")) as database:
        assert not np.isin(theirs, _pairs(database)).any()
    assert state_command("verify", "--state", state).exit_code == 0


def _pairs(database: sqlite3.Connection) -> np.ndarray:
    bodies = [body for (body,) in database.execute("SELECT pairs FROM acquaintance")]
    return np.concatenate([np.frombuffer(body, np.uint64) for body in bodies])


def test_nobody_is_forgotten_beside_a_detector_nor_with_alerts_or_lines_on_their_way(state):
    with closing(Checkpoint(state)):
        held = state_command(*FORGET, state)
    assert held.exit_code == 4
    assert "held by another detector" in held.output
    spool = state / "received" / "udp:127.0.0.1:5514"
    spool.mkdir(parents=True)
    (spool / "received-2026-03-02.0001").write_text("\nnames somebody\n")
    unread = state_command(*FORGET, state)
    assert unread.exit_code == 2
    assert "15 bytes were received and not read yet" in unread.output
    told = json.loads(state_command("info", "--state", state, "-o", "json").output)["received"]
    assert told == [{"name": "udp:127.0.0.1:5514", "size_bytes": 16, "unread_bytes": 15}]
    with closing(sqlite3.connect(state / "delivery.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE sink SET upto = 0")
    waiting = state_command(*FORGET, state)
    assert waiting.exit_code == 2
    assert "alerts that name them wait" in waiting.output
    named_reason = state_command("forget", "holder-of-1", "--reason", "holder-of-1", "--yes", "--state", state)
    assert named_reason.exit_code == 2
