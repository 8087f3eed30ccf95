"""Write frames as bytes and read them back: Arrow IPC, which holds columns and can run no code."""

import io

import polars as pl


def pack(frame: pl.DataFrame) -> bytes:
    """Return `frame` as compressed Arrow IPC."""
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


def unpack(packed: bytes) -> pl.DataFrame:
    """Return the frame that `pack` wrote."""
    return pl.read_ipc(packed)
