"""Figures over HTTP: what Prometheus reads, what health says, and that nobody who asks can hold anything up."""

import http.client
import json
import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from detector.errors import DetectorError
from detector.pipeline.watching import exporter
from detector.pipeline.watching.exporter import MOST_CONNECTIONS, Exporter
from detector.pipeline.watching.figures import OTHER, Figures, SinkStanding, bounded, sentence
from detector.pipeline.watching.health import CODES, Concern
from detector.pipeline.watching.lag import Behind

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SINK = SinkStanding(
    name="siem", pending=3, dead_letters=1, delivered=7, dropped=0, faults=2, retries=4, stuck_s=12.0,
    last_fault="refused", last_fault_at="2026-03-02T11:59:00.000Z",
)  # fmt: skip
FIGURES = Figures(
    pid=1, began=NOW - timedelta(hours=1), written=NOW, lines=12, events=10, rejects={"no time stamp": 2}, late=1,
    lines_per_s=2.0, behind=Behind(bytes=480, lines=2, seconds=1.5), last_event=NOW, last_commit=NOW,
    alerts={"account_behaviour": {"high": 2}}, turns={"opened": 1}, open_incidents={"high": 1}, sinks=(SINK,),
    evicted={"accounts": 5}, seconds_by_stage={"rules": 0.5}, faults={"sink:siem": 1}, counts={"reloads": 3},
)  # fmt: skip


class Watched:
    """A watch whose figures stand still."""

    def __init__(self):
        self.figures, self.found, self.looked = FIGURES, [], True

    def concerns(self):
        return self.found


@pytest.fixture
def watched():
    return Watched()


@pytest.fixture
def port(watched, monkeypatch):
    monkeypatch.setattr(exporter, "DEADLINE_S", 60.0)  # nobody is cut off for the machine's slowness
    monkeypatch.setattr(exporter._Handler, "timeout", 60.0)
    with Exporter(("127.0.0.1", 0), watched) as serving:
        yield serving.port


def ask(port, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def samples(body):
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(body)
        for one in family.samples
    }


def test_prometheus_reads_every_figure(port):
    answer, body = ask(port, "/metrics")
    found = samples(body)
    assert answer.status == 200
    assert found["portal_detector_lines_total", ()] == 12
    assert found["portal_detector_rejects_total", (("reason", "no time stamp"),)] == 2
    assert found["portal_detector_behind_bytes", ()] == 480
    assert found["portal_detector_alerts_total", (("level", "high"), ("rule", "account_behaviour"))] == 2
    assert found["portal_detector_sink_pending_alerts", (("sink", "siem"),)] == 3
    assert found["portal_detector_sink_last_fault_timestamp_seconds", (("sink", "siem"),)] == NOW.timestamp() - 60
    assert found["portal_detector_reloads_total", (("outcome", "taken"),)] == 3
    assert found["portal_detector_last_event_timestamp_seconds", ()] == NOW.timestamp()
    assert found["process_open_fds", ()] > 0
    assert {name for name, _ in found} >= {"portal_detector_build_info", "process_resident_memory_bytes"}


def test_the_names_are_as_prometheus_wants_them(port):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    _, body = ask(port, "/metrics")
    done = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_openmetrics_is_given_to_who_asks_for_it(port):
    answer, body = ask(port, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert "openmetrics-text" in answer.getheader("Content-Type")
    assert body.endswith("# EOF\n")


def test_health_tells_every_concern_and_metrics_its_code(port, watched):
    assert ask(port, "/health")[0].status == 200
    watched.found = [Concern(code="sink", text="siem took none", advice="mend it")]
    answer, body = ask(port, "/health")
    assert answer.status == 503
    assert json.loads(body)["concerns"] == [{"code": "sink", "text": "siem took none", "advice": "mend it"}]
    _, metrics = ask(port, "/metrics")
    unhealthy = {code: samples(metrics)["portal_detector_unhealthy", (("reason", code),)] for code in CODES}
    assert {code for code, value in unhealthy.items() if value} == {"sink"}
    assert ask(port, "/-/healthy")[0].status == 200  # no restart helps against that
    assert ask(port, "/-/ready")[0].status == 200


@pytest.mark.parametrize(("code", "healthy", "ready"), [("stalled", 503, 503), ("behind", 200, 503)])
def test_who_restarts_and_who_waits(port, watched, code, healthy, ready):
    watched.found = [Concern(code=code, text="so it is", advice="wait")]
    assert (ask(port, "/-/healthy")[0].status, ask(port, "/-/ready")[0].status) == (healthy, ready)


def test_it_is_not_ready_before_the_first_look(port, watched):
    watched.looked = False
    assert ask(port, "/-/ready")[0].status == 503


def test_other_methods_and_paths_are_answered_and_repeated_to_nobody(port):
    answer, body = ask(port, "/metrics", "HEAD")
    assert (answer.status, body) == (200, "")
    assert int(answer.getheader("Content-Length")) > 1000
    assert ask(port, "/metrics", "DELETE")[0].status == 501
    answer, body = ask(port, "/secret-path")
    assert answer.status == 404
    assert "secret" not in body
    with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
        raw.sendall(b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n")
        assert b"414" in raw.recv(100)


def test_more_than_there_are_slots_for_are_let_go_at_once(port):
    held = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(MOST_CONNECTIONS)]
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(port, "/metrics")
    for one in held:
        one.close()


def test_who_asks_slowly_is_cut_off_and_his_slot_given_to_others(port, monkeypatch):
    with monkeypatch.context() as hasty:
        hasty.setattr(exporter, "DEADLINE_S", 0.05)
        for _ in range(2 * MOST_CONNECTIONS):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as slow:
                slow.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow:")
                assert slow.recv(1) == b""
    assert ask(port, "/-/healthy")[0].status == 200


def test_an_address_that_is_taken_is_said(port, watched):
    with pytest.raises(DetectorError, match=f"metrics.listen: 127.0.0.1 port {port}: cannot listen there"):
        Exporter(("127.0.0.1", port), watched)


def test_reasons_are_bounded_and_numbers_in_them_one():
    assert bounded({"time stamp 3.5 h ahead": 1, "time stamp 12 h ahead": 2}) == {"time stamp # h ahead": 3}
    many = bounded({f"reason {'x' * n}": n + 1 for n in range(100)})
    assert many[OTHER] == sum(range(1, 71))
    assert len(many) == 31


def test_figures_are_read_back_as_they_were_written():
    assert Figures.from_json(FIGURES.as_json()) == FIGURES
    assert sentence(FIGURES) == (
        "2 lines/s, 2 lines behind, last event 2026-03-02T12:00:00.000Z, 1 incident open, 3 alerts wait for a sink"
    )
