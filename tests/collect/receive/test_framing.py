"""Whatever the portions a stream comes in, its messages are the same lines, and one message is one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.collect.source.receive.framing import Counted, Detected, Newline, lines_of

LONGEST = 40
MESSAGES = st.lists(st.binary(max_size=60).map(lambda one: b"<190>" + one), max_size=12)
CUTS = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def counted(messages: list[bytes]) -> bytes:
    return b"".join(b"%d %b" % (len(one), one) for one in messages)


def fed(framing, stream: bytes, cuts: list[int]) -> bytes:
    """Feed a stream in portions of the sizes `cuts`, over and over."""
    lines, at, turn = b"", 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        lines += framing.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    return lines + framing.finish()


@given(MESSAGES, CUTS)
def test_counted_messages_are_a_line_each(messages, cuts):
    framing = Detected(LONGEST)
    lines = fed(framing, counted(messages), cuts)
    assert lines == lines_of([one[: LONGEST + 1] for one in messages])
    assert lines.count(b"\n") == len(messages)
    assert b"\0" not in lines
    assert not framing.within
    assert framing.fault is None


@given(st.lists(st.binary(max_size=60).map(lambda one: one.replace(b"\n", b"")), max_size=12), CUTS)
def test_lines_stay_lines(messages, cuts):
    """Those within the bound are what was sent; those beyond it stay beyond it, and become no two."""
    escaped = [one.replace(b"\0", rb"\x00") for one in messages]
    got = fed(Newline(LONGEST), b"".join(one + b"\n" for one in messages), cuts).split(b"\n")
    assert got.pop() == b""
    assert len(got) == len(messages)
    for sent, came in zip(escaped, got, strict=True):
        assert came == sent[: LONGEST + 1]


@given(st.binary(max_size=200), CUTS)
def test_any_bytes_are_cut_alike(stream, cuts):
    """No stream makes more of itself in one way than in another, or takes more memory than a message may."""
    whole, parts = Detected(LONGEST), Detected(LONGEST)
    assert whole.feed(stream) + whole.finish() == fed(parts, stream, cuts)
    assert whole.fault == parts.fault
    assert whole.within == parts.within


@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        (b"192.0.2.1 - - [x] a log line\n", b"192.0.2.1 - - [x] a log line\n"),  # begins with a digit
        (b"17 <134>an httplog", b""),  # one byte is missing
        (b"5 <13>a\n6 <13>bc", b"<13>a\n<13>bc\n"),  # some send a line feed between two
        (b"8 <13>a\nb\n", b"<13>a\\x0Ab\n"),
        (b"7 <13>a\0\n6 <13>bc", b"<13>a\n<13>bc\n"),
        (b"1234567890 <13>a\n", b"1234567890 <13>a\n"),  # no length has ten digits
        (b"<13>a\r\n\r\n<13>b", b"<13>a\r\n\r\n<13>b\n"),
        (b"7", b"7\n"),
    ],
)
def test_streams_as_they_come(stream, lines):
    framing = Detected(LONGEST)
    assert framing.feed(stream) + framing.finish() == lines


def test_what_follows_a_broken_length_is_not_guessed_at():
    framing = Detected(LONGEST)
    assert framing.feed(b"5 <13>a<13>GET /forged\n5 <13>b") == b"<13>a\n"
    assert framing.fault is not None


@pytest.mark.parametrize("framing", [Newline, Counted])
def test_an_endless_message_takes_no_memory(framing):
    one = framing(1000)
    one.feed(b"999999999 ")
    for _ in range(100):
        assert one.feed(b"a" * 100_000).count(b"\n") <= 1
        assert len(one._held) <= 1001
