r"""Undo what servers write in place of awkward bytes: `\x22` (nginx), `\"` and `\xc3\xa9` (Apache), by columns."""

from functools import cache
from typing import Final

import polars as pl

_LETTERS: Final = {"n": 0x0A, "r": 0x0D, "t": 0x09, "b": 0x08, "v": 0x0B, "f": 0x0C}
_QUOTE, _BACKSLASH = "\ue000", "\ue001"
"""Stand-ins while a line is split on its quotes. Private characters: no server writes them of itself."""

ANY: Final = rf"[\\{_QUOTE}{_BACKSLASH}]"
"""Found in a text that holds an escape."""

CONTROL: Final = r"[\x00-\x1f\x7f]"


@cache
def _to_text() -> tuple[list[str], list[str]]:
    """Pairs of what is written and what it means: printable ASCII, and the two-byte letters of UTF-8 (é, ł, ж).

    Control characters stay written out, so that none reaches a terminal.
    """
    pairs = {"\\\\": "\\", '\\"': '"', _BACKSLASH: "\\", _QUOTE: '"'}
    for spell in ("{:02X}", "{:02x}"):
        for code in range(0x20, 0x7F):
            pairs["\\x" + spell.format(code)] = chr(code)
        for code in range(0x80, 0x800):
            pairs["".join("\\x" + spell.format(byte) for byte in chr(code).encode())] = chr(code)
    return list(pairs), list(pairs.values())


def _to_percent() -> tuple[list[str], list[str]]:
    pairs = {"\\\\": "%5C", '\\"': "%22", _BACKSLASH: "%5C", _QUOTE: "%22", "\\x": "%"} | {
        f"\\{name}": f"%{code:02X}" for name, code in _LETTERS.items()
    }
    return list(pairs), list(pairs.values())


def aside(line: pl.Expr) -> pl.Expr:
    """Put escaped quotes and backslashes aside, so that every quote left is one of the format's own."""
    return line.str.replace_many(["\\\\", '\\"'], [_BACKSLASH, _QUOTE])


def text(column: pl.Expr) -> pl.Expr:
    """Undo escapes in a name or a client's description."""
    written, meant = _to_text()
    return column.str.replace_many(written, meant)


def target(column: pl.Expr) -> pl.Expr:
    """Turn escapes in a request target into percent-encoding, which means the same there."""
    written, meant = _to_percent()
    return column.str.replace_many(written, meant)


def printable(column: pl.Expr) -> pl.Expr:
    """Put U+FFFD for control characters: a log-in name shall not move a terminal's cursor."""
    return column.str.replace_all(CONTROL, "\ufffd")
