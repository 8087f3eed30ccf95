"""Undo percent-encoding, so that an identifier is found however it was written."""

from typing import Final

import polars as pl

PASSES: Final = 6
"""Encodings of encodings that are undone; what is deeper is taken for a hiding place (see `still_hidden`)."""

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
_NEEDED: Final = r"%|[\x{FF10}-\x{FF19}\x{0660}-\x{0669}\x{06F0}-\x{06F9}\x{00A0}\x{202F}]"
_HIDDEN: Final = r"%(?:25|[2-7][0-9a-fA-F]|u00[2-7][0-9a-fA-F])"


def is_plain(texts: pl.Expr) -> pl.Expr:
    """Tell texts in which nothing is encoded."""
    return ~texts.str.contains(_NEEDED)


def decode(texts: pl.Series) -> pl.Series:
    """Write printable ASCII and digits plainly, through several layers of encoding. Control bytes stay encoded.

    Shapes: n String -> n String.
    """
    decoded = texts
    for _ in range(PASSES):
        if not decoded.str.contains(_NEEDED).any():
            return decoded
        once = decoded.str.replace_all(r"%(?:25)+([0-9a-fA-Fu])", "%$1")
        decoded = once.str.replace_many(list(_TABLE), list(_TABLE.values()), ascii_case_insensitive=True)
    return decoded


def still_hidden(decoded: pl.Expr) -> pl.Expr:
    """Tell texts that are encoded more deeply than `decode` goes: nobody writes them but to hide something."""
    return decoded.str.contains(_HIDDEN)
