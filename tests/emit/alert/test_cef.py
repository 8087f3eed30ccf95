import ipaddress
import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings

from detector import VERSION
from detector.emit.alert import Alert, render, who
from detector.emit.alert.as_cef import cef
from detector.emit.alert.fit import short
from detector.emit.alert.plain import listed, printable
from tests.emit.alert.reading import Line, read_cef
from tests.emit.alert.samples import WRITTEN, alerts, hostile, words

LENGTH = {
    "act": 63, "cat": 1023, "externalId": 40, "msg": 1023, "requestClientApplication": 1023, "shost": 1023,
    "suser": 1023, "c6a2Label": 1023,
    **{f"cs{n}": 4000 for n in range(1, 7)}, **{f"cs{n}Label": 1023 for n in range(1, 7)},
    **{f"cn{n}Label": 1023 for n in range(1, 4)},
}  # fmt: skip
"""Source: ArcSight CEF implementation standard 25.1, extension dictionary, producer fields."""

NUMBERS = {"rt", "start", "end", "cnt", "cn1", "cn2", "cn3"}
ADDRESSES = {"src": 4, "c6a2": 6}


def read(alert: Alert) -> Line:
    return read_cef(render("cef", alert, WRITTEN).decode())


def assert_cef(line: Line) -> None:
    version, vendor, product, release, class_id, name, severity = line.header
    assert (version, vendor, product, release) == ("CEF:0", "portal-detector", "portal-detector", VERSION)
    assert len(class_id) <= 1023
    assert len(name) <= 512
    assert 0 <= int(severity) <= 10
    for key, value in line.fields.items():
        if key in ADDRESSES:
            assert ipaddress.ip_address(value).version == ADDRESSES[key]
        elif key in NUMBERS:
            assert value.isdecimal()
        else:
            assert 0 < len(value) <= LENGTH[key], key
    labels = {key for key in line.fields if key.endswith("Label")}
    custom = {key for key in line.fields if re.fullmatch("(?:cs|cn|c6a)[0-9]", key)}
    assert labels == {f"{key}Label" for key in custom}


def clean(text: str) -> str:
    """What a reader sees of a text of a log."""
    return "\n".join(map(printable, text.replace("\r\n", "\n").split("\n")))


@given(alert=hostile)
@settings(max_examples=50, deadline=None)
def test_the_line_reads_as_cef_whatever_an_attacker_words(alert):
    assert_cef(read(alert))


@given(word=words)
@example(word="Mozilla/5.0 src=203.0.113.9 | suser=root\\")
@example(word="a\\")
@example(word="\\=")
@example(word="CEF:0|x|y|z|1|n|10|")
@settings(max_examples=30, deadline=None)
def test_a_word_comes_back_as_it_was_and_forges_nothing(word):
    alert = replace(alerts()[0], client=word, account=word, users=(word,), message=word, rule_id=word, rule_name=word)
    line = read(alert)
    assert_cef(line)
    plain = read(alerts()[0])
    touched = {"requestClientApplication", "suser", "msg", "cs4", "cs4Label"}
    assert {key: value for key, value in line.fields.items() if key not in touched} == {
        key: value for key, value in plain.fields.items() if key not in touched
    }
    assert line.fields.get("msg", "") == clean(word).strip()
    assert line.fields.get("suser", "") == clean(word).strip()
    assert line.fields.get("requestClientApplication", "") == clean(word).strip()
    assert line.fields.get("cs4", "") == clean(listed([word])).strip()
    assert line.header[4:6] == [printable(word), printable(word)]


def test_the_fields_of_an_alert():
    alert = alerts()[0]
    line = read(alert)
    assert line.header == ["CEF:0", "portal-detector", "portal-detector", VERSION, "r1", "Rule one", "8"]
    assert line.fields == {
        "externalId": alert.id,
        "cat": "portal/rule",
        "act": "incident_opened",
        "rt": "1772452800000",
        "start": "1772452800000",
        "end": "1772452800000",
        "cnt": "1",
        "src": "192.0.2.7",
        "suser": "u1",
        "cn1": "17",
        "cn1Label": "insuredPersons",
        "cn2": "73",
        "cn2Label": "riskScore",
        "cs1": alert.incident_id,
        "cs1Label": "incidentId",
        "cs2": "TA0001, T1078",
        "cs2Label": "mitreAttack",
        "cs3": "240 records in an hour, usually 11.5",
        "cs3Label": "reasons",
        "cs4": "u1",
        "cs4Label": "relatedUsers",
        "cs5": "192.0.2.7",
        "cs5Label": "relatedAddresses",
        "cs6": alert.next_step,
        "cs6Label": "nextStep",
        "msg": "account u1 displayed 40 records in 5 min, usually 6",
    }


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("2001:db8::9", {"c6a2": "2001:db8::9", "c6a2Label": "Source IPv6 Address"}),
        ("printer.example", {"shost": "printer.example"}),
        (None, {}),
    ],
)
def test_an_address_field_holds_addresses_of_its_sort_only(source, fields):
    line = read(replace(alerts()[0], source_ip=source))
    assert {key: value for key, value in line.fields.items() if key in {"src", "shost", "c6a2", "c6a2Label"}} == fields


def test_a_reason_a_line():
    reason = alerts()[0].reasons[0]
    line = read(replace(alerts()[0], reasons=(reason, replace(reason, text="a=b"))))
    assert line.fields["cs3"] == f"{reason.text}\na=b"


def test_a_value_is_no_longer_than_its_field():
    long = "x" * 6000
    line = read_cef(cef(replace(alerts()[0], message=long, rule_name=long), WRITTEN))
    assert line.fields["msg"] == short(long, 1023)
    assert len(line.header[5]) <= 512


def test_nobody_is_no_field():
    line = read(next(one for one in alerts() if who.user_of(one) is None))
    assert "suser" not in line.fields
