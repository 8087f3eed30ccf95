import pytest

from detector.emit.ledger import open_ledger
from detector.emit.letters import dead_letters, drop_pending
from detector.emit.sinks import Receipt, all_of
from tests.emit.queue import State, to
from tests.emit.signals import some

SIZE = len(some(1)[0].as_json())


@pytest.fixture
def state(tmp_path):
    opened = State(tmp_path)
    yield opened
    opened.close()


def users(first, last):
    return [f"u{n}" for n in range(first, last)]


def test_every_alert_reaches_every_sink_once_and_in_order(state):
    sinks = [to("a"), to("b", batch_count=2)]
    state.outbox.begin(sinks)
    state.put(some(7))
    assert [state.take(one) for one in sinks] == [users(0, 7)] * 2
    assert [state.take(one) for one in sinks] == [[], []]


def test_a_batch_has_no_more_bytes_than_it_may_but_one_alert_at_least(state):
    wide, narrow = to("wide", batch_bytes=20_000), to("narrow", batch_count=1)
    state.outbox.begin([wide, narrow])
    state.put(some(100))
    assert len(state.backlog(wide).take(0).taken) == 20_000 // SIZE
    assert len(state.backlog(narrow).take(0).taken) == 1


def test_what_was_put_is_there_after_a_restart_and_repeats_change_nothing(tmp_path):
    for _ in range(2):
        state = State(tmp_path)
        state.put(some(3))
        held = state.outbox.bytes
        state.close()
    state = State(tmp_path)
    state.outbox.begin([to("a")])
    assert state.take(to("a")) == users(0, 3)
    assert state.outbox.bytes == held == sum(len(one.as_json()) for one in some(3))
    state.close()


def test_a_transaction_that_fails_takes_its_alerts_with_it(state):
    state.outbox.begin([to("a")])
    state.outbox.put(some(2))
    state.db.rollback()
    assert (state.take(to("a")), state.outbox.bytes) == ([], 0)


def test_a_new_sink_hears_what_nobody_has_heard_and_not_the_past(state):
    state.outbox.begin([to("first")])
    state.put(some(3))
    state.take(to("first"))
    state.put(some(2, first=3))
    state.outbox.begin([to("first"), to("second")])
    assert state.take(to("second")) == users(3, 5)
    assert state.take(to("first")) == users(3, 5)


def test_a_sink_left_out_is_forgotten_when_it_had_all_and_named_when_it_had_not(state):
    state.outbox.begin([to("quick"), to("slow")])
    state.put(some(3))
    state.take(to("quick"))
    assert state.outbox.begin([to("other")]) == ["slow"]
    state.put(some(1, first=3))
    assert state.outbox.begin([to("slow"), to("quick")]) == ["other"]
    assert state.take(to("slow")) == users(0, 4)
    assert state.take(to("quick")) == users(3, 4)


def test_a_state_put_back_from_an_old_copy_skips_nothing_new(tmp_path):
    state = State(tmp_path)
    state.outbox.begin([to("a")])
    state.put(some(2))
    state.take(to("a"))
    state.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = state.path.read_bytes()
    state.put(some(5, first=2))
    state.take(to("a"))
    state.close()
    state.path.write_bytes(copy)
    state = State(tmp_path)
    state.outbox.begin([to("a")])
    state.put(some(2, first=7))
    assert state.take(to("a")) == users(7, 9)
    state.close()


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        ({"min_level": "high"}, ["u1"]),
        ({"rules": ["r1", "other"]}, users(0, 3)),
        ({"rules": ["other"]}, []),
        ({"categories": ["model"]}, []),
        ({"states": ["opened"], "min_level": "medium", "categories": ["rule"]}, ["u1", "u2"]),
    ],
)
def test_a_filter_passes_what_it_says_and_the_rest_is_no_backlog(state, options, passed):
    alerts = [
        type(one)(**{name: getattr(one, name) for name in one.__slots__} | {"level": level})
        for one, level in zip(some(3), ["low", "critical", "medium"], strict=True)
    ]
    state.outbox.begin([to("a", **options)])
    state.put(alerts)
    backlog = state.backlog(to("a"))
    assert backlog.waiting() == len(passed)
    assert state.take(to("a")) == passed
    assert backlog.waiting() == 0
    backlog.close()


def test_each_alert_of_a_batch_has_its_own_fate(state):
    state.outbox.begin([to("a")])
    state.put(some(5))
    backlog = state.backlog(to("a"))
    batch = backlog.take(0)
    ids = [one.id for one in batch.alerts]
    receipt = Receipt(arrived=[ids[0], ids[3]], refused={ids[1]: "no such field"}, fault="busy")
    backlog.settle(batch, receipt, lambda tries: 50.0)
    assert [one.account for one in backlog.take(0).alerts] == ["u4"]  # u2 waits for its time, u1 is a dead letter
    assert [one.account for one in backlog.take(50).alerts] == ["u2", "u4"]
    assert backlog.waiting() == 2
    backlog.settle(backlog.take(50), all_of(batch.alerts), lambda tries: 0.0)
    assert (backlog.waiting(), backlog.holds) == (0, False)
    rows = state.db.execute("SELECT seq, dead, reason, tries FROM ledger.held").fetchall()
    assert rows == [(2, 1, "no such field", 1)]
    backlog.close()


def test_a_batch_cut_short_comes_again_in_its_order(state):
    state.outbox.begin([to("a")])
    state.put(some(5))
    backlog = state.backlog(to("a"))
    batch = backlog.take(0)
    backlog.settle(batch, Receipt(arrived=[one.id for one in batch.alerts[:2]]), lambda tries: 99.0)
    assert [one.account for one in backlog.take(0).alerts] == users(2, 5)
    assert state.db.execute("SELECT count(*) FROM ledger.held").fetchone() == (0,)
    backlog.close()


def test_pruning_keeps_the_last_and_all_that_a_sink_still_waits_for(state):
    state.outbox.begin([to("quick"), to("slow")])
    state.put(some(10))
    state.take(to("quick"))
    with state.db:
        state.outbox.prune(kept=4)
    assert state.take(to("slow")) == users(0, 10)
    with state.db:
        state.outbox.prune(kept=4)
    assert state.db.execute("SELECT count(*), sum(length(body)) FROM outbox").fetchone() == (4, state.outbox.bytes)


def test_a_dead_letter_outlives_pruning(state):
    state.outbox.begin([to("a")])
    state.put(some(5))
    backlog = state.backlog(to("a"))
    batch = backlog.take(0)
    refused = batch.alerts[1].id
    backlog.settle(
        batch, Receipt(arrived=[o.id for o in batch.alerts if o.id != refused], refused={refused: "bad"}), abs
    )
    backlog.close()
    with state.db:
        state.outbox.prune(kept=1)
    assert state.db.execute("SELECT seq FROM outbox ORDER BY seq").fetchall() == [(2,), (5,)]


def test_at_the_limit_the_oldest_delivered_go_first_and_then_nothing_that_is_awaited(tmp_path):
    state = State(tmp_path, max_bytes=20 * SIZE)
    state.outbox.begin([to("up"), to("down")])
    state.put(some(10))
    for one in ("up", "down"):
        state.take(to(one))
    state.put(some(11, first=10))
    with state.db:
        state.outbox.prune()
    assert not state.outbox.full
    state.put(some(20, first=21))
    state.take(to("up"))
    with state.db:
        state.outbox.prune()
    assert state.outbox.full
    assert state.take(to("down")) == users(10, 41)
    state.close()


def test_a_sink_that_may_lose_its_oldest_loses_them_only_where_that_makes_room(tmp_path):
    state = State(tmp_path, max_bytes=20 * SIZE)
    state.outbox.begin([to("must"), to("may")])
    state.put(some(20))
    assert state.outbox.drop_oldest(["may"]) == {}  # `must` waits for the same
    state.take(to("must"))
    (count,) = state.outbox.drop_oldest(["may"]).values()
    with state.db:
        state.outbox.prune()
    assert not state.outbox.full
    assert state.take(to("may")) == users(count, 20)
    assert 0 < count < 5
    state.close()


def test_what_is_dropped_while_it_is_on_its_way_stays_dropped(tmp_path):
    state, sink = State(tmp_path), to("siem")
    state.outbox.begin([sink])
    state.put(some(4))
    backlog, ledger = state.backlog(sink), open_ledger(state.ledger, state.path)
    batch = backlog.take(0.0)
    assert drop_pending(ledger, "siem") == 4
    _, second, third, last = (one.id for one in batch.taken)
    backlog.settle(batch, Receipt(arrived=[second, last], refused={third: "no"}, fault="busy"), lambda tries: 0.0)
    assert not backlog.holds
    assert ledger.execute("SELECT count(*) FROM held").fetchone() == (0,)
    assert (backlog.waiting(), dead_letters(ledger)) == (0, [])
    for opened in (backlog, ledger, state):
        opened.close()
