import sqlite3
import stat
from datetime import UTC, datetime, timedelta

import pytest

from detector.emit.verdicts import FILE, Verdict, forget, read, record
from detector.errors import StateError

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def say(folder, incident="i1", action="benign", note="asked by telephone"):
    return record(folder, at=NOON, who="alice", incident=incident, action=action, note=note)


def test_what_is_said_is_read_in_its_order_with_who_and_when(tmp_path):
    assert read(tmp_path) == []
    first, second = say(tmp_path), say(tmp_path, action="confirmed")
    assert read(tmp_path) == [first, second]
    assert read(tmp_path, after=first.seq) == [second]
    assert first == Verdict(
        seq=1, at="2026-03-02T12:00:00.000Z", who="alice", incident="i1", action="benign", note="asked by telephone"
    )


def test_only_the_owner_can_read_it(tmp_path):
    say(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("change", ["UPDATE verdict SET action = 'benign'", "DELETE FROM verdict"])
def test_nobody_takes_a_word_back(tmp_path, change):
    said = say(tmp_path, action="confirmed")
    with sqlite3.connect(tmp_path / FILE) as database, pytest.raises(sqlite3.IntegrityError, match="append only"):
        database.execute(change)
    assert read(tmp_path) == [said]


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    for use in (read, say):
        with pytest.raises(StateError, match=FILE):
            use(tmp_path)


def test_what_is_old_and_taken_up_is_forgotten(tmp_path):
    first, second = say(tmp_path), say(tmp_path)
    forget(tmp_path, NOON, upto=second.seq)
    assert read(tmp_path) == [first, second]
    forget(tmp_path, NOON + timedelta(seconds=1), upto=first.seq)
    assert read(tmp_path) == [second]


def test_what_cannot_be_forgotten_is_told_and_holds_nothing_up(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("detector.telemetry.log.propagate", True)  # a command that ran before has its own handler
    caplog.set_level("WARNING", logger="detector")
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    forget(tmp_path, NOON, upto=1)
    told = next(one for one in caplog.records if "not dropped" in one.message)
    assert FILE in told.fault
