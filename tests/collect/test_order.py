"""Released order and late flags do not depend on how the input was cut; checked against a slow twin."""

import statistics
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.collect.order import Sequencer
from detector.schema import EVENT, LATE, TIME, conform

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = 86_400
Lines = list[int]


def events(stream: str, seconds: list[int], first: int = 0) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "@timestamp": [START + timedelta(seconds=second) for second in seconds],
            "log.file.path": [stream] * len(seconds),
            "log.offset": range(first, first + len(seconds)),
        },
        schema_overrides={"@timestamp": TIME, "log.offset": pl.Int64, "log.file.path": pl.String},
    )
    return conform(frame, EVENT)


def rows(frame: pl.DataFrame) -> list[tuple[int, str, int, bool]]:
    seconds = ((frame["@timestamp"] - START).dt.total_seconds()).to_list()
    return list(zip(seconds, frame["log.file.path"], frame["log.offset"], frame[LATE], strict=True))


def twin(
    streams: dict[str, Lines], lateness: int, future: int = DAY
) -> tuple[list[tuple[int, str, int, bool]], set[tuple[str, int]]]:
    """Every line with its key, one after the other, then one sort."""
    keyed, broken = [], set()
    for name, lines in streams.items():
        top = None
        for index, time in enumerate(lines):
            before, after = lines[max(0, index - 5) : index], lines[index + 1 : index + 6]
            lead = time - statistics.median(before) if before else None
            if after:
                ahead = (lead is None or lead > future) and time - statistics.median(after) > future
            else:
                ahead = lead is not None and lead > max(future, 31 * DAY)
            if ahead:
                broken.add((name, index))
                continue
            late = top is not None and time < top - lateness
            keyed.append((top - lateness if late else time, name, index, time, late))
            top = time if top is None else max(top, time)
    return [(time, name, index, late) for _, name, index, time, late in sorted(keyed)], broken


def run(
    streams: dict[str, Lines], turns: list[tuple[int, int]], lateness: int, *, restart: bool = False
) -> tuple[list[tuple[int, str, int, bool]], set[tuple[str, int]]]:
    """Admit as `turns` say: which stream, how many lines; then all that is left."""
    sequencer = Sequencer(lateness)
    at = dict.fromkeys(streams, 0)
    released, rejects = [], []
    for name in streams:
        sequencer.watch(name)
    names = list(streams)
    for which, count in [*turns, *((index, 10_000) for index in range(len(names)))]:
        name = names[which % len(names)]
        part = streams[name][at[name] : at[name] + count]
        sequencer.admit(name, events(name, part, at[name]))
        at[name] += len(part)
        if at[name] == len(streams[name]):
            sequencer.end(name, final=True)
        released.append(sequencer.release())
        if restart:
            saved = sequencer.snapshot()
            rejects.append(sequencer.take_rejects())
            sequencer = Sequencer(lateness)
            sequencer.restore(saved)
    released.append(sequencer.flush())
    rejects.append(sequencer.take_rejects())
    lost = pl.concat(rejects)
    return rows(pl.concat(released)), set(zip(lost["log.file.path"], lost["log.offset"], strict=True))


TIMES = st.lists(
    st.one_of(st.integers(0, 60), st.integers(0, 60), st.sampled_from([3 * DAY, 3 * DAY + 5, 400 * DAY])), max_size=40
)
STREAMS = st.fixed_dictionaries({"a.log": TIMES, "b.log": TIMES.map(sorted), "c.log": TIMES})
TURNS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), max_size=30)


@settings(max_examples=30, deadline=None)
@given(STREAMS, TURNS, st.sampled_from([0, 3, 20]), st.booleans())
def test_any_cutting_gives_the_twins_order_and_flags(
    streams: dict[str, Lines], turns: list[tuple[int, int]], lateness: int, restart: bool
) -> None:
    expected, broken = twin(streams, lateness)
    assert run(streams, turns, lateness, restart=restart) == (expected, broken)


def test_on_time_lines_leave_in_event_time_and_ties_in_order_of_stream_then_arrival() -> None:
    released, _ = run({"b.log": [1, 2, 2, 5], "a.log": [2, 3, 2, 9]}, [], 10)
    assert released == [
        (1, "b.log", 0, False),
        (2, "a.log", 0, False),
        (2, "a.log", 2, False),
        (2, "b.log", 1, False),
        (2, "b.log", 2, False),
        (3, "a.log", 1, False),
        (5, "b.log", 3, False),
        (9, "a.log", 3, False),
    ]


def test_a_line_exactly_max_lateness_behind_is_on_time_and_one_behind_that_is_late() -> None:
    released, _ = run({"a.log": [100, 90, 89, 101, 102, 103]}, [(0, 1)] * 6, 10)
    assert [(second, late) for second, _, _, late in released if second < 100] == [(90, False), (89, True)]


def test_what_is_released_is_strictly_before_the_watermark() -> None:
    sequencer = Sequencer(10)
    sequencer.admit("a.log", events("a.log", [0, 1, 2, 3, 4, 14]))
    assert [row[0] for row in rows(sequencer.release())] == [0, 1, 2, 3]
    assert sequencer.watermark == START + timedelta(seconds=4)
    assert sequencer.held_count == 2


def test_a_stream_that_was_not_read_yet_holds_the_others_back_from_its_first_time_on() -> None:
    sequencer = Sequencer(0)
    sequencer.watch("b.log", since=START + timedelta(seconds=3))
    sequencer.admit("a.log", events("a.log", [0, 1, 2, 3, 4, 5]))
    assert [row[0] for row in rows(sequencer.release())] == [0, 1, 2]
    sequencer.watch("c.log")
    assert sequencer.release().is_empty()


def test_a_silent_log_is_waited_for_only_so_long_and_its_lines_are_late_then() -> None:
    sequencer = Sequencer(0, max_idle_s=60)
    sequencer.admit("quiet.log", events("quiet.log", [0, 1, 2, 3, 4, 5]))
    sequencer.end("quiet.log")
    sequencer.admit("busy.log", events("busy.log", [0, 10, 20, 30, 40, 50]))
    assert max(row[0] for row in rows(sequencer.release())) == 4
    sequencer.admit("busy.log", events("busy.log", [66, 70], 6))
    assert max(row[0] for row in rows(sequencer.release())) == 66
    sequencer.admit("quiet.log", events("quiet.log", [6, 71], 6))
    assert (6, "quiet.log", 6, True) in rows(pl.concat([sequencer.release(), sequencer.flush()]))


def test_a_broken_clock_is_rejected_and_makes_nothing_late() -> None:
    times = [0, 1, 2, 3, 4, 365 * DAY, 5, 6, 7, 8, 9, 10]
    sequencer = Sequencer(10)
    for index, time in enumerate(times):
        sequencer.admit("a.log", events("a.log", [time], index))
        sequencer.release()
    sequencer.flush()
    rejects = sequencer.take_rejects()
    assert rejects.select("log.file.path", "log.offset", "reason").rows() == [
        ("a.log", 5, "time stamp 8760.0 h ahead of the lines around it in a.log")
    ]
    assert not any(late for *_, late in run({"a.log": times}, [], 10)[0])


def test_a_line_less_far_ahead_is_kept() -> None:
    times = [0, 1, 2, 3, 4, 20 * 3600, 5, 6, 7, 8, 9, 10]
    released, broken = run({"a.log": times}, [], 10)
    assert broken == set()
    assert [late for *_, late in released] == [False] * 5 + [True] * 6 + [False]


def test_a_rare_log_beside_a_busy_one_is_on_time_though_its_lines_come_an_hour_apart() -> None:
    """What a lower `max_future_s` costs: a line that is far ahead waits for five after it, and is late by then."""

    def late(max_future_s: float) -> int:
        sequencer, count = Sequencer(10, max_future_s=max_future_s), 0
        for hour in range(12):
            for name, seconds in (
                ("busy.log", range(3600 * hour, 3600 * (hour + 1), 60)),
                ("rare.log", [3600 * hour + 3590]),
            ):
                sequencer.admit(name, events(name, list(seconds)))
                sequencer.end(name)
            count += int(sequencer.release()[LATE].sum())
        return count

    assert late(86_400) == 0
    assert late(3600) > 0


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_gap_is_no_broken_clock(size: int) -> None:
    times = [0, 1, 2, 3 * DAY, 3 * DAY + 1, 9 * DAY, 12 * DAY]
    released, broken = run({"a.log": times}, [(0, size)] * 7, 10)
    assert broken == set()
    assert [(time, late) for time, _, _, late in released] == [(time, False) for time in times]


def test_a_snapshot_holds_the_rows_that_are_held_and_no_more() -> None:
    sequencer = Sequencer(10)
    many = events("a.log", list(range(20_000))).with_columns(
        pl.lit("https://portal.example/" + "x" * 200).alias("url.original") + pl.col("log.offset").cast(pl.String)
    )
    sequencer.admit("a.log", many)
    sequencer.release()
    assert sequencer.held_count == 11
    assert sum(map(len, sequencer.snapshot().values())) < 40_000


def test_streams_that_ended_long_ago_are_forgotten() -> None:
    sequencer = Sequencer(0)
    for day in range(5):
        name = f"{day}.log"
        sequencer.admit(name, events(name, [day * DAY + second for second in range(10)]))
        sequencer.end(name, final=True)
        sequencer.release()
    assert b"0.log" not in sequencer.snapshot()["order.json"]
    assert b"4.log" in sequencer.snapshot()["order.json"]
