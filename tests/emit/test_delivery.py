"""The limit of the outbox, and what a run says of alerts that did not arrive."""

import sqlite3
import threading

import pytest

from detector.config import Outbox as Limits
from detector.emit.delivery import Delivery
from detector.emit.sinks import GoneError, Receipt
from detector.errors import OutboxFullError
from detector.telemetry import Telemetry
from tests.emit.queue import Memory, failing
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK, STILL_S, until

LIMIT = 1024 * 1024


class Run:
    """A state with a small limit, and a run over it."""

    def __init__(self, folder):
        self.path, self.count = folder / "state.sqlite", 0
        self.db = sqlite3.connect(self.path)

    def delivery(self, *sinks, durable=True, **limits):
        self.db.close()
        self.db = sqlite3.connect(self.path)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.telemetry = Telemetry()
        told = Limits(**{"max_bytes": LIMIT, "drain_s": 0.2} | limits)
        return Delivery(self.db, self.path, told, sinks, self.telemetry, durable=durable)

    def fill(self, delivery, share):
        """Put alerts until the outbox holds `share` of its limit."""
        alerts = some(40)
        while delivery.outbox.bytes < share * LIMIT:
            named = [
                type(one)(**{n: getattr(one, n) for n in one.__slots__} | {"id": f"{self.count}-{one.id}"})
                for one in alerts
            ]
            self.count += 1
            delivery.put(named)
            self.db.commit()
        delivery.look()


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path)
    yield made
    made.db.close()


def test_a_run_that_ends_says_why_there_is_no_room_and_who_waits(run):
    with run.delivery(Memory("siem", failing(9999), **QUICK)) as delivery:
        run.fill(delivery, 1.0)
        until(lambda: run.telemetry.sinks[0].faults)
        with pytest.raises(OutboxFullError, match=r"outbox is full.* siem waits for [\d,]+ \(no room\)"):
            delivery.make_room()


def test_there_is_no_room_until_a_sink_that_was_down_takes_alerts_again(run):
    up = threading.Event()

    def down(alerts):
        if not up.is_set():
            raise OSError("down")
        return Receipt(arrived=[one.id for one in alerts])

    sink = Memory("siem", [down] * 9999, **QUICK)
    with run.delivery(sink) as delivery:
        run.fill(delivery, 1.0)
        assert not delivery.has_room()
        up.set()
        until(delivery.has_room)
        assert not delivery.outbox.full
        delivery.drain()
    assert "siem waits for" in run.telemetry.warnings["outbox_full"].text
    assert len(sink.got) == 40 * run.count


def test_a_run_that_ends_lets_a_sink_that_takes_alerts_finish_before_it_gives_up(run):
    release = threading.Event()

    def slowly(alerts):
        release.wait(STILL_S)
        return Receipt(arrived=[one.id for one in alerts])

    sink = Memory("slow", [slowly], **QUICK)
    with run.delivery(sink, drain_s=STILL_S) as delivery:
        run.fill(delivery, 1.0)
        threading.Timer(0.1, release.set).start()
        delivery.make_room()
        assert not delivery.outbox.full
    assert len(sink.got) == 40 * run.count


def test_what_every_sink_has_had_is_nothing_to_warn_of(run):
    with run.delivery(Memory("up")) as delivery:
        run.fill(delivery, 0.9)
        until(lambda: run.telemetry.sinks[0].delivered == 40 * run.count)
        delivery.drain()
        delivery.make_room()
        assert delivery.outbox.bytes < 0.8 * delivery.outbox.max_bytes
    assert not run.telemetry.warnings


def test_most_of_the_limit_is_warned_of(run):
    with run.delivery(Memory("siem", failing(9999), **QUICK)) as delivery:
        run.fill(delivery, 0.7)
        delivery.make_room()
        assert "outbox" not in run.telemetry.warnings
        run.fill(delivery, 0.85)
        delivery.make_room()
    assert "fills up: 1 MB of alerts of 1 MB" in run.telemetry.warnings["outbox"].text


def test_a_sink_that_may_lose_alerts_loses_the_oldest_and_they_are_counted(run):
    may, must = Memory("may", failing(9999), when_full="drop_oldest", **QUICK), Memory("must")
    with run.delivery(may, must) as delivery:
        run.fill(delivery, 1.0)
        until(lambda: run.telemetry.sinks[1].delivered == 40 * run.count)
        delivery.make_room()
    first, second = run.telemetry.sinks
    assert first.dropped > 0
    assert first.dropped + first.pending == 40 * run.count
    assert (second.dropped, second.pending, len(must.got)) == (0, 0, 40 * run.count)
    assert f"before may had them: {first.dropped:,}." in run.telemetry.warnings["dropped:may"].text


@pytest.mark.parametrize(("durable", "fate"), [(True, "They wait in the state."), (False, "no --state: they are lost")])
def test_alerts_that_did_not_arrive_are_said_loudly(run, durable, fate):
    def refuse(alerts):
        return Receipt(arrived=[one.id for one in alerts[1:]], refused={alerts[0].id: "bad"})

    def gone(alerts):
        raise GoneError("nobody reads")

    with run.delivery(
        Memory("a", failing(9999), **QUICK), Memory("b", [refuse]), Memory("c", [gone]), durable=durable
    ) as delivery:
        delivery.put(some(3))
        run.db.commit()
        delivery.look()
        a, b, c = run.telemetry.sinks
        until(lambda: a.faults and b.dead_letters and c.faults)
    said = {code: one.text for code, one in run.telemetry.warnings.items()}
    assert said["pending:a"].startswith("Alerts not delivered to a (no room): 3. ")
    assert said["pending:c"].startswith("Alerts not delivered to c (nobody reads): 3. ")
    assert said["dead:b"].startswith("Alerts refused by b: 1. ")
    assert fate in said["pending:a"]
    assert run.telemetry.stats()["sinks"]["b"]["dead_letters"] == 1


def test_a_sink_that_is_no_longer_named_is_warned_of_while_alerts_wait_for_it(run):
    with run.delivery(Memory("old", failing(9999), **QUICK)) as delivery:
        delivery.put(some(3))
        run.db.commit()
    with run.delivery(Memory("new")):
        pass
    assert "--sink old" in run.telemetry.warnings["left:old"].text
