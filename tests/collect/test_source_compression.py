"""A damaged gzip gives out as much as the standard library gives, and names the same fault."""

import gzip
import io
import zlib

import pytest

from detector.collect.source.compression import Unpacked

TEXT = b"".join(b"line %d\n" % number for number in range(300_000))
WHOLE = gzip.compress(TEXT, 1)
MIDDLE = len(WHOLE) // 2


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


DAMAGED = {
    "nothing": WHOLE,
    "two members": WHOLE + WHOLE,
    "padded": WHOLE + b"\0" * 512,
    "cut off": WHOLE[:MIDDLE],
    "cut off in its trailer": WHOLE[:-3],
    "cut off in the second header": WHOLE + WHOLE[:5],
    "a bit in its middle": flipped(WHOLE, MIDDLE),
    "a bit in the second member": WHOLE + flipped(WHOLE, MIDDLE),
    "check sum": flipped(WHOLE, len(WHOLE) - 6),
    "no gzip behind it": WHOLE + b"hello",
    "empty": gzip.compress(b""),
}


def by_the_standard_library(data):
    stream, given = gzip.GzipFile(fileobj=io.BytesIO(data)), b""
    try:
        while piece := stream.read1(1 << 22):
            given += piece
    except (OSError, EOFError, zlib.error) as fault:
        return given, fault
    return given, None


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("size", [1 << 24, 99_991])
def test_all_that_comes_before_the_damage_is_given(data, size):
    given, fault = by_the_standard_library(data)
    unpacked = Unpacked(io.BytesIO(data), "gzip")
    assert b"".join(iter(lambda: unpacked.read(size), b"")) == given
    assert (unpacked.damage is None) == (fault is None)
    if fault is not None:
        assert isinstance(fault, EOFError) or str(fault) in unpacked.damage
