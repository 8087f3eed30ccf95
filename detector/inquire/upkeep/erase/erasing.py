"""Erase from all files of a state that nobody holds, then rewrite them, so that no freed page keeps what it had."""

import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from detector import rows
from detector.checkpoint import FILE, Checkpoint, file_in
from detector.checkpoint.faults import named
from detector.collect.source.receive import FOLDER as RECEIVED
from detector.collect.source.receive import sweep
from detector.emit import verdicts
from detector.emit.ledger import FILE as LEDGER
from detector.emit.ledger import open_ledger
from detector.errors import DetectorError, StateDamagedError
from detector.inquire.upkeep.contents import positions
from detector.inquire.upkeep.erase.tables import Erasure
from detector.inquire.upkeep.erase.whom import Whom


def erase(folder: Path, whom: Whom) -> Counter[str]:
    """Erase `whom` from the state in `folder`, and return what was found, by table; nothing found changes nothing.

    Raises: `StateLockedError` beside a detector, `DetectorError` while alerts that name them wait for a sink, or lines
    to be read.
    """
    file_in(folder)
    with closing(Checkpoint(folder)) as checkpoint, named(checkpoint.path):
        checkpoint.load()  # refused where it is damaged
        if broken := list(rows.damaged(checkpoint.database)):
            raise StateDamagedError(checkpoint.path, f"damaged: {'; '.join(broken[:3])}")
        _refuse_waiting(folder, whom)
        database = checkpoint.database
        _refuse_unread(folder, database)
        database.execute("PRAGMA secure_delete = ON")
        erasure = Erasure(database, whom)
        with database:
            erasure.run()
        found = erasure.found + _verdicts(folder, whom) + _ledger(folder, whom)
        if found:
            _rewrite(database)
    return found


def still_named(folder: Path, whom: Whom) -> list[Path]:
    """Return the files in `folder` that have the word in plain bytes."""
    words = {whom.word.encode(), json.dumps(whom.word)[1:-1].encode()}
    either = b"|".join(map(re.escape, sorted(words)))
    asked = re.compile(rb"(?<![\w@-])(?:" + either + rb")(?![\w@-])")
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and asked.search(path.read_bytes())]


def _refuse_waiting(folder: Path, whom: Whom) -> None:
    if not (folder / LEDGER).is_file():
        return
    asked = "SELECT sink, id, body FROM new UNION SELECT sink, id, body FROM sent_back"
    with closing(open_ledger(folder / LEDGER, folder / FILE)) as ledger:
        waiting = Counter(sink for sink, _, body in ledger.execute(asked) if whom.named_in(body))
    if waiting:
        told = ", ".join(f"{count:,} for {sink}" for sink, count in sorted(waiting.items()))
        raise DetectorError(
            f"{folder}: alerts that name them wait: {told}; let them arrive, or drop them with `detector outbox drop`"
        )


def _refuse_unread(folder: Path, database: sqlite3.Connection) -> None:
    """Remove what was received and read; what was not read yet is raw, and names people."""
    if unread := sweep(folder, positions(database)):
        raise DetectorError(
            f"{folder / RECEIVED}: {unread:,} bytes were received and not read yet, and may name them: let the detector"
            " read them first, as with `detector tail --once` and the former addresses"
        )


def _verdicts(folder: Path, whom: Whom) -> Counter[str]:
    noted = [(one.seq, one.note) for one in verdicts.read(folder) if whom.named_in(one.note)]
    for seq, note in noted:
        verdicts.change(folder, "UPDATE verdict SET note = ? WHERE seq = ?", (whom.text(note), seq))
    if noted:
        with closing(sqlite3.connect(folder / verdicts.FILE)) as database:
            _rewrite(database)
    return Counter({"verdicts": len(noted)} if noted else {})


def _ledger(folder: Path, whom: Whom) -> Counter[str]:
    """Take the word out of what sinks said; which alerts were refused goes with the alerts."""
    found = Counter[str]()
    if not (folder / LEDGER).is_file():
        return found
    with closing(open_ledger(folder / LEDGER, folder / FILE)) as ledger:
        ledger.execute("PRAGMA secure_delete = ON")
        for table, column in (("held", "reason"), ("sink", "fault")):
            said = [text for (text,) in ledger.execute(f"SELECT {column} FROM {table}") if text]  # noqa: S608
            changed = [(whom.text(text), text) for text in said if whom.named_in(text)]
            with ledger:
                ledger.executemany(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", changed)  # noqa: S608
            found["delivery"] += len(changed)
        ledger.execute("DETACH state")
        _rewrite(ledger)
    return +found


def _rewrite(database: sqlite3.Connection) -> None:
    """Write the file anew without its freed pages, and nothing beside it."""
    database.execute("VACUUM")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
