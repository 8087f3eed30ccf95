"""Files for batch: which are read, joined in which order, compressed or damaged; every line once."""

import bz2
import gzip
import lzma
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from detector.collect.source.block import Position
from detector.collect.source.files import Files
from detector.config import Input
from detector.errors import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

START = datetime(2026, 1, 1, tzinfo=UTC)
PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd.compress}


def log(first: int, count: int = 5, step: int = 1) -> bytes:
    return b"".join(f"{second:07d} a line\n".encode() for second in range(first, first + count * step, step))


def first_time(lines: pl.DataFrame) -> datetime | None:
    seconds = lines["line"].str.extract(r"^(\d{7}) ").drop_nulls()
    return START + timedelta(seconds=int(seconds[0])) if len(seconds) else None


def source(*paths: object, chunk_bytes: int = 65536, positions: dict[str, Position] | None = None) -> Files:
    return Files([str(path) for path in paths], Input(chunk_bytes=chunk_bytes), first_time, positions)


def read(files: Files) -> dict[str, list[int]]:
    """The second that every line says, by stream."""
    told: dict[str, list[int]] = {}
    for stream in list(files.streams()):
        while (block := files.read(stream)) is not None:
            assert block.rejects.is_empty()
            told.setdefault(stream, []).extend(int(line[:7]) for line in block.lines["line"])
    return told


def in_folder(told: dict[str, list[int]], folder: Path) -> dict[str, list[int]]:
    return {os.path.relpath(stream, folder): seconds for stream, seconds in told.items()}


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1000, 65537])
@pytest.mark.parametrize("packed", [None, "gz", "bz2", "xz", "zst"])
def test_compression_is_known_by_content_and_chunks_change_nothing(
    tmp_path: Path, packed: str | None, chunk_bytes: int
) -> None:
    data = log(0, 200)
    (tmp_path / "odd-name").write_bytes(PACK[packed](data) if packed else data)
    assert list(read(source(tmp_path / "odd-name", chunk_bytes=chunk_bytes)).values()) == [list(range(200))]


def test_several_members_are_one_file(tmp_path: Path) -> None:
    for name, pack in PACK.items():
        path = tmp_path / f"access.{name}"
        path.write_bytes(pack(log(0, 3)) + pack(log(3, 2)[:20]) + pack(log(3, 2)[20:]))
        assert list(read(source(path)).values()) == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("packed", ["gz", "bz2", "xz", "zst"])
def test_of_a_cut_off_file_what_can_be_read_is_used_and_the_rest_is_one_reject(tmp_path: Path, packed: str) -> None:
    data = os.urandom(150_000).hex().encode()
    data = b"".join(data[at : at + 60] + b"\n" for at in range(0, len(data), 60))
    whole = PACK[packed](data[:150_000]) + PACK[packed](data[150_000:])
    (tmp_path / "a.log").write_bytes(whole[: len(whole) - 1000])
    files = source(tmp_path / "a.log")
    blocks = []
    stream = next(iter(files.streams()))
    while (block := files.read(stream)) is not None:
        blocks.append(block)
    lines = pl.concat([block.lines for block in blocks])["line"].to_list()
    rejects = pl.concat([block.rejects for block in blocks])
    assert lines == data.decode().split("\n")[: len(lines)]
    assert len(lines) >= 150_000 // 61
    assert rejects["reason"].to_list() == ["compressed file is cut off: its end is missing"]
    assert rejects["log.offset"].to_list() == [61 * len(lines)]


def test_a_damaged_file_is_used_up_to_the_damage(tmp_path: Path) -> None:
    whole = gzip.compress(log(0, 10)) + b"no gzip at all"
    (tmp_path / "a.log.gz").write_bytes(whole)
    files = source(tmp_path / "a.log.gz")
    stream = next(iter(files.streams()))
    first, second = files.read(stream), files.read(stream)
    assert first is not None
    assert second is not None
    assert first.lines.height == 10
    assert "damaged" in second.rejects["reason"][0]
    assert files.read(stream) is None


def test_a_small_file_that_unpacks_to_much_stays_small_in_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"x" * 50_000_000 + b"\n0000001 a line\n"))
    files = source(tmp_path / "bomb.gz")
    block = files.read(next(iter(files.streams())))
    files.close()
    assert block is not None
    assert block.rejects["line_bytes"].to_list() == [50_000_000]
    assert block.lines.rows() == [("0000001 a line", 50_000_001)]


def test_rotated_files_are_one_stream_oldest_event_first(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_bytes(log(300))
    (tmp_path / "access.log.1").write_bytes(log(200))
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(log(100)))
    (tmp_path / "access.log-20251230.xz").write_bytes(lzma.compress(log(0)))
    (tmp_path / "other.log").write_bytes(log(50))
    told = in_folder(read(source(tmp_path)), tmp_path)
    rotated = [*range(5), *range(100, 105), *range(200, 205), *range(300, 305)]
    assert told == {"access.log": rotated, "other.log": list(range(50, 55))}


def test_event_time_not_the_name_says_which_rotation_is_older(tmp_path: Path) -> None:
    (tmp_path / "access.log.1").write_bytes(log(0))
    (tmp_path / "access.log.2").write_bytes(log(100))
    assert list(read(source(tmp_path)).values()) == [[*range(5), *range(100, 105)]]


def test_without_times_the_name_says_it(tmp_path: Path) -> None:
    for name, text in {"access.log": "new\n", "access.log.1": "older\n", "access.log.2": "oldest\n"}.items():
        (tmp_path / name).write_text(text)
    files = source(tmp_path)
    (stream,) = files.streams()
    lines = []
    while (block := files.read(stream)) is not None:
        lines += block.lines["line"].to_list()
    assert lines == ["oldest", "older", "new"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_that_overlap_in_time_are_no_rotations(tmp_path: Path, pack: type[bytes]) -> None:
    (tmp_path / "access.log.1").write_bytes(pack(log(0, 100)))
    (tmp_path / "access.log.2").write_bytes(pack(log(50, 100)))
    (tmp_path / "access.log").write_bytes(log(200))
    told = in_folder(read(source(tmp_path)), tmp_path)
    assert told == {"access.log": [*range(100), *range(200, 205)], "access.log.2": list(range(50, 150))}


def test_rotations_may_overlap_by_max_lateness(tmp_path: Path) -> None:
    (tmp_path / "access.log.1").write_bytes(log(0, 100))
    (tmp_path / "access.log").write_bytes(log(95, 100))
    assert len(source(tmp_path).streams()) == 1


def test_streams_say_when_they_begin(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"# directive\n" + log(7))
    (tmp_path / "b.log").write_bytes(log(3))
    since = {os.path.basename(stream): time for stream, time in source(tmp_path).streams().items()}
    assert since == {"a.log": START + timedelta(seconds=7), "b.log": START + timedelta(seconds=3)}


def test_a_folder_gives_its_logs_and_a_name_or_a_glob_whatever_it_names(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for name in ("deep/er/a.log", "deep/b.log", "accounts.csv", ".hidden", "README.md", ".git/c.log"):
        (tmp_path / name).write_bytes(log(0, 1))
    assert set(in_folder(read(source(tmp_path)), tmp_path)) == {"deep/er/a.log", "deep/b.log"}
    assert set(in_folder(read(source(tmp_path / "accounts.csv")), tmp_path)) == {"accounts.csv"}
    assert set(in_folder(read(source(tmp_path / "*.csv", tmp_path / "**" / "*.log")), tmp_path)) == {
        "accounts.csv",
        "deep/er/a.log",
        "deep/b.log",
    }


def test_a_file_is_read_once_however_often_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(log(0))
    (tmp_path / "link.log").symlink_to(tmp_path / "a.log")
    told = read(source(tmp_path / "link.log", tmp_path, tmp_path / "a.log", f"{tmp_path}/../{tmp_path.name}/a.log"))
    assert in_folder(told, tmp_path) == {"a.log": list(range(5))}


def test_every_fault_of_the_paths_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.md").touch()
    asked = [tmp_path / "missing.log", tmp_path / "*.nothing", tmp_path / "empty"]
    with pytest.raises(InputError) as caught:
        source(*asked)
    told = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in told] == [str(path) for path in asked]
    assert re.search("no such file.*\n.*no file matches.*\n.*no log in this folder", str(caught.value))
    assert caught.value.exit_code == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(log(0))
    (tmp_path / "a.log").chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        source(tmp_path)


def test_empty_files_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    (tmp_path / "b.log").write_bytes(log(0))
    (tmp_path / "b.log.1").touch()
    assert in_folder(read(source(tmp_path)), tmp_path) == {"b.log": list(range(5))}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input_and_pipes(tmp_path: Path, pack: type[bytes]) -> None:
    end, start = os.pipe()
    os.write(start, pack(log(0, 50)))
    os.close(start)
    kept, sys.stdin = sys.stdin, open(end)  # noqa: SIM115  # it stands in for standard input
    try:
        (stream,) = (files := source("-", chunk_bytes=7)).streams()
        head = files.head(stream)
        assert head is not None
        assert head.height == 50
        assert read(files) == {"-": list(range(50))}
    finally:
        sys.stdin.close()
        sys.stdin = kept


@pytest.mark.parametrize("chunk_bytes", [7, 100])
@pytest.mark.parametrize("blocks", [0, 1, 4, 9, 100])
def test_reading_goes_on_from_a_position_however_the_files_were_renamed(
    tmp_path: Path, chunk_bytes: int, blocks: int
) -> None:
    old, new = tmp_path / "access.log.1", tmp_path / "access.log"
    old.write_bytes(log(0, 20))
    new.write_bytes(log(100, 20))
    files = source(tmp_path, chunk_bytes=chunk_bytes)
    (stream,) = files.streams()
    told: list[int] = []
    position = Position(stream=stream)
    for _ in range(blocks):
        if (block := files.read(stream)) is None:
            break
        told += [int(line[:7]) for line in block.lines["line"]]
        position = Position.from_dict(block.position.to_dict())
    files.close()
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(old.read_bytes()))
    new.rename(old)
    new.write_bytes(log(200, 20))
    rest = read(source(tmp_path, positions={stream: position}))
    told += rest.get(stream, [])
    assert told == [*range(20), *range(100, 120), *range(200, 220)]
