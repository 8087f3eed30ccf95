"""Lines and offsets are exact, whatever the bytes and however they are cut; checked against a slow twin."""

import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.collect.source.block import LINES
from detector.collect.source.cut import Cut, Cutter
from detector.schema import REJECT, conform, empty

BOM = b"\xef\xbb\xbf"
AWKWARD = [
    b"a",
    b"log line",
    b"\n",
    b"\n\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"\xff",
    b"\xe2\x82",
    BOM,
    b'"',
    b"\x01",
    b",",
    b"\t",
    b"#",
]
HOLES = [b"\0" * 25, b"\0" * 40, b"a", b"\n", b"x" * 30]
DATA = st.one_of(
    st.lists(st.sampled_from(HOLES), max_size=12).map(b"".join),
    st.binary(max_size=200),
    st.lists(st.sampled_from(AWKWARD), max_size=60).map(b"".join),
)


def twin(data: bytes, max_line_bytes: int) -> tuple[list[tuple[str, int]], list[tuple[int, int]]]:
    """Lines with offsets, and offset and size of the overlong: slow and obvious."""
    lines, long, offset = [], [], 0
    pieces = data.split(b"\n")
    if pieces[-1] == b"":
        pieces.pop()
    for index, whole in enumerate(pieces):
        piece = whole.lstrip(b"\0") if len(whole) > max_line_bytes else whole  # the hole of a truncated file
        offset += len(whole) - len(piece)
        if whole and not piece and index == len(pieces) - 1 and not data.endswith(b"\n"):
            break
        if len(piece) > max_line_bytes:
            long.append((offset, len(piece)))
        else:
            text = piece.removeprefix(BOM) if offset == 0 else piece
            lines.append((text.removesuffix(b"\r").decode("utf-8", "replace"), offset))
        offset += len(piece) + 1
    return lines, long


def cut_all(data: bytes, sizes: list[int], max_line_bytes: int = 1 << 20) -> Cut:
    cutter = Cutter("x.log", max_line_bytes=max_line_bytes)
    cuts, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        cuts.append(cutter.feed(data[at : at + size]))
        at, turn = at + size, turn + 1
    cuts.append(cutter.finish())
    made = [cut for cut in cuts if cut is not None]
    assert cutter.offset == cutter.read_offset == len(data)
    return Cut(
        lines=pl.concat([empty(LINES), *(cut.lines for cut in made)]),
        rejects=pl.concat([empty(REJECT), *(cut.rejects for cut in made)]),
        size_bytes=sum(cut.size_bytes for cut in made),
    )


@given(DATA, st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 30))
def test_any_bytes_in_any_portions_are_the_twins_lines(data: bytes, sizes: list[int], longest: int) -> None:
    cut = cut_all(data, sizes, longest)
    lines, long = twin(data, longest)
    assert cut.lines.rows() == lines
    assert cut.rejects.select("log.offset", "line_bytes").rows() == long
    assert cut.size_bytes == len(data)
    assert cut.lines.schema == LINES
    assert cut.rejects.schema == REJECT


@pytest.mark.parametrize("chunk_bytes", [7, 1000, 65537, 1 << 30])
def test_a_megabyte_of_noise_on_both_cores(chunk_bytes: int) -> None:
    rng = random.Random(3)
    noise = b"".join(
        rng.choice(AWKWARD) + rng.randbytes(rng.randrange(30)) for _ in range(40_000 if chunk_bytes > 7 else 2000)
    )
    cut = cut_all(noise, [chunk_bytes])
    assert cut.lines.rows() == twin(noise, 1 << 20)[0]


def test_a_block_with_every_control_character_is_cut_at_line_feeds_only() -> None:
    every = bytes(code for code in range(256) if code != 10)
    cut = cut_all(every + b"\n" + every + b"\r\n", [100_000])
    assert cut.lines["line"].to_list() == [every.decode("utf-8", "replace")] * 2
    assert cut.lines["log.offset"].to_list() == [0, 256]


@pytest.mark.parametrize(
    "magic", [b"x^", b"x\x01", b"x\x9c", b"x\xda", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"BZh9", b"PK"]
)
def test_a_line_that_begins_like_a_compressed_file_is_a_line(magic: bytes) -> None:
    # The start of a block is wherever a chunk ended: one client could make all the lines after it unreadable.
    cut = cut_all(b"first\n" + magic + b" and so on\nlast\n", [6])
    assert cut.lines["line"].to_list() == ["first", (magic + b" and so on").decode("utf-8", "replace"), "last"]


def test_blank_lines_are_lines_and_an_empty_file_has_none() -> None:
    assert cut_all(b"\n\na\n\n", [3]).lines["line"].to_list() == ["", "", "a", ""]
    assert cut_all(b"", [3]).lines.is_empty()


def test_an_overlong_line_is_never_held() -> None:
    cutter = Cutter("x.log", max_line_bytes=1024)
    for _ in range(1000):
        assert cutter.feed(b"x" * 1024) is None
    assert sum(map(len, cutter._held)) <= 1024
    cut = cutter.feed(b"y\nnext\n")
    assert cut is not None
    assert cut.lines.rows() == [("next", 1024 * 1000 + 2)]
    assert cut.rejects.rows() == [("x.log", 0, 1024 * 1000 + 1, "line longer than max_line_bytes = 1024")]


def test_a_byte_order_mark_goes_at_the_start_of_a_file_only() -> None:
    cut = cut_all(BOM + b"a\n" + BOM + b"b\n", [6])
    assert cut.lines.rows() == [("a", 0), ("\ufeffb", 5)]


def test_damage_makes_one_reject_of_what_is_left() -> None:
    cutter = Cutter("x.log.gz", max_line_bytes=1024, offset=50)
    assert cutter.feed(b"whole\nhal") is not None
    cut = cutter.finish("cut off")
    assert cut is not None
    assert cut.lines.is_empty()
    assert cut.rejects.equals(
        conform(
            pl.DataFrame({"log.file.path": "x.log.gz", "log.offset": 56, "line_bytes": 3, "reason": "cut off"}), REJECT
        )
    )


@pytest.mark.parametrize("chunk_bytes", [1000, 1 << 20])
def test_the_hole_of_a_truncated_file_takes_no_line_with_it(chunk_bytes: int) -> None:
    cut = cut_all(b"\0" * 100_000 + b"a line\nnext\n", [chunk_bytes], 65536)
    assert cut.lines.rows() == [("a line", 100_000), ("next", 100_007)]
    assert cut.rejects.is_empty()
