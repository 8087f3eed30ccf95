import sqlite3
from collections.abc import Sequence

import pytest

from detector.config import Config
from detector.emit.alert import Alert
from detector.emit.incident import Incidents
from detector.emit.outbox import BATCH, Outbox
from tests.emit.signals import frame, signal


def some(count: int, first: int = 0) -> list[Alert]:
    rows = [signal(n, f"u{n}") for n in range(first, first + count)]
    return Incidents(Config()).admit(frame(*rows), lambda *_: 0, None)


class Memory:
    """A sink that fails on its first `failures` writes."""

    def __init__(self, name: str = "memory", failures: int = 0) -> None:
        self.name, self.got, self._failures = name, list[Alert](), failures

    def write(self, alerts: Sequence[Alert]) -> None:
        if self._failures:
            self._failures -= 1
            raise OSError("no room")
        self.got.extend(alerts)

    def close(self) -> None:
        pass


@pytest.fixture
def db(tmp_path):
    with sqlite3.connect(tmp_path / "state.db") as connection:
        yield connection
    connection.close()


def test_every_alert_reaches_every_sink_once_and_in_order(db):
    outbox, sinks, alerts = Outbox(db), [Memory("a"), Memory("b")], some(BATCH + 3)
    with db:
        outbox.put(alerts)
    assert outbox.deliver(sinks) == []
    assert outbox.deliver(sinks) == []
    assert [sink.got for sink in sinks] == [alerts, alerts]


def test_a_sink_that_fails_keeps_no_other_waiting_and_gets_its_alerts_later(db):
    outbox, bad, good, alerts = Outbox(db), Memory("bad", failures=1), Memory("good"), some(3)
    with db:
        outbox.put(alerts)
    (fault,) = outbox.deliver([bad, good])
    assert (fault.sink, fault.message) == ("bad", "no room")
    assert (bad.got, good.got) == ([], alerts)
    assert outbox.deliver([bad, good]) == []
    assert (bad.got, good.got) == (alerts, alerts)


def test_what_was_put_is_there_after_a_restart_and_repeats_change_nothing(tmp_path):
    path, alerts = tmp_path / "state.db", some(3)
    for _ in range(2):
        connection = sqlite3.connect(path)
        with connection:
            Outbox(connection).put(alerts)
        connection.close()
    connection = sqlite3.connect(path)
    assert Outbox(connection).pending("a") == alerts
    connection.close()


def test_a_transaction_that_fails_takes_its_alerts_with_it(db):
    outbox = Outbox(db)
    outbox.put(some(2))
    db.rollback()
    assert outbox.pending("a") == []


def test_a_new_sink_hears_what_nobody_has_heard_and_not_the_past(db):
    outbox, first, second = Outbox(db), Memory("first"), Memory("second")
    with db:
        outbox.put(some(3))
    outbox.deliver([first])
    with db:
        outbox.put(some(2, first=3))
    outbox.deliver([second])
    assert [one.account for one in second.got] == ["u3", "u4"]
    outbox.deliver([first])
    assert len(first.got) == 5


def test_pruning_keeps_the_last_and_all_that_a_sink_still_waits_for(db):
    outbox, quick, slow = Outbox(db), Memory("quick"), Memory("slow", failures=1)
    with db:
        outbox.put(some(10))
    outbox.deliver([quick, slow])
    with db:
        outbox.prune(["quick", "slow"], kept=4)
    outbox.deliver([slow])
    assert len(slow.got) == 10
    with db:
        outbox.prune(["quick", "slow"], kept=4)
    assert db.execute("SELECT count(*) FROM outbox").fetchone() == (4,)
    assert db.execute("SELECT count(*) FROM outbox_delivery").fetchone() == (8,)
