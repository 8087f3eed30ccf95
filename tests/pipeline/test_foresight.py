"""A log that goes quiet hides nothing: what is held is told by the clock, and told again, the same, by what comes."""

import json
import threading
from datetime import timedelta

import pytest

from detector import clock, config
from detector.config import ToFile
from detector.emit.sinks.file import FileSink
from detector.lab.simulate import simulate
from detector.pipeline import Pipeline
from detector.pipeline.archives import batch
from detector.pipeline.foresight import SECOND_S, Foresight
from detector.pipeline.live import tail
from detector.pipeline.service import Service

LIMIT_S = 60


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("portal")
    simulate(folder, seed=77, accounts=8, days=2, attacks=("smash_and_grab",), size=0.05)
    return folder


def pipeline(portal, folder, lateness_s):
    loaded = config.load(portal / "detector.yml")
    settings = loaded.model_copy(update={"input": loaded.input.model_copy(update={"max_lateness_s": lateness_s})})
    sink = FileSink(ToFile(path=folder / "alerts.jsonl"))
    return Pipeline(settings, state=folder / "state", sinks=[sink])


def told(folder):
    return sorted(json.loads(line)["event"]["id"] for line in (folder / "alerts.jsonl").read_bytes().splitlines())


def until(met):
    deadline = clock.monotonic_s() + LIMIT_S
    while not met():
        assert clock.monotonic_s() < deadline
        clock.pause(0.02)


@pytest.fixture(scope="module")
def halves(portal):
    """The log up to the line that raises the last alert; and what comes then, a line of a second before at first."""
    lines = (portal / "access.log").read_bytes().splitlines(keepends=True)
    last = max(at for at, line in enumerate(lines) if b"[02/Mar/2026:12:07:55 +0100]" in line)
    before = lines[0].replace(b"00:00:00", b"12:07:54")
    return b"".join(lines[: last + 1]), b"".join([before, *lines[last + 1 :]])


@pytest.mark.parametrize("lateness_s", [0.0, 1.0])
def test_the_last_lines_of_a_log_are_judged_without_a_later_one(portal, halves, tmp_path, lateness_s):
    first, second = halves
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch.log").write_bytes(first + second)
    batch(pipeline(portal, tmp_path / "batch", lateness_s), [tmp_path / "batch.log"])
    expected = told(tmp_path / "batch")

    log, service = tmp_path / "live.log", Service()
    log.write_bytes(first)
    live = pipeline(portal, tmp_path, lateness_s)
    running = threading.Thread(target=tail, args=(live, [log]), kwargs={"from_start": True, "service": service})
    running.start()
    until(lambda: told(tmp_path) == expected)
    assert live.sequencer.held_count > 0
    with log.open("ab") as file:
        file.write(second)
    until(lambda: live.telemetry.lines + live.sequencer.held_count >= (first + second).count(b"\n"))
    service.stop()
    running.join(LIMIT_S)
    assert told(tmp_path) == expected
    assert sum(live.telemetry.alerts.values()) == len(expected)


class Clockwork(Service):
    """Rests a quarter of a second at a time, on a clock of its own, until what is held is judged ahead."""

    def __init__(self, live):
        super().__init__()
        self.live, self.now_s = live, 0.0

    def pause(self, seconds):
        if self.live.detection.judged is None:
            self.now_s += 0.25
        else:
            self.stop()


def test_a_second_that_is_not_over_is_not_judged_ahead(portal, halves, tmp_path, monkeypatch):
    """What comes to a limit together in one second raises another alert than the first of it would."""
    log = tmp_path / "live.log"
    log.write_bytes(halves[0])
    live = pipeline(portal, tmp_path, 0.0)
    service = Clockwork(live)
    monkeypatch.setattr(clock, "monotonic_s", lambda: service.now_s)
    tail(live, [log], from_start=True, service=service)
    assert service.now_s >= SECOND_S


def test_a_clock_that_is_set_anew_makes_no_silence(portal, tmp_path, monkeypatch):
    """Silence is what was waited through since a line came, whatever the machine's clock says of it by now."""
    live, asked, start, passed_s = pipeline(portal, tmp_path, 0.0), [], clock.now(), [0.0]
    monkeypatch.setattr(live.detection.silences, "ahead", lambda _, now: asked.append(now - start) or [])
    monkeypatch.setattr(clock, "monotonic_s", lambda: passed_s[0])
    monkeypatch.setattr(clock, "now", lambda: start)
    foresight = Foresight(live)
    passed_s[0] = 60.0
    for leap in (timedelta(hours=3), timedelta(days=-400)):
        monkeypatch.setattr(clock, "now", lambda leap=leap: start + leap)
        foresight.look(behind=False)
    foresight.note(1)  # a line: from now on the clock that is there now counts
    passed_s[0] = 90.0
    foresight.look(behind=False)
    live.checkpoint.close()
    assert asked == [timedelta(seconds=60), timedelta(seconds=60), timedelta(days=-400, seconds=30)]
