"""Read CEF and LEEF as their specifications say, and refuse what they do not allow: the twin of the writers."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    header: list[str]
    fields: dict[str, str]


def read_cef(line: str) -> Line:
    """Read a line of CEF: seven header fields parted by pipes, then keys and values parted by spaces."""
    assert "\n" not in line
    assert "\r" not in line
    header, rest = [], line
    for _ in range(7):
        field, rest = _until_pipe(rest)
        header.append(field)
    return Line(header, _extension(rest))


def _until_pipe(text: str) -> tuple[str, str]:
    found, at = "", 0
    while text[at] != "|":
        if text[at] == "\\":
            at += 1
            assert text[at] in "\\|", f"no escape of a header: \\{text[at]}"
        found += text[at]
        at += 1
    return found, text[at + 1 :]


def _extension(text: str) -> dict[str, str]:
    """A key is the word before a bare `=`; its value ends where a space and the next key begin."""
    fields: dict[str, str] = {}
    equals = [at for at, letter in enumerate(text) if letter == "=" and not _escaped(text, at)]
    starts = [text.rfind(" ", 0, at) + 1 for at in equals]
    for key_at, at, following in zip(starts, equals, [*starts[1:], len(text) + 1], strict=True):
        key = text[key_at:at]
        assert re.fullmatch("[A-Za-z0-9]+", key), f"no key: {key!r}"
        assert key not in fields, f"{key} twice"
        fields[key] = _unescaped(text[at + 1 : following - 1])
    return fields


def _escaped(text: str, at: int) -> bool:
    before = len(text[:at]) - len(text[:at].rstrip("\\"))
    return before % 2 == 1


def _unescaped(text: str) -> str:
    meaning = {"\\": "\\", "=": "=", "n": "\n", "r": "\r"}
    assert re.fullmatch(r"(?:[^\\]|\\[\\=nr])*", text, re.DOTALL), f"no escape of an extension in {text!r}"
    return re.sub(r"\\(.)", lambda found: meaning[found[1]], text)


def read_leef(line: str) -> Line:
    """Read a line of LEEF 2.0: six header fields, the last the delimiter or its code, then keys and values."""
    assert "\n" not in line
    assert "\r" not in line
    *header, rest = line.split("|", 6)
    assert len(header) == 6
    code = re.fullmatch("0?x([0-9A-Fa-f]{1,4})", header[5])
    delimiter = chr(int(code[1], 16)) if code else header[5]
    assert len(delimiter) == 1
    fields: dict[str, str] = {}
    for pair in rest.split(delimiter):
        key, equals, value = pair.partition("=")
        assert equals, f"no attribute: {pair!r}"
        assert re.fullmatch("[A-Za-z0-9]+", key), f"no key: {key!r}"
        assert key not in fields, f"{key} twice"
        fields[key] = value
    return Line(header, fields)
