"""Undo percent-encoding, so that an identifier is found however it was written."""

from typing import Final

import polars as pl

from detector.collect.enrich.where import where

PASSES: Final = 6
"""Encodings of encodings that are undone; what is deeper is taken for a hiding place (see `HIDDEN`)."""

_ASCII: Final = {f"%{code:02X}": chr(code) for code in range(0x20, 0x7F)} | {"%09": " "}
_UNICODE: Final = {f"%u00{code:02X}": chr(code) for code in range(0x20, 0x7F)}
_SPACES: Final = {"%C2%A0": " ", "%E2%80%AF": " ", "\u00a0": " ", "\u202f": " "}
_DIGITS: Final = {
    written: str(digit)
    for zero in (0xFF10, 0x0660, 0x06F0)  # full-width, Arabic, Persian: a server may read them as numbers
    for digit in range(10)
    for written in (chr(zero + digit), "".join(f"%{byte:02X}" for byte in chr(zero + digit).encode()))
}
_TABLE: Final = _ASCII | _UNICODE | _SPACES | _DIGITS

ENCODED: Final = r"%|[\x{FF10}-\x{FF19}\x{0660}-\x{0669}\x{06F0}-\x{06F9}\x{00A0}\x{202F}]"
"""Found in every text that `decode` might change."""

HIDDEN: Final = r"%(?:25|[2-7][0-9a-fA-F]|u00[2-7][0-9a-fA-F])"
"""Found in a decoded text that was encoded more deeply than `decode` goes: nobody does it but to hide something."""


def decode(texts: pl.Series) -> pl.Series:
    """Write printable ASCII and digits plainly, through several layers of encoding. Control bytes stay encoded.

    Shapes: n String -> n String.
    """
    return where(texts, ENCODED, _decode)


def _decode(texts: pl.Series) -> pl.Series:
    for _ in range(PASSES):
        texts = where(texts, "%25", lambda some: some.str.replace_all(r"%(?:25)+([0-9a-fA-Fu])", "%$1"))
        texts = texts.str.replace_many(list(_TABLE), list(_TABLE.values()), ascii_case_insensitive=True)
        if not texts.str.contains(HIDDEN).any():
            break
    return texts
