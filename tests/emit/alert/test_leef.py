import ipaddress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings

from detector import VERSION
from detector.emit.alert import Alert, render
from detector.emit.alert.plain import listed, printable
from tests.emit.alert.reading import Line, read_leef
from tests.emit.alert.samples import WRITTEN, alerts, hostile, words

FREE = ("srcName", "usrName", "ruleName", "nextStep", "relatedAddresses", "relatedUsers", "client", "reasons", "msg")
"""What a log words; QRadar's expressions for custom keys take the first `key=` of a line."""


def read(alert: Alert) -> Line:
    return read_leef(render("leef", alert, WRITTEN).decode())


def assert_leef(line: Line) -> None:
    assert line.header[:4] == ["LEEF:2.0", "portal-detector", "portal-detector", VERSION]
    assert 0 < len(line.header[4]) <= 255
    assert 1 <= int(line.fields["sev"]) <= 10
    assert len(line.fields.get("usrName", "")) <= 255
    if "src" in line.fields:
        ipaddress.ip_address(line.fields["src"])
    moment = datetime.strptime(line.fields["devTime"], "%b %d %Y %H:%M:%S.%f %Z")
    assert moment.year >= 2026
    assert line.fields["devTimeFormat"] == "MMM dd yyyy HH:mm:ss.SSS z"
    names = list(line.fields)
    first_free = next(at for at, name in enumerate(names) if name in FREE)
    assert set(names[first_free:]) <= set(FREE)


@given(alert=hostile)
@settings(max_examples=50, deadline=None)
def test_the_line_reads_as_leef_whatever_an_attacker_words(alert):
    assert_leef(read(alert))


@given(word=words)
@example(word="Mozilla/5.0\tusrName=root\tsrc=203.0.113.9")
@example(word="a|x5E|b^c=d")
@settings(max_examples=30, deadline=None)
def test_a_word_comes_back_as_it_was_and_forges_nothing(word):
    alert = replace(alerts()[0], client=word, account=word, users=(word,), message=word, rule_id=word)
    line = read(alert)
    assert_leef(line)
    plain = read(alerts()[0])
    touched = {"client", "usrName", "relatedUsers", "msg"}
    assert {key: value for key, value in line.fields.items() if key not in touched} == {
        key: value for key, value in plain.fields.items() if key not in touched
    }
    assert line.fields["client"] == line.fields["usrName"] == line.fields["msg"] == printable(word)
    assert line.fields["relatedUsers"] == printable(listed([word]))
    assert line.header[4] == printable(word).replace("|", "¦")


def test_the_fields_of_an_alert():
    line = read(alerts()[0])
    assert line.header == ["LEEF:2.0", "portal-detector", "portal-detector", VERSION, "r1", "x09"]
    chosen = ("cat", "devTime", "sev", "src", "usrName", "level", "insuredPersons", "attackTechniques", "reasons")
    assert [line.fields[key] for key in chosen] == [
        "rule", "Mar 02 2026 12:00:00.000 GMT", "8", "192.0.2.7", "u1", "high", "17", "T1078",
        "240 records in an hour, usually 11.5",
    ]  # fmt: skip


def test_the_month_is_english_and_the_time_is_utc():
    moment = datetime.fromisoformat("2026-08-01T00:30:00.250+02:00")
    assert read(replace(alerts()[0], timestamp=moment)).fields["devTime"] == "Jul 31 2026 22:30:00.250 GMT"
    assert moment.astimezone(UTC).month == 7


@pytest.mark.parametrize("source", ["printer.example", "1.2.3.4.5"])
def test_what_is_no_address_is_a_name(source):
    line = read(replace(alerts()[0], source_ip=source))
    assert "src" not in line.fields
    assert line.fields["srcName"] == source
