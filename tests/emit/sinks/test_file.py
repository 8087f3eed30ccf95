import json
import os
import stat
import threading

import pytest

from detector.emit.sinks.file import FileSink
from tests.emit.test_outbox import some


@pytest.mark.parametrize("form", ["ecs", "ocsf"])
def test_one_json_object_a_line(tmp_path, form):
    sink = FileSink(tmp_path / "alerts.jsonl", form)
    sink.write(some(3))
    sink.close()
    lines = (tmp_path / "alerts.jsonl").read_bytes().splitlines()
    assert [("class_uid" in json.loads(line)) for line in lines] == [form == "ocsf"] * 3


def test_only_the_owner_reads_it(tmp_path):
    sink = FileSink(tmp_path / "alerts.jsonl")
    sink.close()
    assert stat.S_IMODE((tmp_path / "alerts.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize(("append", "count"), [(True, 5), (False, 2)])
def test_appends_unless_told_to_begin_anew(tmp_path, append, count):
    for number in (3, 2):
        sink = FileSink(tmp_path / "alerts.jsonl", append=append)
        sink.write(some(number))
        sink.close()
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == count


def test_a_half_line_of_a_crash_does_not_spoil_the_repeat(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b'{"@timestamp": "2026-03')
    sink = FileSink(path)
    sink.write(some(1))
    sink.close()
    _, whole = path.read_bytes().splitlines()
    assert json.loads(whole)["event"]["kind"] == "alert"


def test_a_pipe_is_a_file_too(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    sink = FileSink(path)
    sink.write(some(2))
    sink.close()
    reader.join(10)
    assert len(read[0].splitlines()) == 2
