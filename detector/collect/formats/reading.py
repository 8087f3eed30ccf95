"""Read rows with a format: its shapes in order, each on the lines that those before it did not know."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import polars as pl

from detector.collect.formats import envelope
from detector.collect.formats.shape import FIELDS, REASON, UNKNOWN, Shape
from detector.collect.formats.times import TimeSetting
from detector.collect.formats.w3c import HEADER

_PARALLEL_ROWS: Final = 16384
"""Below it, threads cost more than they bring."""
_SLICES: Final = 2
"""For each thread, so that one that is slow does not leave the other idle."""
_AT: Final = "at"


def cleaned(lines: pl.DataFrame) -> pl.DataFrame:
    r"""Take off a byte order mark, the `\r` of CRLF, and the NULs that a truncated file starts with."""
    line = pl.col("line")
    odd = lines.select(
        line.str.ends_with("\r").any().alias("cr"),
        (line.str.starts_with("\ufeff") | line.str.starts_with("\0")).any().alias("lead"),
    ).row(0)
    if odd[0]:
        lines = lines.with_columns(line.str.strip_chars_end("\r"))
    if odd[1]:
        lines = lines.with_columns(line.str.strip_chars_start("\ufeff\0"))
    return lines


def read_rows(lines: pl.DataFrame, shapes: Sequence[Shape], setting: TimeSetting) -> pl.DataFrame:
    """Read lines with a format's shapes, several threads at once where there are many.

    Shapes: {line: String}, of W3C {line, header: String} -> the same rows, same order, in FIELDS plus `reason`.
    """
    lines = lines.rechunk()  # Polars 2.1 panics when it joins texts over a frame that has an empty chunk
    threads = pl.thread_pool_size()
    if threads == 1 or lines.height < _PARALLEL_ROWS:
        return _read(lines, shapes, setting)
    step = -(-lines.height // (threads * _SLICES))
    with ThreadPoolExecutor(threads, thread_name_prefix="parse") as pool:
        starts = range(0, lines.height, step)
        return pl.concat(pool.map(lambda start: _read(lines.slice(start, step), shapes, setting), starts))


def _read(lines: pl.DataFrame, shapes: Sequence[Shape], setting: TimeSetting) -> pl.DataFrame:
    """Read lines without their envelope, those that have none or that no shape knew so as they stand.

    In this order: in some shape a user's name may be anything, and would take in the envelope and the address.
    """
    left = lines.select(pl.col(f"^(line|{HEADER})$")).with_row_index(_AT)
    done: list[pl.DataFrame] = []
    wrapped = left.filter(left["line"].str.contains(envelope.BEGINNING))
    if wrapped.height:
        bare = wrapped.with_columns(envelope.opened(wrapped["line"])).drop_nulls("line")
        done, _ = _in_turn(bare, shapes, setting)
        for read in done:
            left = left.join(read, on=_AT, how="anti")
    if left.height:
        more, left = _in_turn(left, shapes, setting)
        done += more
    if left.height:
        nothing = [pl.lit(None, dtype).alias(name) for name, dtype in FIELDS.items()]
        done.append(left.select(_AT, *nothing, pl.lit(UNKNOWN).alias(REASON)))
    if len(done) == 1:  # in order
        return done[0].drop(_AT)
    return pl.concat(done).sort(_AT).drop(_AT) if done else _none()


def _in_turn(
    left: pl.DataFrame, shapes: Sequence[Shape], setting: TimeSetting
) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Return what the shapes made of the lines they knew, and the lines that none did."""
    done: list[pl.DataFrame] = []
    for shape in shapes:
        if left.is_empty():
            break
        read = shape.read(left.drop(_AT), setting)
        known = (read[REASON] != UNKNOWN).fill_null(value=True)
        read = read.select(left[_AT], pl.all())
        if known.all():
            done.append(read)
            return done, left.clear()
        done.append(read.filter(known))
        left = left.filter(~known)
    return done, left


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={**FIELDS, REASON: pl.String})
