"""The local hour that comes twice: a stamp without a zone is of the time that is nearer to where its log has come."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import config
from detector.collect.doubled import nearer
from detector.collect.formats import Format, build
from detector.collect.parse import parse
from detector.collect.source.block import ParserState, Position
from detector.schema import TIME

PARIS = ZoneInfo("Europe/Paris")
BEGIN = datetime(2026, 10, 25, 0, tzinfo=UTC)
"""02:00 in summer time; 02:00 in winter time is an hour later."""
HOUR = 3600


def chosen(described: str | config.Format = "json", zone: str = "Europe/Paris") -> Format:
    return build(described, pl.DataFrame({"line": []}, schema={"line": pl.String}), config.Input(timezone=zone))


def line(second: int, zone: ZoneInfo = PARIS, *, offset: bool = False) -> str:
    local = (BEGIN + timedelta(seconds=second)).astimezone(zone)
    text = local.isoformat() if offset else local.replace(tzinfo=None).isoformat()
    return f'{{"time":"{text}","remote_addr":"192.0.2.1","status":200}}'


def framed(lines: list[str], first: int = 0) -> pl.DataFrame:
    frame = pl.DataFrame({"line": lines}, schema={"line": pl.String})
    return frame.with_columns((pl.int_range(pl.len(), dtype=pl.Int64) + first).alias("log.offset"))


def read(lines: list[str], cuts: list[int], zone: str = "Europe/Paris") -> list[int]:
    """Read lines cut into blocks, the parser's state put away and taken up between them; seconds after BEGIN."""
    fmt, state, found = chosen(zone=zone), ParserState(), []
    for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True):
        parsed = parse(framed(lines[start:end], start), fmt, path="f", doubled_us=state.doubled_us)
        assert parsed.rejects.is_empty()
        found += parsed.events["@timestamp"].to_list()
        saved = Position(stream="f", parser=ParserState(doubled_us=parsed.doubled_us)).to_dict()
        state = Position.from_dict(saved).parser
    return [round((time - BEGIN).total_seconds()) for time in found]


def twin(first: list[int], second: list[int]) -> list[int]:
    """One after the other: the first time, unless it is further behind than the second is ahead."""
    came, read = None, []
    for one, other in zip(first, second, strict=True):
        read.append(one if came is None or came - one <= other - came else other)
        came = read[-1] if came is None else max(came, read[-1])
    return read


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 800)), min_size=30, max_size=60), st.data())
def test_every_line_of_both_times_is_dated_rightly_wherever_blocks_end(
    steps: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Steps of a quarter of an hour at most, and lines that come up to 800 s after later ones: none is misread."""
    came, seconds = -HOUR, []
    for step, back in steps:
        came += step
        seconds.append(came - back)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(seconds)), max_size=4)))
    assert read([line(second) for second in seconds], cuts) == seconds


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, HOUR - 1), st.sampled_from([HOUR, HOUR, HOUR, 0])), min_size=1), st.data())
def test_any_stamps_at_all_are_read_as_by_the_slow_twin(stamps: list[tuple[int, int]], data: st.DataObject) -> None:
    first, second = [at for at, _ in stamps], [at + more for at, more in stamps]
    cut = data.draw(st.integers(1, len(stamps)))
    frames = [pl.Series([first, second][one], dtype=pl.Int64) * 1_000_000 for one in (0, 1)]
    times = [frame.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME) for frame in frames]
    found, came_us = nearer(times[0][:cut], times[1][:cut], None)
    if cut < len(stamps):
        more, came_us = nearer(times[0][cut:], times[1][cut:], came_us)
        found = pl.concat([found, more])
    seconds = (found.to_physical() // 1_000_000).to_list()
    assert seconds == twin(first, second)
    assert came_us == max(seconds) * 1_000_000


def test_a_line_of_the_first_time_that_comes_late_is_not_dated_an_hour_ahead() -> None:
    seconds = [3590, 3599, 3601, 3595, 3604, 3590, 3650]
    assert read([line(second) for second in seconds], []) == seconds


def test_a_stamp_of_another_year_moves_nothing() -> None:
    seconds = [0, 86_400 * 365 * 70, 900, 1800, 2700, 3500, 3610, 3700]
    assert read([line(second) for second in seconds], []) == seconds


def test_a_stamp_that_carries_its_zone_stands_and_tells_how_far_the_log_has_come() -> None:
    lines = [line(600), line(HOUR + 300, offset=True), line(HOUR + 600), line(700, offset=True), line(HOUR + 660)]
    assert read(lines, []) == [600, HOUR + 300, HOUR + 600, 700, HOUR + 660]


@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 14, 30, tzinfo=UTC)),  # half an hour comes twice there
        ("America/New_York", datetime(2026, 11, 1, 5, tzinfo=UTC)),
        ("Europe/Lisbon", datetime(2026, 10, 25, 0, tzinfo=UTC)),
    ],
)
def test_zones_that_put_their_clocks_back_otherwise(zone: str, begin: datetime) -> None:
    since = round((begin - BEGIN).total_seconds())
    seconds = [since + second for second in range(-HOUR, 3 * HOUR, 500)]
    assert read([line(second, ZoneInfo(zone)) for second in seconds], [7], zone) == seconds


def test_the_hour_that_spring_leaves_out_is_read_as_if_the_clock_had_not_moved() -> None:
    """No right clock writes it: one that is put on late does, and goes on from 03:59:59 to 04:00 an hour later."""
    stamps = ["2026-03-29T01:59:59", "2026-03-29T02:00:00", "2026-03-29T02:59:59", "2026-03-29T03:00:00"]
    lines = [f'{{"time":"{stamp}","remote_addr":"192.0.2.1","status":200}}' for stamp in stamps]
    parsed = parse(framed(lines), chosen(), path="f")
    assert parsed.rejects.is_empty()
    found = parsed.events["@timestamp"].dt.strftime("%H:%M:%S").to_list()
    assert found == ["00:59:59", "01:00:00", "01:59:59", "01:00:00"]


@pytest.mark.parametrize(
    ("described", "pattern"),
    [
        (
            "haproxy",
            '203.0.113.9:51234 [25/Oct/2026:02:{}:00.000] www~ app/s1 0/0/1/2/3 200 12 - - ---- 1/1/0/0/0 0/0 "-"',
        ),
        (
            config.Format(regex=r"^(?P<time>\S+) (?P<ip>\S+)$", time_format="%d.%m.%Y-%H:%M"),
            "25.10.2026-02:{} 203.0.113.9",
        ),
    ],
    ids=["haproxy", "regex"],
)
def test_other_formats_whose_stamps_carry_no_zone(described: str | config.Format, pattern: str) -> None:
    minutes = [5, 25, 50, 65, 85, 110]
    parsed = parse(framed([pattern.format(f"{minute % 60:02}") for minute in minutes]), chosen(described), path="f")
    assert [round((time - BEGIN).total_seconds() / 60) for time in parsed.events["@timestamp"]] == minutes


def test_a_state_saved_before_says_nothing_of_such_an_hour() -> None:
    saved = Position(stream="f").to_dict()
    del saved["parser"]["doubled_us"]
    assert Position.from_dict(saved).parser.doubled_us is None
