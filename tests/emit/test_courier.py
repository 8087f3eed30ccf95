"""What becomes of a sink's alerts when it does not take them."""

import threading
from itertools import pairwise

import pytest

from detector import clock, rows
from detector.emit import dispatch as dispatching
from detector.emit.courier import Courier
from detector.emit.ledger import open_ledger
from detector.emit.letters import dead_letters, resend, standings
from detector.emit.sinks import GoneError, Receipt, all_of
from detector.errors import DetectorError
from tests.emit.queue import Memory, State, failing
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK, STILL_S, deliver, dispatched, logged, until

USERS = [f"u{n}" for n in range(10)]


@pytest.fixture
def state(tmp_path):
    opened = State(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def ledger(state):
    opened = open_ledger(state.ledger, state.path)
    yield opened
    opened.close()


def waiting(state, sink, count=10):
    state.outbox.begin([sink.options])
    state.put(some(count))
    return sink


def test_a_sink_that_fails_gets_its_alerts_later_and_says_so_once_an_outage(state, ledger):
    sink = waiting(state, Memory(answers=failing(4), **QUICK))
    with logged() as said:
        figures = deliver(state, sink)
    assert sink.got == USERS
    assert (figures.faults, figures.delivered, figures.last_fault, figures.pending) == (4, 10, "no room", 0)
    assert said.getvalue().splitlines() == ["sink fails", "sink is back"]
    assert sink.closed
    (standing,) = standings(ledger)
    assert (standing.delivered, standing.last_fault) == (10, "no room")


def test_a_sink_that_fails_for_another_reason_says_so(state):
    def no_answer(alerts):
        raise OSError("no answer")

    sink = waiting(state, Memory(answers=[*failing(2), no_answer, no_answer], **QUICK))
    with logged() as said:
        deliver(state, sink)
    assert said.getvalue().splitlines() == ["sink fails", "sink fails", "sink is back"]


def test_a_ledger_that_cannot_be_opened_is_tried_again(state, tmp_path):
    sink, elsewhere = waiting(state, Memory(**QUICK)), tmp_path / "not yet there"
    courier = Courier(sink, elsewhere / state.ledger.name, state.path)
    with logged() as said:
        courier.start()
        courier.look()
        until(lambda: courier.figures.faults > 1)
        elsewhere.symlink_to(tmp_path)
        courier.hurry()
        until(lambda: courier.idle)
        courier.end(STILL_S)
        assert courier.join()
    assert (sink.got, sink.closed) == (USERS, True)
    assert "No such file" in courier.figures.last_fault
    assert said.getvalue().splitlines() == ["sink fails", "sink is back"]


def test_rests_grow_and_leave_something_to_chance(state):
    tried = []

    def fail(alerts):
        tried.append(clock.monotonic_s())
        raise OSError("no")

    sink = waiting(state, Memory(answers=[fail] * 6, retry={"first_s": 0.02, "max_s": 0.16}))
    with dispatched(state, sink):
        until(lambda: sink.got)
    rests = [later - earlier for earlier, later in pairwise(tried)]
    assert all(rest >= full / 2 for rest, full in zip(rests, (0.02, 0.04, 0.08, 0.16, 0.16), strict=True))
    assert len({f"{rest / full:.6f}" for rest, full in zip(rests[3:], (0.16, 0.16), strict=True)}) == 2


def test_a_receiver_that_says_when_is_obeyed(state):
    asked = []

    def busy(alerts):
        asked.append(clock.monotonic_s())
        return Receipt(arrived=[alerts[0].id], fault="429 Too Many Requests", retry_after_s=0.4)

    sink = waiting(state, Memory(answers=[busy], **QUICK))
    figures = deliver(state, sink)
    assert clock.monotonic_s() - asked[0] >= 0.4
    assert (sink.got, figures.retries, figures.last_fault) == (USERS, 9, "429 Too Many Requests")


def test_one_alert_that_a_sink_breaks_on_is_refused_by_itself(state, ledger):
    def breaks(alerts):
        if any(one.account == "u4" for one in alerts):
            raise KeyError("secret of the alert")
        return all_of(alerts)

    sink = waiting(state, Memory(answers=[breaks] * 11))
    assert deliver(state, sink).dead_letters == 1
    assert sink.got == [one for one in USERS if one != "u4"]
    (letter,) = dead_letters(ledger)
    assert letter.reason.startswith("KeyError in test_courier.py:")
    assert letter.message.startswith("account u4")


def test_an_alert_in_the_words_of_another_version_is_refused_by_itself(state, ledger):
    sink = waiting(state, Memory())
    with state.db:
        state.db.execute("UPDATE outbox SET body = json_remove(body, '$.level') WHERE seq = 5")
        rows.seal(state.db)
    assert deliver(state, sink).dead_letters == 1
    assert sink.got == [one for one in USERS if one != "u4"]
    assert dead_letters(ledger)[0].reason.startswith("KeyError in record.py:")


def test_an_alert_that_is_damaged_is_brought_to_nobody_and_holds_none_up(state, ledger):
    sink = waiting(state, Memory(min_level="low"))
    with state.db:
        state.db.execute("UPDATE outbox SET body = replace(body, 'u4', 'u5') WHERE seq = 5")
        state.db.execute("UPDATE outbox SET body = substr(body, 5) WHERE seq = 6")
    assert deliver(state, sink).dead_letters == 2
    assert sink.got == [one for one in USERS if one not in ("u4", "u5")]
    assert [one.reason for one in dead_letters(ledger)] == [
        f"outbox {seq}: it is not as it was written (checksum)" for seq in (5, 6)
    ]


def test_a_sink_that_sends_some_back_each_time_says_so_once(state):
    def some_back(alerts):
        return Receipt(arrived=[one.id for one in alerts[:-1]] or [alerts[0].id], fault="busy")

    sink = waiting(state, Memory(answers=[some_back] * 20, batch_count=3, **QUICK))
    with logged() as said:
        figures = deliver(state, sink)
    assert (sorted(sink.got), figures.pending) == (USERS, 0)
    assert said.getvalue().splitlines().count("sink fails") <= 2


def test_a_secret_that_is_missing_for_a_while_makes_no_dead_letters(state):
    def no_secret(alerts):
        raise DetectorError("environment variable TOKEN: a secret is required there")

    sink = waiting(state, Memory(answers=[no_secret] * 2, **QUICK))
    figures = deliver(state, sink)
    assert (sink.got, figures.dead_letters, figures.faults) == (USERS, 0, 2)


def test_a_receiver_that_is_gone_is_not_waited_for(state):
    def gone(alerts):
        raise GoneError("nobody reads")

    sink = waiting(state, Memory(answers=[gone], **QUICK))
    figures = deliver(state, sink, still_s=60)
    assert (sink.batches, figures.pending, figures.faults) == ([10], 10, 1)


def test_a_drain_gives_up_a_sink_that_stands_still_and_no_other(state):
    sink, other = Memory("down", failing(1000), **QUICK), Memory("up", batch_count=1)
    state.outbox.begin([sink.options, other.options])
    state.put(some(10))
    with dispatched(state, sink, other) as dispatch:
        dispatch.drain(0.3)
    assert (other.got, sink.got, dispatch.figures[0].pending) == (USERS, [], 10)


def test_a_sink_that_is_slow_holds_up_no_other(state):
    free = threading.Event()

    def slow(alerts):
        free.wait(STILL_S)
        return all_of(alerts)

    slow_one, quick = Memory("slow", [slow]), Memory("quick")
    with dispatched(state, slow_one, quick) as dispatch:
        for n in range(10):
            state.put(some(1, first=n))
            dispatch.look()
            until(lambda n=n: len(quick.got) > n)
        assert slow_one.got == []
        free.set()
        dispatch.drain(STILL_S)
    assert (slow_one.got, quick.got) == (USERS, USERS)


def test_a_sink_in_the_middle_of_something_does_not_hold_up_the_end_and_its_batch_comes_again(state, monkeypatch):
    monkeypatch.setattr(dispatching, "STOP_S", 0.2)
    free, late = threading.Event(), threading.Event()

    def stuck(alerts):
        free.wait(STILL_S)
        late.set()
        raise OSError("too late")

    sink = waiting(state, Memory(answers=[stuck]))
    with dispatched(state, sink) as dispatch:
        until(lambda: sink.batches)
    assert not late.is_set()
    assert dispatch.figures[0].pending == 10
    free.set()
    again = Memory()
    deliver(state, again)
    assert again.got == USERS


def test_the_end_brings_what_was_committed_just_before(state):
    sink = Memory()
    with dispatched(state, sink):
        state.put(some(10))
    assert sink.got == USERS


def test_dead_letters_are_sent_again_beside_a_run(state, ledger):
    def refuse(alerts):
        refused = {one.id: "no such index" for one in alerts[2:4]}
        return Receipt(arrived=[one.id for one in alerts if one.id not in refused], refused=refused)

    sink = waiting(state, Memory(answers=[refuse]))
    with dispatched(state, sink) as dispatch:
        until(lambda: len(dead_letters(ledger)) == 2)
        assert [one.reason for one in dead_letters(ledger)] == ["no such index"] * 2
        assert resend(ledger, "memory", dead_letters(ledger)[0].id) == 1
        dispatch.drain(STILL_S)
        assert sink.got[8:] == ["u2"]
    assert [one.message.split()[1] for one in dead_letters(ledger)] == ["u3"]
