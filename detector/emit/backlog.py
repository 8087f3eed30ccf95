"""What one sink has not had yet: taken in batches, settled alert by alert."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detector import clock
from detector.config import Destination
from detector.emit.alert import Alert
from detector.emit.ledger import open_ledger
from detector.emit.sinks import Receipt
from detector.rows import ALTERED, fits

_SENT_BACK: Final = """
SELECT seq, tries, id, body, crc FROM sent_back WHERE sink = :sink AND NOT dead AND due <= :now ORDER BY seq LIMIT :most
"""

_NEW: Final = "SELECT seq, 0, id, body, crc FROM new WHERE sink = :sink AND seq <= :last ORDER BY seq LIMIT :most"

_WAITING: Final = """
SELECT (SELECT count(*) FROM new WHERE sink = :sink) +
    (SELECT count(*) FROM sent_back WHERE sink = :sink AND NOT dead)
"""


class AlertDamagedError(Exception):
    """An alert that is not as it was written: it is brought to no sink."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One alert on its way: its number, how often it was sent back before, and its record as the outbox keeps it."""

    seq: int
    tries: int
    id: str
    body: str
    crc: int | None

    @property
    def alert(self) -> Alert:
        """The alert. Raises: `AlertDamagedError`; KeyError, where another version wrote it in other words."""
        if not fits((self.seq, self.id, self.body, self.crc)):
            raise AlertDamagedError(f"outbox {self.seq}: {ALTERED}")
        return Alert.from_json(self.body)


@dataclass(frozen=True, slots=True)
class Batch:
    """Alerts on their way; when all are settled, everything up to `upto` was looked at."""

    taken: tuple[Taken, ...]
    upto: int

    @property
    def alerts(self) -> list[Alert]:
        """The alerts, oldest first."""
        return [one.alert for one in self.taken]


class Backlog:
    """The alerts that one sink waits for, by its own connection to ledger and state. The outbox knows the sink."""

    def __init__(self, options: Destination, ledger: Path, state: Path) -> None:
        self._options, self._sink = options, options.label
        self._db = open_ledger(ledger, state)

    def take(self, now_s: float) -> Batch:
        """Return the oldest alerts: those sent back that are due again, then new ones."""
        (last,) = self._db.execute("SELECT coalesce(max(seq), 0) FROM state.outbox").fetchone()
        most, size, taken = self._options.batch_count, 0, list[Taken]()
        for query in (_SENT_BACK, _NEW):
            told = {"sink": self._sink, "now": now_s, "last": last, "most": most - len(taken)}
            for one in itertools.starmap(Taken, self._db.execute(query, told).fetchall()):
                size += len(one.body)
                if taken and size > self._options.batch_bytes:
                    return Batch(tuple(taken), taken[-1].seq)
                taken.append(one)
        return Batch(tuple(taken), taken[-1].seq if len(taken) == most else last)

    def settle(self, batch: Batch, receipt: Receipt, due: Callable[[int], float]) -> None:
        """Note what became of `batch`. `due` says when an alert that was sent back so often is tried again.

        New alerts at the end of the batch that did not arrive are not passed: they come again in their order.
        """
        arrived, refused, upto = set(receipt.arrived), receipt.refused, batch.upto
        back = [one for one in batch.taken if one.id not in arrived and one.id not in refused]
        for one in reversed(batch.taken):
            if one.tries or not back or one is not back[-1]:
                break
            upto = back.pop().seq - 1
        done = [one for one in batch.taken if one.id in arrived]
        with self._db:
            self._db.executemany(
                "DELETE FROM held WHERE sink = ? AND seq = ?", [(self._sink, one.seq) for one in done if one.tries]
            )
            for one in batch.taken:
                if one.id in refused:
                    self._hold(one, refused[one.id], dead=True, due=0.0)
            for one in back:
                self._hold(one, receipt.fault, dead=False, due=due(one.tries))
            self._db.execute(
                "UPDATE sink SET upto = max(upto, ?), delivered = delivered + ? WHERE name = ?",
                (upto, len(done), self._sink),
            )

    def _hold(self, one: Taken, reason: str, *, dead: bool, due: float) -> None:
        values = (dead, reason, clock.rfc3339(clock.now()), one.tries + 1, due, self._sink, one.seq)
        if one.tries:  # what was dropped meanwhile stays dropped: a row that was there, a number passed over
            self._db.execute(
                "UPDATE held SET dead = ?, reason = ?, at = ?, tries = ?, due = ? WHERE sink = ? AND seq = ?", values
            )
        else:
            self._db.execute(
                "INSERT INTO held (dead, reason, at, tries, due, sink, seq) SELECT ?,?,?,?,?, name, seq"
                " FROM (SELECT ? AS name, ? AS seq) JOIN sink USING (name) WHERE seq > upto",
                values,
            )

    def skip(self, batch: Batch) -> None:
        """Note that nothing up to the end of an empty `batch` was wanted."""
        with self._db:
            self._db.execute(
                "UPDATE sink SET upto = ? WHERE name = ? AND upto < ?", (batch.upto, self._sink, batch.upto)
            )

    def note_fault(self, reason: str) -> None:
        """Keep the latest fault of the sink, for who asks from outside."""
        with self._db:
            self._db.execute(
                "UPDATE sink SET fault = ?, fault_at = ? WHERE name = ?",
                (reason, clock.rfc3339(clock.now()), self._sink),
            )

    def hurry(self) -> None:
        """Make what was sent back due now."""
        with self._db:
            self._db.execute("UPDATE held SET due = 0 WHERE sink = ? AND NOT dead", (self._sink,))

    @property
    def holds(self) -> bool:
        """Whether alerts that were sent back wait for their time."""
        return bool(self._db.execute("SELECT 1 FROM sent_back WHERE sink = ? AND NOT dead", (self._sink,)).fetchone())

    def waiting(self) -> int:
        """Return how many alerts the sink still has to get; dead letters are none of them."""
        (count,) = self._db.execute(_WAITING, {"sink": self._sink}).fetchone()
        return int(count)

    def close(self) -> None:
        """Let go of the files."""
        self._db.close()
