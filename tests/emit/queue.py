"""An outbox with sinks that do as they are told, for tests of delivery."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from detector.config import Destination
from detector.emit.alert import Alert
from detector.emit.backlog import Backlog
from detector.emit.ledger import FILE, open_ledger
from detector.emit.outbox import Outbox
from detector.emit.sinks import Receipt, all_of

Answer = Callable[[Sequence[Alert]], Receipt]


def to(name: str, **options: object) -> Destination:
    return Destination(kind="memory", name=name, **options)


def failing(times: int) -> list[Answer]:
    def fail(alerts: Sequence[Alert]) -> Receipt:
        raise OSError("no room")

    return [fail] * times


class Memory:
    """A sink that gives the `answers` it is told, in turn, and then takes everything."""

    def __init__(self, name: str = "memory", answers: Sequence[Answer] = (), **options: object) -> None:
        self.options = to(name, **options)
        self.got, self.batches, self.closed = list[str](), list[int](), False
        self._answers = list(answers)

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        self.batches.append(len(alerts))
        receipt = (self._answers.pop(0) if self._answers else all_of)(alerts)
        self.got += [one.account for one in alerts if one.id in set(receipt.arrived)]
        return receipt

    def close(self) -> None:
        self.closed = True


class State:
    """A state's database with an outbox, and the ledger beside it."""

    def __init__(self, folder: Path, max_bytes: int = 2**31) -> None:
        self.path, self.ledger = folder / "state.sqlite", folder / FILE
        self.db = sqlite3.connect(self.path)
        self.db.execute("PRAGMA journal_mode = WAL")
        open_ledger(self.ledger, self.path).close()
        self.outbox = Outbox(self.db, self.ledger, max_bytes)

    def put(self, alerts: Sequence[Alert]) -> None:
        with self.db:
            self.outbox.put(alerts)

    def backlog(self, options: Destination) -> Backlog:
        return Backlog(options, self.ledger, self.path)

    def take(self, options: Destination, now_s: float = 0.0) -> list[str]:
        """Let the sink have all it waits for, and return the accounts the alerts are of."""
        got, backlog = [], self.backlog(options)
        while (batch := backlog.take(now_s)).taken:
            backlog.settle(batch, all_of(batch.alerts), lambda tries: now_s)
            got += [one.account for one in batch.alerts]
        backlog.skip(batch)
        backlog.close()
        return got

    def close(self) -> None:
        self.db.close()
