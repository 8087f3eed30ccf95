"""When a detector is not well: each reason by its limit, what is warned of once, and what may listen where."""

from dataclasses import replace
from datetime import timedelta

import pytest

from detector import clock
from detector.config import Health, load
from detector.errors import FaultsError
from detector.pipeline.watching.health import concerns
from detector.pipeline.watching.lag import WARN_AFTER_S, Behind, Lag
from detector.telemetry import Telemetry
from tests.emit.sinks.battery import logged
from tests.pipeline.watching.test_exporter import FIGURES, NOW, SINK

LIMITS = Health()


def codes(figures, still_s=0.0):
    return [one.code for one in concerns(figures, NOW, still_s, LIMITS)]


def test_each_reason_has_its_limit():
    assert codes(FIGURES) == []
    assert codes(FIGURES, still_s=LIMITS.stalled_s + 1) == ["stalled"]
    assert codes(replace(FIGURES, behind=Behind(bytes=10**9, lines=4_000_000, seconds=601))) == ["behind"]
    assert codes(replace(FIGURES, silent_since=NOW - timedelta(hours=1))) == ["silent"]
    assert codes(replace(FIGURES, refused=1)) == ["refused"]
    assert codes(replace(FIGURES, sinks=(replace(SINK, stuck_s=901.0),))) == ["sink"]
    assert codes(replace(FIGURES, last_event=NOW + timedelta(seconds=301))) == ["clock"]
    assert codes(replace(FIGURES, late_share=0.51)) == ["late"]
    assert codes(replace(FIGURES, reload_faults=1)) == ["reload"]
    assert codes(replace(FIGURES, outbox_full=True)) == ["outbox"]
    assert codes(replace(FIGURES, free_bytes=1000)) == ["disk"]


def test_what_is_said_holds_no_receivers_words():
    stuck = replace(FIGURES, sinks=(replace(SINK, stuck_s=901.0, last_fault="192.0.2.5: refused"),))
    [told] = concerns(stuck, NOW, 0.0, LIMITS)
    assert "192.0.2.5" not in told.text + told.advice


def test_a_file_is_called_by_its_name_only():
    assert replace(SINK, name="file:/home/somebody/alerts.jsonl").label == "file:alerts.jsonl"
    assert replace(SINK, name="syslog:siem.example.org:6514").label == "syslog:siem.example.org:6514"


def test_a_portal_that_sleeps_is_not_behind():
    telemetry = Telemetry()
    assert Behind.measured(0, telemetry) == Behind()
    assert Behind.measured(2400, telemetry) == Behind(bytes=2400, lines=10, seconds=0.0)


def test_being_behind_is_said_once_and_so_is_having_caught_up(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(clock, "monotonic_s", lambda: now[0])
    lag, much = Lag(1000), Behind(bytes=5000, lines=20, seconds=90.0)
    with logged() as said:
        for seconds in (0.0, WARN_AFTER_S, 2 * WARN_AFTER_S):
            now[0] = seconds
            lag.observe(much)
        lag.observe(Behind(bytes=999, lines=4, seconds=1.0))
        lag.observe(Behind())
    assert said.getvalue().splitlines() == ["lines come faster than they are handled", "caught up"]


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("9477", "no address and port"),
        ("127.0.0.1:99999", "no address and port"),
        ("portal.example.org:9477", "no address and port"),
        ("300.1.1.1:9477", "does not appear to be an IPv4"),
        ("0.0.0.0:9477", "others can reach 0.0.0.0"),
        ("192.0.2.1:9477", "open_to_network"),
        ("[2001:db8::1]:9477", "others can reach 2001:db8::1"),
    ],
)
def test_what_cannot_be_listened_at_is_a_fault_with_its_line(tmp_path, listen, said):
    path = tmp_path / "detector.yml"
    path.write_text(f"models: {{}}\nmetrics: {{listen: '{listen}'}}\n", "utf-8")
    with pytest.raises(FaultsError) as caught:
        load(path)
    assert f"{path}:2: metrics" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ("{listen: '127.0.0.1:9477'}", ("127.0.0.1", 9477)),
        ("{listen: '[::1]:9477'}", ("::1", 9477)),
        ("{listen: '192.0.2.1:9477', open_to_network: true}", ("192.0.2.1", 9477)),
        ("{}", None),
    ],
)
def test_where_it_may_listen(tmp_path, settings, address):
    path = tmp_path / "detector.yml"
    path.write_text(f"metrics: {settings}\n", "utf-8")
    assert load(path).metrics.address == address
