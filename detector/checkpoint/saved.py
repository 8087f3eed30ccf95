"""The state of one detector while it runs: what is loaded at its start, written and committed after each batch."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final
from weakref import finalize

import polars as pl

from detector import rows
from detector.checkpoint import sums
from detector.checkpoint.faults import named
from detector.checkpoint.lock import lock
from detector.checkpoint.opening import FILE, note_made, opened
from detector.collect.enrich.keyfile import new_key
from detector.collect.enrich.secret import Secret, read_secret
from detector.context import frames
from detector.errors import StateDamagedError

KEY_FILE: Final = "subject.key"
KEY_ID: Final = "enrich.key"
"""Name in the snapshot of the id of the key that the state's tokens are of."""

POSITIONS: Final = "reader.positions"
"""Name in the snapshot of how far each stream was read."""

TODAY: Final = "pipeline.today"
"""Name in the snapshot of the local day that is running; empty before the first."""


WHOLE: Final = ("outbox", "ruling")
"""Tables whose rows are looked at when a state is loaded. What was learned of an account is, when it is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a state directory held: the snapshot by name, and the events observed since."""

    snapshot: Mapping[str, bytes]
    journal: tuple[pl.DataFrame, ...]


class Checkpoint:
    """The state of one detector. Without a folder it lives in a private temporary one for the run.

    Raises: `StateLockedError` when another process holds the folder, `StateError` when the file is
    corrupted, foreign, or of a version that this program cannot read, `StateWriteError` when it cannot be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.journal_bytes = 0
        self._small: dict[str, bytes] = {}
        if folder is None:
            folder = Path(mkdtemp(prefix="portal-detector-"))
            self._let_go: Callable[[], object] = finalize(self, shutil.rmtree, folder, ignore_errors=True)
        else:
            self._let_go = finalize(self, os.close, lock(folder))
        self.path = folder / FILE
        self.database = opened(self.path, durable=self.durable)

    @property
    def durable(self) -> bool:
        """Whether anything outlives the run."""
        return self.folder is not None

    def load(self) -> Saved:
        """Return what was committed last; empty for a new state. Raises: `StateError` where it is damaged."""
        self._small = {}
        with named(self.path):
            there = [name for name in WHOLE if name in rows.sealed(self.database)]
            if broken := [*sums.damaged(self.database), *rows.damaged(self.database, there)]:
                raise StateDamagedError(self.path, f"damaged: {'; '.join(broken[:3])}")
            note_made(self.database)
            self.commit()
            snapshot = dict(self.database.execute("SELECT name, body FROM snapshot"))
            journal = self.database.execute("SELECT body FROM journal ORDER BY seq").fetchall()
        self.journal_bytes = sum(len(body) for (body,) in journal)
        return Saved(snapshot=snapshot, journal=tuple(frames.unpack(body) for (body,) in journal))

    def write_snapshot(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Replace the snapshot, part by part, and empty the journal, inside the transaction at hand."""
        self.database.execute("DELETE FROM snapshot")
        self.database.execute("DELETE FROM journal")
        sums.clear(self.database)
        for part in parts:  # of a large portal all of them at once are half of its memory
            self._put([part])
        self.journal_bytes, self._small = 0, {}

    def write_journal(self, events: pl.DataFrame, small: Mapping[str, bytes]) -> None:
        """Add observed events to the journal and replace the `small` parts, inside the transaction at hand.

        Where neither is new, nothing is written: a log that is quiet is looked at four times a second.
        """
        if not events.is_empty():
            body = frames.pack(events)
            row = self.database.execute("INSERT INTO journal (body) VALUES (?)", (body,))
            sums.note(self.database, [(f"journal {row.lastrowid}", body)])
            self.journal_bytes += len(body)
        changed = {name: body for name, body in small.items() if self._small.get(name) != body}
        self._put(changed.items())
        self._small |= changed

    def _put(self, parts: Collection[tuple[str, bytes]]) -> None:
        self.database.executemany("INSERT OR REPLACE INTO snapshot VALUES (?, ?)", parts)
        sums.note(self.database, [(f"snapshot {name}", body) for name, body in parts])

    def commit(self) -> None:
        """End the transaction: all that was written since the last commit is kept, or none."""
        self.database.commit()

    def subject_key(self) -> Secret | None:
        """Return the key of the tokens kept beside the state, made on first use; None without a folder."""
        if self.folder is None:
            return None
        path = self.folder / KEY_FILE
        if not path.exists():
            new_key(path)
        return read_secret(path, "state")

    def key_id(self) -> str | None:
        """Return which key the tokens in the state are of; None for a new state."""
        return noted_key(self.database)

    def close(self) -> None:
        """Let go of the file and the folder; what was not committed is dropped."""
        self.database.close()
        self._let_go()


def noted_key(database: sqlite3.Connection) -> str | None:
    """Return the id of the key that a state's tokens are of; None where none was noted."""
    row = database.execute("SELECT body FROM snapshot WHERE name = ?", (KEY_ID,)).fetchone()
    return row[0].decode(errors="replace") if row else None
