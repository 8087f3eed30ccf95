"""The stage as a whole: every line is one event or reject, in one order, however it is cut, killed or followed."""

import gzip
import json
import random
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from detector.collect.order import Sequencer
from detector.collect.reader import Collected, Reader, first_time
from detector.collect.source.block import Position
from detector.collect.source.files import Files
from detector.collect.source.follow import Follower
from detector.config import Input
from detector.schema import EVENT, LATE, conform

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def enrich(raw: pl.DataFrame) -> pl.DataFrame:
    return conform(raw, EVENT)


def line(second: int, name: str, number: int) -> str:
    stamp = (START + timedelta(seconds=second)).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'192.0.2.7 - {name} [{stamp}] "GET /records/{number} HTTP/1.1" 200 12 "-" "Mozilla/5.0"\n'


def write_logs(folder: Path, lines: int = 100) -> None:
    """Three logs: one in order and rotated, one out of order by some seconds, one with lines that cannot be read."""
    rng = random.Random(5)
    ordered = [line(number, "ordered", number) for number in range(lines)]
    (folder / "a.log.1.gz").write_bytes(gzip.compress("".join(ordered[: lines // 2]).encode()))
    (folder / "a.log").write_text("".join(ordered[lines // 2 :]))
    (folder / "b.log").write_text(
        "".join(line(max(0, number - rng.choice([0, 0, 3, 9, 30])), "shuffled", number) for number in range(lines))
    )
    odd = ["", "no log line", "x" * 2000, "\udcff\udcfe bytes", "# remark", line(lines, "odd", 1).strip()]
    rows = [
        line(number, "odd", number) if number % 9 else odd[number // 9 % len(odd)] + "\n" for number in range(lines)
    ]
    (folder / "c.log").write_bytes("".join(rows).encode("utf-8", "surrogateescape"))


def settings(chunk_bytes: int) -> Input:
    return Input(chunk_bytes=chunk_bytes, max_line_bytes=1024)


def batch(
    paths: Sequence[Path],
    chunk_bytes: int,
    positions: dict[str, Position] | None = None,
    saved: dict[str, bytes] | None = None,
) -> tuple[Reader, Sequencer]:
    asked = settings(chunk_bytes)
    sequencer = Sequencer(asked.max_lateness_s, max_idle_s=1e9)
    if saved:
        sequencer.restore(saved)
    return Reader(Files(paths, asked, first_time(asked), positions), enrich, sequencer, asked, positions), sequencer


def told(*collected: Collected) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    events = pl.concat([one.events for one in collected])
    rejects = pl.concat([one.rejects for one in collected])
    return (
        events.select("@timestamp", "user.name", "url.original", "log.file.path", "log.offset", LATE).rows(),
        sorted(rejects.rows()),
    )


def read_all(reader: Reader) -> list[Collected]:
    steps = list(reader.batches())
    steps.append(reader.settle())
    reader.close()
    return steps


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write_logs(tmp_path)
    return tmp_path


@pytest.fixture
def expected(logs: Path) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    reader, _ = batch([logs], 1 << 20)
    return told(*read_all(reader))


def test_events_and_rejects_add_up_to_the_lines(logs: Path) -> None:
    reader, _ = batch([logs], 1000)
    steps = read_all(reader)
    events, rejects = told(*steps)
    written = 100 * 3
    skipped = sum(step.skipped for step in steps)
    assert len(events) + len(rejects) == sum(step.lines for step in steps) == written - skipped
    assert skipped == 2
    assert {"line longer than max_line_bytes = 1024"} < {row[3] for row in rejects}
    assert {row[1] for row in events} == {"ordered", "shuffled", "odd"}
    assert sum(bool(row[-1]) for row in events) > 0
    on_time = [row[0] for row in events if not row[-1]]
    assert on_time == sorted(on_time)  # type: ignore[type-var]
    assert steps[-1].held == 0
    assert {
        name.rpartition("/")[2]: taken for step in steps for name, (taken, _) in step.formats.items()
    } == dict.fromkeys(["a.log", "b.log", "c.log"], "combined")


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1000, 65537])
def test_any_chunk_size_gives_the_same(
    logs: Path, expected: tuple[list[tuple[object, ...]], list[tuple[object, ...]]], chunk_bytes: int
) -> None:
    if chunk_bytes < 100:  # a step a line: fewer lines do
        for path in logs.iterdir():
            path.unlink()
        write_logs(logs, 30)
        reader, _ = batch([logs], 1 << 20)
        expected = told(*read_all(reader))
    reader, _ = batch([logs], chunk_bytes)
    assert told(*read_all(reader)) == expected


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_step_and_started_again_gives_the_same(
    logs: Path, expected: tuple[list[tuple[object, ...]], list[tuple[object, ...]]], seed: int
) -> None:
    rng = random.Random(seed)
    kept: list[Collected] = []
    positions: dict[str, Position] = {}
    saved: dict[str, bytes] = {}
    for _ in range(40):
        reader, sequencer = batch([logs], 2500, positions, saved)
        steps = reader.batches()
        for step in steps:
            kept.append(step)
            plain = json.dumps({name: position.to_dict() for name, position in step.positions.items()})
            positions = {name: Position.from_dict(known) for name, known in json.loads(plain).items()}
            saved = sequencer.snapshot()
            if rng.random() < 0.4:
                steps.close()
                reader.close()
                break
        else:
            kept.append(reader.settle())
            reader.close()
            break
    assert told(*kept) == expected


def follower(
    folder: Path, positions: dict[str, Position], saved: dict[str, bytes]
) -> tuple[Reader, Sequencer, Follower]:
    asked = settings(1000)
    sequencer = Sequencer(asked.max_lateness_s, max_idle_s=1e9)
    if saved:
        sequencer.restore(saved)
    source = Follower([folder], asked, positions, from_start=True)
    return Reader(source, enrich, sequencer, asked, positions), sequencer, source


@pytest.mark.parametrize("restarts", [False, True])
def test_followed_as_they_grow_logs_give_what_batch_gives(tmp_path: Path, restarts: bool) -> None:
    whole, live = tmp_path / "whole", tmp_path / "live"
    whole.mkdir()
    live.mkdir()
    write_logs(whole)
    (whole / "a.log.1.gz").unlink()
    reader, _ = batch([whole], 1 << 20)
    expected, unread = told(*read_all(reader))
    kept: list[Collected] = []
    positions: dict[str, Position] = {}
    saved: dict[str, bytes] = {}
    reader, sequencer, source = follower(live, positions, saved)
    contents = {path.name: path.read_bytes() for path in sorted(whole.iterdir())}
    for turn in range(10):
        for name, data in contents.items():
            with (live / name).open("ab") as file:
                file.write(data[len(data) * turn // 10 : len(data) * (turn + 1) // 10])
        for step in reader.batches():
            kept.append(step)
            positions, saved = dict(step.positions), sequencer.snapshot()
        if restarts:
            source.close()
            reader, sequencer, source = follower(live, positions, saved)
    kept.append(reader.settle())
    source.close()
    events, rejects = told(*kept)

    def bare(rows: list[tuple[object, ...]], at: int) -> list[tuple[object, ...]]:
        return [(*row[:at], Path(str(row[at])).name, *row[at + 1 :]) for row in rows]

    assert bare(events, 3) == bare(expected, 3)
    assert bare(rejects, 0) == bare(unread, 0)


def test_settling_leaves_what_was_saved_before_it_to_go_on_from(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(line(second, "early", second) for second in range(20)))
    reader, sequencer, source = follower(tmp_path, {}, {})
    (*_, step) = reader.batches()
    saved = sequencer.snapshot()
    assert step.held == 10 + 1
    assert reader.settle().events.height == 11
    source.close()
    with log.open("a") as file:
        file.write(line(15, "later", 0) + line(40, "later", 1))
    again, _, source = follower(tmp_path, dict(step.positions), saved)
    events, _ = told(*read_all(again))
    source.close()
    assert [(row[0], row[1], row[-1]) for row in events][5:8] == [
        (START + timedelta(seconds=second), name, False)
        for second, name in ((14, "early"), (15, "early"), (15, "later"))
    ]


IIS = "#Fields: date time c-ip cs-username cs-method cs-uri-stem sc-status\n"
IIS_MORE = "#Fields: date time cs-username c-ip cs-method cs-uri-stem sc-status time-taken\n"


def test_a_w3c_header_is_known_after_a_restart_and_when_reading_begins_behind_it(tmp_path: Path) -> None:
    log = tmp_path / "u_ex260302.log"
    log.write_text(IIS + "2026-03-02 09:00:00 192.0.2.1 u1 GET /a 200\n")
    sequencer = Sequencer(10)
    asked = settings(1000)
    source = Follower([tmp_path], asked)
    reader = Reader(source, enrich, sequencer, asked)
    first = list(reader.batches())
    with log.open("a") as file:
        file.write("2026-03-02 09:00:01 192.0.2.1 u2 GET /a 200\n" + IIS_MORE)
    steps = list(reader.batches())
    positions, saved = dict(steps[-1].positions), sequencer.snapshot()
    source.close()
    with log.open("a") as file:
        file.write("2026-03-02 09:00:02 u3 192.0.2.1 GET /a 200 17\n")
    reader, _, source = follower(tmp_path, positions, saved)
    events, rejects = told(*first, *steps, *read_all(reader))
    source.close()
    assert [row[1] for row in events] == ["u2", "u3"]
    assert rejects == []


def tailed(folder: Path, plain: dict[str, dict[str, Any]]) -> tuple[list[str | None], dict[str, dict[str, Any]]]:
    """Follow a folder as a new process would, from the state of the one before; return the sessions read."""
    positions = {name: Position.from_dict(known) for name, known in plain.items()}
    reader, _, source = follower(folder, positions, {})
    steps = read_all(reader)
    source.close()
    kept = {name: position.to_dict() for name, position in steps[-1].positions.items()}
    return pl.concat([step.events for step in steps])["portal.session"].to_list(), json.loads(json.dumps(kept))


def with_session(second: int, session: str) -> str:
    return line(second, "u", second).rstrip() + f" {session}\n"


def test_what_stands_behind_the_line_is_after_a_restart_what_it_was_before(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(with_session(second, f"session{second // 5:04d}") for second in range(600)))
    sessions, kept = tailed(tmp_path, {})
    assert None not in sessions
    log.rename(tmp_path / "a.log.1")
    log.write_text("".join(with_session(600 + second, "0.005") for second in range(600)))  # durations?
    with log.open("a") as file:
        file.write(with_session(1201, "session1201"))
    assert tailed(tmp_path, kept)[0][-1] == "session1201"
    before = {name: {**known, "parser": {"format": "combined", "header": ""}} for name, known in kept.items()}
    assert tailed(tmp_path, before)[0][-1] is None  # a state that was saved before it was kept: learned anew


def test_a_new_log_is_judged_again_while_its_lines_are_few(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("no log line of any kind\n" + with_session(0, "-"))
    reader, _, source = follower(tmp_path, {}, {})
    taken = [name for step in reader.batches() for name, _ in step.formats.values()]
    with log.open("a") as file:
        file.writelines(with_session(second, f"session{second // 5:04d}") for second in range(1, 600))
    steps = list(reader.batches())
    taken += [name for step in steps for name, _ in step.formats.values()]
    assert taken == ["combined", "combined_session"]
    assert steps[-1].events["portal.session"][-1] is not None
    source.close()


def test_the_hindmost_log_is_read_next_so_little_is_held(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "c.log"):
        (tmp_path / name).write_text("".join(line(number, name, number) for number in range(3000)))
    reader, _ = batch([tmp_path], 5000)
    assert max(step.held for step in reader.batches()) < 300


def test_reading_while_the_caller_waits_gives_the_same(
    logs: Path, expected: tuple[list[tuple[object, ...]], list[tuple[object, ...]]]
) -> None:
    asked = settings(2000)
    reader = Reader(Files([logs], asked, first_time(asked)), enrich, Sequencer(10), asked, ahead=False)
    before = threading.active_count()
    steps = []
    for step in reader.batches():
        steps.append(step)
        assert threading.active_count() == before
    assert len(steps) > 2
    assert told(*steps, reader.settle()) == expected
    reader.close()


def test_a_fault_in_the_thread_is_raised_in_the_caller(logs: Path) -> None:
    calls = iter(range(100))

    def failing(raw: pl.DataFrame) -> pl.DataFrame:
        if next(calls) == 2:
            raise ZeroDivisionError("in the thread")
        return enrich(raw)

    asked, before = settings(1000), set(threading.enumerate())
    reader = Reader(Files([logs], asked, first_time(asked)), failing, Sequencer(10), asked)
    steps = reader.batches()
    assert next(steps).lines > 0
    with pytest.raises(ZeroDivisionError, match="in the thread"):
        list(steps)
    reader.close()
    assert set(threading.enumerate()) <= before


def test_leaving_early_leaves_no_thread(logs: Path) -> None:
    before = set(threading.enumerate())
    reader, _ = batch([logs], 1000)
    steps: Iterator[Collected] = reader.batches()
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    reader.close()
    assert set(threading.enumerate()) <= before


def test_damaged_files_are_counted_with_the_rest(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(line(number, "u", number).encode() for number in range(2000)), 1)
    (tmp_path / "a.log.gz").write_bytes(whole[: len(whole) // 2])
    reader, _ = batch([tmp_path], 10_000)
    steps = read_all(reader)
    events, rejects = told(*steps)
    assert len(events) > 100
    assert [row[3] for row in rejects] == ["compressed file is cut off: its end is missing"]
    assert sum(step.lines for step in steps) == len(events) + 1
