"""What is kept of a batch keeps nothing else of it in memory."""

from pathlib import Path

import polars as pl
import pytest

from detector.context import frames
from detector.detect.rules.carry import Carry
from detector.detect.rules.spec import Correlation
from detector.schema import appended, conform, detached

ROWS, BATCHES = 200_000, 12
BATCH_MB = ROWS * 80 / 1e6


def memory_mb() -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) / 1e3


def batch(turn: int) -> pl.DataFrame:
    number = pl.int_range(turn * ROWS, (turn + 1) * ROWS, eager=True)
    return pl.DataFrame({"key": number, "text": number.cast(pl.String).str.zfill(80)})


def renewed(kept: pl.DataFrame, some: pl.DataFrame) -> pl.DataFrame:
    return frames.renewed(kept, "key", some)


@pytest.mark.parametrize("keep", [appended, renewed])
def test_rows_that_are_kept_do_not_keep_their_batch(keep):
    kept = batch(0).head(10)
    before = memory_mb()
    for turn in range(BATCHES):
        kept = keep(kept, batch(turn + 1).filter(pl.col("key") % ROWS < 10))
    grown = memory_mb() - before
    assert kept.height == 10 * (BATCHES + 1)
    assert grown < BATCHES * BATCH_MB / 2


def test_a_window_does_not_keep_the_batches_of_its_rows():
    of = Correlation(kind="event_count", refs=("r",), group_names=("path",), groups={"r": ("url.path",)}, span_us=1)
    window = Carry(of, max_rows=1_000_000)
    before = memory_mb()
    for turn in range(BATCHES):
        some = batch(turn)["text"].gather_every(ROWS // 10)
        window.keep(conform(pl.DataFrame({"time": [turn] * len(some), "g0": some}), window.schema))
    grown = memory_mb() - before
    assert len(window) == 10 * BATCHES
    assert grown < BATCHES * BATCH_MB / 2


def test_a_detached_frame_is_the_same():
    frame = pl.DataFrame({"a": ["x", None, "", "é" * 40], "b": [1, 2, None, 4], "c": [b"x", None, b"", b"\xff"]})
    parted = pl.concat([frame.head(1), frame.tail(3)])
    assert detached(parted).equals(frame)
    assert detached(frame.clear()).equals(frame.clear())
    assert detached(parted).n_chunks() == 1


def test_frames_that_grow_stay_in_few_pieces():
    grown = pl.DataFrame(schema={"key": pl.Int64, "text": pl.String})
    for turn in range(50):
        grown = appended(grown, pl.DataFrame({"key": [turn], "text": [str(turn)]}))
    assert grown["key"].to_list() == list(range(50))
    assert grown.n_chunks() <= 17


def test_a_table_that_grows_by_a_row_at_a_time_takes_no_more_than_its_rows():
    """Polars begins the texts of each piece with 8 KiB, and keeps them all in a column that it joins."""
    before, table = memory_mb(), pl.DataFrame(schema={"text": pl.String})
    for number in range(4000):
        table = appended(table, pl.DataFrame({"text": [f"a text of more than twelve bytes: {number}"]}))
    assert table.height == 4000
    assert memory_mb() - before < 12  # 33 where each piece keeps its own
