"""Write frames as bytes and read them back (Arrow IPC, which holds columns and can run no code); renew their rows."""

import io

import polars as pl

from detector.schema import MOST_CHUNKS, detached


def among(frame: pl.DataFrame, name: str, values: pl.Series) -> pl.DataFrame:
    """Keep the rows with one of `values`: a look at one column, where a join would index all of `frame`."""
    return frame.filter(pl.col(name).is_in(values.implode()))


def renewed(frame: pl.DataFrame, name: str, fresh: pl.DataFrame) -> pl.DataFrame:
    """Return `fresh` behind the rows of `frame` whose `name` it does not have."""
    if fresh.is_empty():
        return frame
    kept = frame.filter(~pl.col(name).is_in(fresh.get_column(name).implode()))
    joined = pl.concat([kept, detached(fresh.select(frame.columns))])
    return detached(joined) if joined.n_chunks() > MOST_CHUNKS else joined


def latest(frame: pl.DataFrame, most_rows: int) -> tuple[pl.DataFrame, int]:
    """Keep the last `most_rows`, and say how many were let go."""
    return frame.tail(most_rows), max(0, frame.height - most_rows)


def pack(frame: pl.DataFrame) -> bytes:
    """Return `frame` as compressed Arrow IPC."""
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


def unpack(packed: bytes) -> pl.DataFrame:
    """Return the frame that `pack` wrote."""
    return pl.read_ipc(packed)
