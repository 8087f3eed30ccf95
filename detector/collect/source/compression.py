"""Read compressed files by content, in bounded memory, as far as they are whole."""

import bz2
import gzip
import lzma
import os
import sys
import zlib
from typing import Any, BinaryIO, Final, cast

from isal import igzip, isal_zlib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_MAGIC: Final[dict[bytes, str]] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
MAGIC_BYTES: Final = max(map(len, _MAGIC))
_DAMAGE: Final = (OSError, zlib.error, lzma.LZMAError, zstd.ZstdError)
_ISAL_FAULT: Final = (EOFError, OSError, cast("type[Exception]", isal_zlib.error))
_SLICE: Final = 4 * 1024 * 1024
"""Bytes decompressed in one call: bounds what a small file that unpacks to gigabytes can take."""


def kind(head: bytes) -> str | None:
    """Name the compression of a file that begins with `head`; None: it is plain."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


class Unpacked:
    """The decompressed bytes of `raw`; several members in one file are read as one.

    `damage` says, once the end is reached, why it came early: None where the file is whole.
    """

    def __init__(self, raw: BinaryIO, compression: str | None) -> None:
        self.damage: str | None = None
        self._ahead = b""
        self._raw = raw
        self._stream = _opened(raw, compression) if compression else None

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end, without taking them."""
        if len(self._ahead) < size:
            self._ahead += self._gather(size - len(self._ahead))
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end (of what can be read); none at the end."""
        if not self._ahead:
            return self._gather(size)
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return taken if len(taken) == size else taken + self._gather(size - len(taken))

    def skip(self, size: int) -> None:
        """Read on by `size` bytes; a plain file jumps."""
        if self._stream is None and self._raw.seekable():
            self._raw.seek(size - len(self._ahead), os.SEEK_CUR)
            self._ahead = b""
            return
        while size > 0 and (piece := self.read(min(size, _SLICE))):
            size -= len(piece)

    def _gather(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size > 0 and (piece := self._some(size)):
            pieces.append(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _some(self, size: int) -> bytes:
        if self.damage is not None:
            return b""
        try:
            if self._stream is None:
                return self._raw.read(size)
            return bytes(self._stream.read1(min(size, _SLICE)))
        except EOFError:
            self.damage = "compressed file is cut off: its end is missing"
        except _DAMAGE as fault:
            self.damage = f"file is damaged: {fault}"
        return b""


def _opened(raw: BinaryIO, compression: str) -> Any:
    # Any: the four classes share no base that has read1.
    match compression:
        case "gzip":
            return _Gzip(raw) if raw.seekable() else gzip.GzipFile(fileobj=raw, mode="rb")
        case "bzip2":
            return bz2.BZ2File(raw)
        case "xz":
            return lzma.LZMAFile(raw)
        case _:
            return zstd.ZstdFile(raw)


class _Gzip:
    """gzip unpacked by ISA-L, which takes a third of zlib's time.

    At a fault ISA-L keeps for itself what it unpacked just before it: there the standard library begins anew, gives out
    all that comes before the fault, and names it.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self._given = raw, 0
        self._stream: gzip.GzipFile = igzip.IGzipFile(fileobj=raw, mode="rb")  # type: ignore[no-untyped-call]

    def read1(self, size: int) -> bytes:
        """Return some of the next bytes, none at the end. Raises: as `gzip.GzipFile`."""
        try:
            piece = self._stream.read1(size)
        except _ISAL_FAULT:
            if not isinstance(self._stream, igzip.IGzipFile):
                raise
            self._begin_anew()
            piece = self._stream.read1(size)
        self._given += len(piece)
        return piece

    def _begin_anew(self) -> None:
        self._raw.seek(0)
        self._stream = gzip.GzipFile(fileobj=self._raw, mode="rb")
        self._stream.seek(self._given)
