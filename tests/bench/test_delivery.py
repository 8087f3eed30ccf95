"""How many alerts a second sinks take, and what delivery costs detection: pytest -m bench -s tests/bench."""

import socket
from statistics import median

import pytest

from detector import clock, config
from detector.config import ToFile, ToSyslog
from detector.emit.sinks import open_sink
from detector.lab.simulate import simulate
from detector.pipeline import Pipeline
from detector.pipeline.archives import batch
from tests.emit.queue import State
from tests.emit.sinks.battery import deliver
from tests.emit.sinks.certificates import make_certificates
from tests.emit.sinks.syslog_servers import Rsyslog, running
from tests.emit.sinks.test_syslog import options_of
from tests.emit.sinks.torment import many

ALERTS = 50_000
AIM_PER_S = 5_000
MOST_SLOWED = 1.05
ROUNDS = 5


def rate(folder, options):
    """Put the alerts, then see how long one sink takes for all of them."""
    state, sink = State(folder), open_sink(options)
    state.outbox.begin([sink.options])
    state.put(list(many(ALERTS)))
    began = clock.monotonic_s()
    figures = deliver(state, sink)
    seconds = clock.monotonic_s() - began
    state.close()
    assert (figures.delivered, figures.faults) == (ALERTS, 0)
    print(f"\n{options.kind}: {ALERTS / seconds:,.0f} alerts a second")
    return ALERTS / seconds


@pytest.mark.bench
def test_alerts_a_second_into_a_file(tmp_path):
    assert rate(tmp_path, ToFile(path=tmp_path / "alerts.jsonl")) >= AIM_PER_S


@pytest.mark.bench
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_alerts_a_second_into_rsyslog(tmp_path, transport):
    certificates = make_certificates(tmp_path)
    with running(Rsyslog, tmp_path, transport, certificates) as server:
        found = rate(tmp_path, options_of(server))
        assert len(server.messages()) == ALERTS
    assert found >= AIM_PER_S


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("portal")
    simulate(folder, seed=3, accounts=800, days=6, attacks=("smash_and_grab", "swarm"), size=0.2)
    return folder


def detect(portal, *options):
    """Return how long detection takes, without the wait for sinks at its end."""
    settings = config.load(portal / "detector.yml")
    settings = settings.model_copy(update={"outbox": config.Outbox(drain_s=0)})
    pipeline = Pipeline(settings, sinks=[open_sink(one) for one in options])
    batch(pipeline, [portal / "access.log"])
    spent = pipeline.telemetry.seconds_by_stage
    assert sum(pipeline.telemetry.alerts.values()) > 0
    return sum(spent.values())


@pytest.mark.bench
def test_sinks_that_are_down_do_not_slow_detection(portal, tmp_path):
    """One that refuses, one that accepts and never answers, and one that works."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        told = {"transport": "tcp", "host": "127.0.0.1"}
        down = [ToSyslog(**told, port=one.getsockname()[1], name=name) for one, name in ((silent, "a"), (closed, "b"))]
        with_sinks, without = [], []
        for n in range(ROUNDS):
            without.append(detect(portal))
            with_sinks.append(detect(portal, *down, ToFile(path=tmp_path / f"{n}.jsonl")))
    ratio = median(with_sinks) / median(without)
    print(f"\ndetection {median(without):.2f} s without sinks, {median(with_sinks):.2f} s with: {ratio:.3f}")
    assert ratio <= MOST_SLOWED
