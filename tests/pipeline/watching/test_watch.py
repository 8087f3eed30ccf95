"""A tail that runs answers where it was asked to, and leaves its figures when it ends."""

import json
import socket
import threading
import urllib.request

from detector import clock, config
from detector.pipeline import Pipeline
from detector.pipeline.live import tail
from detector.pipeline.service import Service
from detector.pipeline.watching import watch as watching
from detector.pipeline.watching.figures import Figures
from detector.pipeline.watching.watch import FILE

LINE = '192.0.2.1 - u1 [02/Mar/2026:10:{minute:02}:00 +0000] "GET /news HTTP/1.1" 200 812 "-" "Mozilla/5.0 (X11)"\n'


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def answered(url: str) -> str:
    """Ask until the server is up."""
    until = clock.monotonic_s() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            assert clock.monotonic_s() < until
            clock.pause(0.05)


def test_a_tail_that_runs_is_asked_and_leaves_its_figures(tmp_path):
    (tmp_path / "access.log").write_text("".join(LINE.format(minute=minute) for minute in range(20)), "utf-8")
    port, service, state = free_port(), Service(), tmp_path / "state"
    asked = config.Metrics(listen=f"127.0.0.1:{port}")
    pipeline = Pipeline(config.load(None).model_copy(update={"metrics": asked}), state=state)

    def ask():
        try:
            said.append(answered(f"http://127.0.0.1:{port}/-/ready"))
            said.append(answered(f"http://127.0.0.1:{port}/metrics"))
        finally:
            service.stop()

    said: list[str] = []
    asking = threading.Thread(target=ask)
    asking.start()
    tail(pipeline, [tmp_path / "access.log"], from_start=True, service=service)
    asking.join()
    assert said[0] == "ready\n"
    assert "portal_detector_lines_total" in said[1]
    figures = Figures.from_json((state / FILE).read_text("utf-8"))
    assert (figures.lines, figures.ended) == (19, True)  # the last is held: an earlier one may come yet
    assert (figures.held, figures.late_share) == (1, 0.0)
    assert figures.state_bytes > 0
    assert figures.last_commit is not None
    assert json.loads(figures.as_json())["behind"] == {"bytes": 0, "lines": 0, "seconds": 0.0}


class Quiet:
    """A source where nothing waits."""

    behind_bytes, ahead_bytes, refused = 0, 0, {}


def test_late_events_are_a_concern_as_long_as_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "EVERY_S", 0.0)
    monkeypatch.setattr(watching, "MOST_SHARE", 1.0)
    pipeline = Pipeline(config.load(None), state=tmp_path)
    watch, found = watching.Watch(pipeline, Quiet(), Quiet()), []
    for events, late in ((10**6, 0), (60, 60), (0, 0), (60, 60), (60, 0), (200, 0)):
        pipeline.telemetry.events += events
        pipeline.telemetry.late += late
        watch.turn()
        found.append((round(watch.figures.late_share, 2), [one.code for one in watch.concerns()]))
    pipeline.checkpoint.close()
    assert found == [(0, []), (0, []), (0, []), (1, ["late"]), (0.5, []), (0, [])]


def test_what_was_read_and_is_not_done_with_is_behind_too(tmp_path):
    pipeline, reader = Pipeline(config.load(None), state=tmp_path), Quiet()
    reader.ahead_bytes = 2400
    watch = watching.Watch(pipeline, Quiet(), reader)
    watch.turn()
    pipeline.checkpoint.close()
    assert (watch.figures.behind.bytes, watch.figures.behind.lines) == (2400, 10)


def test_its_last_words_say_that_it_ended_whatever_it_was_at(tmp_path):
    pipeline = Pipeline(config.load(None), state=tmp_path)
    watch = watching.Watch(pipeline, Quiet(), Quiet())
    watch.turn()
    watch.farewell()
    pipeline.checkpoint.close()
    assert Figures.from_json((tmp_path / watching.FILE).read_text()).ended
