"""What every sink must pass. A sink's test module joins it so:

    from tests.emit.sinks.battery import Battery, Rig

    class TestWebhook(Battery):
        @pytest.fixture
        def rig(self, tmp_path):
            with Receiver() as receiver:          # the real server, or a strict stub of it, on a free loopback port
                yield Rig(
                    options=lambda **more: ToWebhook(url=receiver.url, secret={"file": path}, **QUICK | more),
                    received=receiver.ids,        # alert ids in order of arrival, repeats included
                    documents=receiver.documents, # the alerts themselves in ECS, for torment.py; not for the battery
                    stop=receiver.stop,           # the receiver goes away in the middle: connections break
                    start=receiver.start,         # and comes back at the same place with what it had
                    send_back=receiver.busy_for,  # takes ids: each is sent back once, the others of a batch are taken
                    refuse=receiver.refuse,       # takes ids: they are never taken
                    hang=receiver.hang,           # from now on it accepts and never answers
                    secret=SECRET,                # what must not be seen anywhere
                )

What a receiver cannot do is left out: its tests are skipped with that reason. `ordered=False` where the protocol gives
no order. Sinks are built by `open_sink` from their configuration, as a run builds them.
"""

import contextlib
import io
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from detector import clock
from detector.config import Destination
from detector.emit.dispatch import Dispatch
from detector.emit.sinks import Sink, open_sink
from detector.telemetry import KeyValue, SinkFigures, log
from tests.emit.queue import State
from tests.emit.signals import some

QUICK = {"timeout_s": 30.0, "retry": {"first_s": 0.02, "max_s": 0.1}}
"""Options that make a test wait no longer than it must, and give nothing up because the machine is busy."""

STILL_S = 60.0
"""How long a sink may make no progress before a test gives it up. Reached only where something is broken."""


@dataclass(frozen=True, kw_only=True)
class Rig:
    """One kind of sink and its receiver, as a test sees them. The module's docstring says what each part does."""

    options: Callable[..., Destination]
    received: Callable[[], list[str]]
    documents: Callable[[], Iterable[dict[str, Any]]] | None = None
    stop: Callable[[], None] | None = None
    start: Callable[[], None] | None = None
    send_back: Callable[[Collection[str]], None] | None = None
    refuse: Callable[[Collection[str]], None] | None = None
    hang: Callable[[], None] | None = None
    secret: str | None = None
    ordered: bool = True


@contextlib.contextmanager
def dispatched(state: State, *sinks: Sink) -> Iterator[Dispatch]:
    """Run the threads of `sinks` over the outbox of `state`."""
    state.outbox.begin([one.options for one in sinks])
    dispatch = Dispatch(sinks, state.ledger, state.path)
    try:
        yield dispatch
    finally:
        dispatch.close()


def deliver(state: State, sink: Sink, still_s: float = STILL_S) -> SinkFigures:
    """Give `sink` all it waits for, in a run of its own, and return its figures."""
    with dispatched(state, sink) as dispatch:
        dispatch.drain(still_s)
    return dispatch.figures[0]


def until(true: Callable[[], bool], limit_s: float = STILL_S) -> None:
    """Wait until `true`; fail when that takes too long."""
    end = clock.monotonic_s() + limit_s
    while not true():
        assert clock.monotonic_s() < end, "it does not come"
        clock.pause(0.01)


@contextlib.contextmanager
def logged() -> Iterator[io.StringIO]:
    """Collect the messages of the program's log, without what they carry."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    log.addHandler(handler)
    before = log.level
    log.setLevel(logging.INFO)
    try:
        yield said
    finally:
        log.setLevel(before)
        log.removeHandler(handler)


def able(part: Callable[..., None] | None, what: str) -> Callable[..., None]:
    if part is None:
        pytest.skip(f"this receiver cannot {what}")
    return part


class Battery:
    """The tests. A subclass named Test... brings the fixture `rig`."""

    @pytest.fixture
    def state(self, tmp_path: Path) -> Iterator[State]:
        folder = tmp_path / "state"
        folder.mkdir()
        state = State(folder)
        yield state
        state.close()

    def same(self, rig: Rig, wanted: list[str], *, repeats: bool = False) -> None:
        got = rig.received()
        if repeats:
            got = list(dict.fromkeys(got))
        if rig.ordered:
            assert got == wanted
        assert sorted(got) == sorted(wanted)

    def test_alerts_arrive_once_each_and_in_order(self, rig: Rig, state: State) -> None:
        alerts = some(120)
        sink = open_sink(rig.options(batch_count=50))
        state.outbox.begin([sink.options])
        state.put(alerts)
        figures = deliver(state, sink)
        self.same(rig, [one.id for one in alerts])
        assert (figures.delivered, figures.pending, figures.faults) == (120, 0, 0)

    def test_a_second_run_repeats_nothing_and_goes_on(self, rig: Rig, state: State) -> None:
        alerts = some(20)
        for part in (alerts[:12], alerts[12:]):
            sink = open_sink(rig.options())
            state.outbox.begin([sink.options])
            state.put(part)
            deliver(state, sink)
        self.same(rig, [one.id for one in alerts])

    def test_the_filter_of_the_configuration_holds(self, rig: Rig, state: State) -> None:
        sink = open_sink(rig.options(min_level="critical"))
        state.outbox.begin([sink.options])
        state.put(some(3))
        assert deliver(state, sink).pending == 0
        assert rig.received() == []

    def test_a_receiver_that_is_down_at_first_gets_all_when_it_comes(self, rig: Rig, state: State) -> None:
        stop, start = able(rig.stop, "go away"), able(rig.start, "come back")
        sink, alerts = open_sink(rig.options()), some(30)
        stop()
        state.outbox.begin([sink.options])
        state.put(alerts)
        with dispatched(state, sink) as dispatch:
            until(lambda: dispatch.figures[0].faults > 1)
            assert dispatch.figures[0].last_fault
            start()
            dispatch.drain(STILL_S)
        self.same(rig, [one.id for one in alerts], repeats=True)
        assert dispatch.figures[0].pending == 0

    def test_a_receiver_that_goes_away_in_the_middle_loses_nothing(self, rig: Rig, state: State) -> None:
        stop, start = able(rig.stop, "go away"), able(rig.start, "come back")
        sink, alerts = open_sink(rig.options(batch_count=10)), some(200)
        with dispatched(state, sink) as dispatch:
            for n in range(0, 200, 50):
                state.put(alerts[n : n + 50])
                dispatch.look()
                until(lambda n=n: len(rig.received()) > n)
                stop()
                start()
            dispatch.drain(STILL_S)
        self.same(rig, [one.id for one in alerts], repeats=True)
        assert dispatch.figures[0].pending == 0

    def test_what_is_sent_back_comes_again_and_nothing_else_does(self, rig: Rig, state: State) -> None:
        alerts = some(30)
        able(rig.send_back, "send back a part")([alerts[4].id, alerts[17].id])
        sink = open_sink(rig.options(batch_count=30))
        state.outbox.begin([sink.options])
        state.put(alerts)
        figures = deliver(state, sink)
        assert sorted(rig.received()) == sorted(one.id for one in alerts)
        assert figures.retries >= 2
        assert (figures.delivered, figures.pending) == (30, 0)

    def test_what_is_refused_is_a_dead_letter_and_holds_up_nothing(self, rig: Rig, state: State) -> None:
        alerts = some(30)
        refused = [alerts[0].id, alerts[13].id, alerts[29].id]
        able(rig.refuse, "refuse one alert")(refused)
        sink = open_sink(rig.options(batch_count=12))
        state.outbox.begin([sink.options])
        state.put(alerts)
        figures = deliver(state, sink)
        assert sorted(rig.received()) == sorted(one.id for one in alerts if one.id not in refused)
        assert (figures.dead_letters, figures.pending) == (3, 0)
        letters = state.db.execute(
            "SELECT o.id, h.reason FROM ledger.held AS h JOIN outbox AS o USING (seq) WHERE h.dead ORDER BY seq"
        ).fetchall()
        assert [one for one, _ in letters] == refused
        assert all(reason for _, reason in letters)

    def test_a_receiver_that_never_answers_does_not_hold_up_the_end(self, rig: Rig, state: State) -> None:
        able(rig.hang, "stop answering")()
        sink = open_sink(rig.options(timeout_s=0.5))
        state.outbox.begin([sink.options])
        state.put(some(3))
        began = clock.monotonic_s()
        with dispatched(state, sink):
            until(lambda: clock.monotonic_s() - began > 0.2)
        until(lambda: sink.options.label not in {one.name for one in threading.enumerate()})
        assert sum(1 for _ in state.db.execute("SELECT 1 FROM ledger.held WHERE dead")) == 0

    def test_the_secret_is_seen_nowhere(self, rig: Rig, state: State, tmp_path: Path) -> None:
        if rig.secret is None:
            pytest.skip("this sink has no secret")
        with logged() as heard, contextlib.redirect_stderr(heard), contextlib.redirect_stdout(heard):
            log.handlers[-1].setFormatter(KeyValue())
            sink = open_sink(rig.options())
            told = repr(sink) + str(sink) + repr(sink.options) + sink.options.model_dump_json()
            state.outbox.begin([sink.options])
            state.put(some(2))
            if rig.stop:
                rig.stop()
            with dispatched(state, sink) as dispatch:
                until(lambda: dispatch.figures[0].faults > 0 or dispatch.figures[0].delivered > 0)
        told += repr(dispatch.figures) + heard.getvalue()
        files = b"".join(one.read_bytes() for one in (tmp_path / "state").iterdir())
        assert rig.secret not in told
        assert rig.secret.encode() not in files

    def test_the_sink_is_closed_with_the_run(self, rig: Rig, state: State) -> None:
        sink = open_sink(rig.options())
        state.outbox.begin([sink.options])
        state.put(some(1))
        deliver(state, sink)
        sink.close()  # once more does no harm
        deliver(state, open_sink(rig.options()))
        assert len(rig.received()) == 1
