import io
import json
import logging
from datetime import UTC, datetime, timedelta

import polars as pl

from detector.schema import EVENT, LATE, REJECT, conform
from detector.telemetry import KeyValue, Telemetry

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def events(users, addresses) -> pl.DataFrame:
    times = [NOON + timedelta(seconds=n) for n in range(len(users))]
    frame = pl.DataFrame({"@timestamp": times, "user.name": users, "source.ip": addresses})
    frame = frame.with_columns(pl.lit("record_view").alias("portal.action"))
    return conform(frame, EVENT).with_columns(pl.lit(False).alias(LATE))


def rejects(count, reason="no time stamp") -> pl.DataFrame:
    rows = [{"log.file.path": "a.log", "log.offset": n, "line_bytes": 9, "reason": reason} for n in range(count)]
    return pl.DataFrame(rows, schema=REJECT)


def test_figures_add_up_and_name_their_span():
    told = Telemetry()
    told.observe_events(events(["a", "b", "a", None], ["192.0.2.1"] * 4))
    told.observe_rejects(rejects(3))
    told.observe_rejects(rejects(1, "too long"))
    stats = told.stats()
    assert stats["lines"] == stats["events"] + stats["rejects"] == 8
    assert stats["accounts"] == 2
    assert stats["rejects_by_reason"] == {"no time stamp": 3, "too long": 1}
    assert (stats["first_event"], stats["last_event"]) == ("2026-03-02T12:00:00.000Z", "2026-03-02T12:00:03.000Z")
    assert stats["peak_rss_bytes"] > 1_000_000
    json.dumps(stats, allow_nan=False)


def test_stats_of_nothing():
    stats = Telemetry().stats()
    assert (stats["lines"], stats["first_event"], stats["accounts"]) == (0, None, 0)


def test_late_events_are_counted():
    told = Telemetry()
    told.observe_events(
        events(["a"] * 5, ["192.0.2.1"] * 5).with_columns(pl.Series(LATE, [True, False, True] + [False] * 2))
    )
    assert told.stats()["late"] == 2


def test_many_late_events_are_said_loudly_and_which_log_has_them():
    told = Telemetry()
    frame = events(["a"] * 200, ["192.0.2.1", *["192.0.2.2"] * 199])
    for path, late in (("a.log", 150), ("b.log", 10)):
        told.observe_events(
            frame.with_columns(pl.lit(path).alias("log.file.path"), (pl.int_range(pl.len()) < late).alias(LATE))
        )
    told.settle(0.02)
    text = told.warnings["late_share"].text
    assert text.startswith("40.0% of the events came too late for their time, 150 of 160 in a.log: ")


def test_many_rejects_are_said_loudly():
    told = Telemetry()
    told.observe_events(events(["a"] * 97, ["192.0.2.1", *["192.0.2.2"] * 96]))
    told.observe_rejects(rejects(3))
    told.settle(0.05)
    told.settle(0.02, least=101)
    assert told.warnings == {}
    told.settle(0.02)
    assert "3.0% of the lines" in told.warnings["reject_share"].text
    assert "no time stamp" in told.warnings["reject_share"].text


def test_one_address_for_all_is_said_loudly():
    told = Telemetry()
    for _ in range(2):
        told.observe_events(events(["a"] * 60, ["192.0.2.1"] * 60))
    told.settle(0.02)
    assert set(told.warnings) == {"one_address"}


def test_two_addresses_in_two_chunks_are_fine():
    told = Telemetry()
    told.observe_events(events(["a"] * 100, ["192.0.2.1"] * 100))
    told.observe_events(events(["a"], ["192.0.2.2"]))
    told.settle(0.02)
    assert told.warnings == {}


def test_rejects_are_written_as_they_come():
    file = io.BytesIO()
    told = Telemetry(rejects_to=file)
    told.observe_rejects(rejects(2))
    told.observe_rejects(rejects(1, 'a "quoted" reason'))
    rows = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [row["log.offset"] for row in rows] == [0, 1, 0]
    assert rows[2]["reason"] == 'a "quoted" reason'


def test_a_log_line_is_one_line_whatever_it_carries():
    record = logging.makeLogRecord({"msg": 'two\nlines "and" \x1b[31m', "levelname": "INFO", "path": "a b", "n": 3})
    line = KeyValue().format(record)
    assert line.isprintable()
    assert 'path="a b" n=3' in line


def test_requests_of_which_none_is_an_action_are_said_loudly():
    told = Telemetry()
    told.observe_events(
        events(["a"] * 100, ["192.0.2.1"] * 99 + ["192.0.2.2"]).with_columns(pl.lit("other").alias("portal.action"))
    )
    told.settle(0.02)
    assert set(told.warnings) == {"no_action"}
    assert told.stats()["actions"] == {"other": 100}
