import json
import os
import stat
import threading

import pytest

from detector.config import Rotation, ToFile
from detector.emit.sinks.file import FileSink
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK, Battery, Rig


class TestFile(Battery):
    @pytest.fixture
    def rig(self, tmp_path):
        """A folder that is taken away and put back is the receiver that goes and comes."""
        folder, away = tmp_path / "alerts", tmp_path / "away"
        folder.mkdir()
        path = folder / "alerts.jsonl"
        path.touch()

        def received():
            whole, _, _ = path.read_bytes().rpartition(b"\n")  # the sink may be in the middle of a line
            return [json.loads(line)["event"]["id"] for line in whole.splitlines()]

        return Rig(
            options=lambda **more: ToFile(path=path, **QUICK | more),
            received=received,
            stop=lambda: folder.rename(away),
            start=lambda: away.rename(folder),
        )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "alerts.jsonl"


def write(path, *counts, **options):
    sink = FileSink(ToFile(path=path, **options))
    for count in counts:
        alerts = some(count)
        assert list(sink.write(alerts).arrived) == [one.id for one in alerts]
    sink.close()


@pytest.mark.parametrize("form", ["ecs", "ocsf"])
def test_one_json_object_a_line(path, form):
    write(path, 3, format=form)
    assert [("class_uid" in json.loads(line)) for line in path.read_bytes().splitlines()] == [form == "ocsf"] * 3


def test_only_the_owner_reads_it(path):
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_gone_on_with(path):
    write(path, 3)
    write(path, 2)
    assert len(path.read_text().splitlines()) == 5


@pytest.mark.parametrize("before", [0, 2])
def test_a_half_line_of_a_crash_is_cut_off_so_that_every_line_is_whole(path, before):
    write(path, before)
    with path.open("ab") as file:
        file.write(b'{"@timestamp": "2026-03')
    write(path, 1)
    lines = path.read_bytes().splitlines()
    assert [json.loads(line)["event"]["kind"] for line in lines] == ["alert"] * (before + 1)


def test_where_another_writes_too_or_it_is_no_alert_a_half_line_is_ended_and_nothing_cut(path):
    other = FileSink(ToFile(path=path))
    other.write(())
    path.write_bytes(b'{"half of the other')
    write(path, 1)
    other.close()
    long = path.with_name("long")
    long.write_bytes(b"x" * 70_000)
    write(long, 1)
    halves = [one.read_bytes().splitlines()[0] for one in (path, long)]
    assert halves == [b'{"half of the other', b"x" * 70_000]


def test_a_pipe_is_a_file_too(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    write(path, 2)
    reader.join(10)
    assert len(read[0].splitlines()) == 2


@pytest.mark.parametrize("remove", [False, True])
def test_a_file_renamed_or_removed_from_outside_is_begun_again(path, remove):
    sink = FileSink(ToFile(path=path))
    sink.write(some(2))
    path.unlink() if remove else path.rename(path.with_name("moved"))
    sink.write(some(1, first=2))
    sink.close()
    assert len(path.read_text().splitlines()) == 1


def test_rotation_by_size_loses_no_line_and_keeps_so_many(path):
    sizes = len(json.dumps({})) + 3_000
    sink = FileSink(ToFile(path=path, rotate=Rotation(max_bytes=2 * sizes, keep=2)))
    for n in range(9):
        sink.write(some(1, first=n))
    sink.close()
    names = sorted(one.name for one in path.parent.iterdir())
    assert names == ["alerts.jsonl", "alerts.jsonl.1", "alerts.jsonl.2"]
    files = [path.with_name(name) for name in ("alerts.jsonl.2", "alerts.jsonl.1", "alerts.jsonl")]
    users = [json.loads(line)["user"]["name"] for one in files for line in one.read_bytes().splitlines()]
    assert users == [f"u{n}" for n in range(9 - len(users), 9)]
    assert all(one.stat().st_size <= 2 * sizes for one in files)


def test_rotation_by_day(path):
    write(path, 1)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    write(path, 2, 1, rotate=Rotation(daily=True))
    assert len(path.with_name("alerts.jsonl.1").read_text().splitlines()) == 1
    assert len(path.read_text().splitlines()) == 3


def test_a_name_that_cannot_be_written_for_a_while_loses_nothing(path):
    sink = FileSink(ToFile(path=path))
    sink.write(some(1))
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        sink.write(some(1, first=1))
    path.rmdir()
    sink.write(some(1, first=1))
    sink.close()
    assert [json.loads(line)["user"]["name"] for line in path.read_bytes().splitlines()] == ["u1"]
