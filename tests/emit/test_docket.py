import sqlite3

import pytest

from detector.emit.docket import Docket
from detector.emit.incident import Incidents
from detector.emit.verdicts import FILE, record
from detector.telemetry import log
from tests.emit.signals import CONFIG, at, frame, signal


class Remembered:
    """A memory that holds three days back of each incident, and two that were learned already."""

    def __init__(self):
        self.pardoned, self.barred = [], []

    def pardon(self, incident, accounts):
        self.pardoned.append((incident, accounts))
        return 3

    def bar(self, incident, accounts):
        self.barred.append((incident, accounts))
        return 3

    def taught(self, incident):
        return 2


@pytest.fixture
def bench(tmp_path):
    """Return a docket, open incidents of u1 and u2, their ids, and a memory."""
    incidents = Incidents(CONFIG)
    ids = [alert.incident_id for alert in incidents.admit(frame(signal(0), signal(1, "u2")), lambda *_: 7, None)]
    return Docket(tmp_path, sqlite3.connect(":memory:")), incidents, ids, Remembered()


def say(folder, incident, action):
    record(folder, at=at(600), who="alice", incident=incident, action=action, note="Madame X, 185057800608436")


def rule(bench, minutes):
    docket, incidents, _, memory = bench
    return docket.rule(at(minutes), incidents, memory, lambda *_: 7)


def outcomes(docket):
    return [text for (text,) in docket._db.execute("SELECT outcome FROM ruling ORDER BY seq")]


def test_benign_closes_and_teaches(bench, tmp_path):
    docket, incidents, (first, _), memory = bench
    say(tmp_path, first, "benign")
    assert docket.take_up(at(5))
    (closed,) = rule(bench, 5)
    assert (closed.state, closed.timestamp, closed.account, closed.subjects_count) == ("closed", at(5), "u1", 7)
    assert "closed as benign by alice after 1 signal from" in closed.message
    assert "185057800608436" not in closed.as_json()
    assert memory.pardoned == [(first, ("u1",))]
    assert incidents.frozen_accounts.keys() == {"u2"}
    assert "3 earlier days" in outcomes(docket)[0]


def test_confirmed_stays_open_and_frozen_until_it_is_quiet(bench, tmp_path):
    docket, incidents, (first, _), memory = bench
    say(tmp_path, first, "confirmed")
    docket.take_up(at(5))
    assert rule(bench, 5) == []
    assert memory.barred == [(first, ("u1",))]
    assert incidents.abused_accounts == {"u1"}
    restored = Incidents(CONFIG)
    restored.restore(incidents.snapshot())
    closed = {one.account: one for one in restored.admit(frame(), lambda *_: 0, at(13 * 60))}
    assert "closed by quiet, confirmed as an abuse," in closed["u1"].message
    assert "closed by quiet after" in closed["u2"].message
    assert "2 days were learned before: that cannot be undone" in outcomes(docket)[0]


def test_a_later_word_overrules(bench, tmp_path):
    docket, incidents, (first, _), memory = bench
    say(tmp_path, first, "confirmed")
    say(tmp_path, first, "benign")
    docket.take_up(at(5))
    assert [one.state for one in rule(bench, 5)] == ["closed"]
    assert incidents.abused_accounts == set()
    say(tmp_path, first, "confirmed")
    docket.take_up(at(6))
    assert rule(bench, 6) == []
    assert "no longer open, and not opened again" in outcomes(docket)[2]
    assert memory.barred == [(first, ("u1",)), (first, ())]


def test_a_word_takes_effect_at_its_moment_and_a_restart_keeps_it(bench, tmp_path):
    docket, incidents, (first, second), memory = bench
    say(tmp_path, first, "benign")
    say(tmp_path, second, "acknowledge")
    docket.take_up(at(30))
    assert (docket.next, rule(bench, 29)) == (at(30), [])
    again = Docket(tmp_path, sqlite3.connect(":memory:"))
    again.restore(docket.snapshot())
    assert not again.take_up(at(40))
    (closed,) = again.rule(at(50), incidents, memory, lambda *_: 0)
    assert closed.timestamp == at(30)
    assert again.next is None


def test_what_is_observed_again_is_noted_once(bench, tmp_path):
    docket, incidents, (first, _), memory = bench
    say(tmp_path, first, "benign")
    docket.take_up(at(5))
    saved = docket.snapshot()
    rule(bench, 5)
    docket.restore(saved)
    assert docket.rule(at(5), incidents, memory, lambda *_: 0) == []
    assert len(outcomes(docket)) == 1
    assert outcomes(docket)[0].startswith("closed")


def test_a_file_that_cannot_be_read_is_named_once_and_stops_nothing(bench, tmp_path, caplog):
    caplog.set_level("WARNING", logger=log.name)  # a command that ran before in this process may have set its own
    docket = bench[0]
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    assert not docket.take_up(at(5))
    assert not docket.take_up(at(6))
    (told,) = [record for record in caplog.records if record.message == "verdicts are not taken up"]
    assert FILE in told.fault
