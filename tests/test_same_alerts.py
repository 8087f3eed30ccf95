"""Same lines, same alerts: whatever cuts the input, follows it, kills the program or starts it again."""

import json
import random
import signal
import subprocess
import sys
from collections import deque
from datetime import datetime, timedelta
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path

import pytest

from detector import config
from detector.emit.sinks.file import FileSink
from detector.errors import OutboxFullError
from detector.lab.simulate import simulate
from detector.pipeline import Pipeline
from detector.pipeline.archives import batch as read_archives
from detector.pipeline.live import tail as follow_live
from detector.telemetry import Telemetry
from tests.emit.queue import Memory, failing

SAMPLE = config.shipped("sample_logs", "portal_week", "access.log.gz")


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """A small portal with several thefts, in time order as its server wrote it."""
    folder = tmp_path_factory.mktemp("generated")
    attacks = ("smash_and_grab", "swarm", "stuffing", "test_then_scrape")
    simulate(folder, seed=77, accounts=12, days=5, attacks=attacks, size=0.05)
    return folder


def settings(generated, **changes):
    loaded = config.load(generated / "detector.yml")
    return loaded.model_copy(update={"input": loaded.input.model_copy(update=changes)})


def ids(path):
    return {json.loads(line)["event"]["id"] for line in Path(path).read_bytes().splitlines()}


def batch(settings, paths, folder, name="batch", state=None):
    alerts = folder / f"{name}.jsonl"
    sink = FileSink(config.ToFile(path=alerts))
    telemetry = Telemetry()
    read_archives(Pipeline(settings, state=state, sinks=[sink], telemetry=telemetry), paths)
    sink.close()
    assert telemetry.lines == telemetry.events + telemetry.rejects
    return ids(alerts)


def follow(settings, path, folder, state, **how):
    alerts = folder / "tail.jsonl"
    sink = FileSink(config.ToFile(path=alerts))
    follow_live(Pipeline(settings, state=state, sinks=[sink]), [path], from_start=True, once=True, **how)
    sink.close()
    return ids(alerts)


@pytest.fixture(scope="session")
def expected(generated, tmp_path_factory):
    found = batch(settings(generated), [generated / "access.log"], tmp_path_factory.mktemp("expected"))
    assert len(found) >= 4
    return found


@pytest.mark.parametrize("chunk_bytes", [90_007, 500_003])
def test_any_chunk_size_gives_the_same_alerts(generated, expected, tmp_path, chunk_bytes):
    assert batch(settings(generated, chunk_bytes=chunk_bytes), [generated / "access.log"], tmp_path) == expected


def test_rotated_and_compressed_parts_give_the_same_alerts(generated, expected, tmp_path):
    lines = (generated / "access.log").read_bytes().splitlines(keepends=True)
    third = len(lines) // 3
    parts = {"access.log.2": lines[:third], "access.log.1": lines[third : 2 * third], "access.log": lines[2 * third :]}
    for name, part in parts.items():
        (tmp_path / name).write_bytes(b"".join(part))
    subprocess.run(["gzip", tmp_path / "access.log.2"], check=True)
    assert batch(settings(generated), [tmp_path], tmp_path.parent, f"{tmp_path.name}-rotated") == expected


def test_lines_out_of_order_within_the_lateness_give_the_same_alerts(generated, expected, tmp_path):
    lines = (generated / "access.log").read_bytes().splitlines(keepends=True)
    stamps = [(index // 5, random.Random(index).random()) for index in range(len(lines))]
    moments = [line.split(b"[", 1)[1].split(b"]", 1)[0] for line in lines]
    of_moment: dict[bytes, deque[bytes]] = {}
    for moment, line in zip(moments, lines, strict=True):
        of_moment.setdefault(moment, deque()).append(line)
    come = sorted(zip(stamps, moments, strict=True))
    # Lines of one moment have no order but the one they come in: theirs stays that of the file.
    shuffled = [of_moment[moment].popleft() for _, moment in come]
    assert shuffled != lines
    (tmp_path / "access.log").write_bytes(b"".join(shuffled))
    wide = settings(generated, max_lateness_s=86_400.0)
    ordered = batch(wide, [generated / "access.log"], tmp_path, "ordered")
    assert batch(wide, [tmp_path / "access.log"], tmp_path, "shuffled") == ordered


def test_lines_that_come_too_late_give_the_same_alerts_in_any_chunks(generated, tmp_path):
    """What single lines show counts from when it came, whatever batch brings it, midnight or not."""
    lines, chance = (generated / "access.log").read_bytes().splitlines(keepends=True), random.Random(2)
    stamps = [datetime.strptime(line.split(b"[", 1)[1][:20].decode(), "%d/%b/%Y:%H:%M:%S") for line in lines]
    late = [timedelta(seconds=chance.choice((15, 120, 3600, 40_000)) * (chance.random() < 0.1)) for _ in lines]
    come = sorted(range(len(lines)), key=lambda at: (stamps[at] + late[at], at))
    (tmp_path / "access.log").write_bytes(b"".join(lines[at] for at in come))
    told = settings(generated)
    told = told.model_copy(update={"rules": told.rules.model_copy(update={"min_level": "low"})})
    whole = batch(told, [tmp_path / "access.log"], tmp_path, "whole")
    cut = told.model_copy(update={"input": told.input.model_copy(update={"chunk_bytes": 100_003})})
    assert batch(cut, [tmp_path / "access.log"], tmp_path, "cut") == whole


def test_tail_of_a_growing_file_in_many_runs_gives_the_same_alerts(generated, expected, tmp_path):
    body = (generated / "access.log").read_bytes()
    log, state, cuts = tmp_path / "access.log", tmp_path / "state", sorted(random.Random(3).sample(range(len(body)), 5))
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        with log.open("ab") as file:
            file.write(body[start:end])
        found = follow(settings(generated), log, tmp_path, state)
    assert found == expected


def test_batches_that_go_on_from_a_state_give_the_same_alerts(generated, expected, tmp_path):
    lines = (generated / "access.log").read_bytes().splitlines(keepends=True)
    for night, start in enumerate(range(0, len(lines), len(lines) // 4)):
        part = tmp_path / f"night{night}.log"
        part.write_bytes(b"".join(lines[start : start + len(lines) // 4]))
        found = batch(settings(generated), [part], tmp_path, "nights", state=tmp_path / "state")
    assert found == expected


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6))])
def test_kill_and_restart_gives_the_same_alerts(generated, expected, tmp_path, seed):
    """The real command, killed when its state has grown to some size, again and again, then left to end."""
    chance, alerts = random.Random(seed), tmp_path / "alerts.jsonl"
    described = (generated / "detector.yml").read_text().replace("input:\n", "input:\n  chunk_bytes: 120000\n")
    (generated / f"kill{seed}.yml").write_text(described)
    given = {"--config": generated / f"kill{seed}.yml", "--state": tmp_path / "state", "--alerts": alerts}
    command = [sys.executable, "-m", "detector", "tail", str(generated / "access.log"), "--from-start", "--once"]
    command += [str(part) for pair in given.items() for part in pair]
    killed = 0
    for _ in range(3):
        process = subprocess.Popen([*command, "--log-level", "debug"], stderr=subprocess.PIPE)
        fcntl(process.stderr, F_SETPIPE_SZ, 4096)  # it cannot go on to its end while nobody reads
        for _ in range(chance.randint(3, 12)):  # the debug log says each commit: its lines pace the kill
            if not process.stderr.readline():
                break
        process.send_signal(signal.SIGKILL)
        process.stderr.close()
        killed += process.wait() == -signal.SIGKILL
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert killed >= 1
    assert ids(alerts) == expected


def test_an_outbox_that_is_full_stops_reading_and_loses_nothing(generated, expected, tmp_path):
    """While a sink is down reading stops at the limit; when alerts are taken again it goes on there."""
    small, log, stopped = settings(generated, chunk_bytes=120_000), generated / "access.log", 0
    small = small.model_copy(update={"outbox": config.Outbox.model_construct(max_bytes=2500, drain_s=0.0)})
    whole = len(log.read_bytes().splitlines())
    for ends in ({"once": True}, {"idle_exit_s": 0.0}, {"once": True}):
        pipeline = Pipeline(small, state=tmp_path / "state", sinks=[Memory("down", failing(9999))])
        with pytest.raises(OutboxFullError, match="down waits for"):
            follow_live(pipeline, [log], from_start=True, **ends)
        stopped += pipeline.telemetry.events
    assert 0 < stopped < whole
    assert follow(settings(generated), log, tmp_path, tmp_path / "state") == expected


def test_the_sample_raises_one_incident_within_forty_records_and_nothing_else(tmp_path):
    sink = FileSink(config.ToFile(path=tmp_path / "alerts.jsonl"))
    read_archives(Pipeline(config.load(), sinks=[sink]), [SAMPLE])
    sink.close()
    alerts = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_bytes().splitlines()]
    assert {alert["user"]["name"] for alert in alerts} == {"ph600005"}
    assert len({alert["portal"]["incident"]["id"] for alert in alerts}) == 1
    assert alerts[0]["portal"]["incident"]["state"] == "opened"
    assert alerts[0]["portal"]["subjects_count"] <= 40
