import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from detector.emit.alert import FORMATS, render, who
from detector.emit.alert.fit import MOST_BYTES, ROOMS, short, within
from tests.emit.alert.samples import WRITTEN, alerts, document, hostile, huge, words


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("letter", ["a", "é", "文", "\U0001f600", "\\", "\x7f", "\U000e0001", "=", '"', "\n"])
def test_the_largest_alert_fits(form, letter):
    assert MOST_BYTES / 4 < len(render(form, huge(letter), WRITTEN)) <= MOST_BYTES
    assert len(render(form, huge(letter), WRITTEN, 4500)) <= 4500


@pytest.mark.parametrize("form", FORMATS)
@given(alert=hostile)
@settings(max_examples=20, deadline=None)
def test_a_hostile_alert_fits_on_one_line_that_steers_nothing(form, alert):
    line = render(form, alert, WRITTEN)
    assert len(line) <= MOST_BYTES
    said = line.decode().replace("\t", "") if form == "leef" else line.decode()
    assert said.isprintable()
    if not form.endswith(("cef", "leef", "text")):
        assert line.isascii()
        assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("form", FORMATS)
def test_an_ordinary_alert_is_whole(form):
    for alert in alerts():
        assert within(alert, ROOMS[0]) == (alert, {})
        assert "trimmed" not in render(form, alert, WRITTEN).decode()


def test_what_is_left_out_is_counted():
    alert = huge()
    portal = document("ecs", alert)["portal"]
    related = document("ecs", alert)["related"]
    trimmed = portal["trimmed"]
    assert trimmed["reasons"] == 200 - len(portal["reasons"]) > 0
    assert trimmed["users"] == 500 - len(related["user"]) > 0
    assert trimmed["addresses"] == 500 - len(related["ip"]) > 0
    assert trimmed["characters"] > 0


@pytest.mark.parametrize(
    ("form", "where"),
    [
        ("ocsf", lambda tree: tree["unmapped"]["portal"]["trimmed"]),
        ("cim", lambda tree: tree["trimmed"]),
        ("asim", lambda tree: tree["AdditionalFields"]["Trimmed"]),
    ],
)
def test_every_format_says_what_it_left_out(form, where):
    assert {"reasons", "users", "addresses", "characters"} <= set(where(document(form, huge())))


@pytest.mark.parametrize("form", ["cef", "leef", "gelf", "text"])
def test_the_flat_formats_say_it_too(form):
    assert b"left out" in render(form, huge(), WRITTEN) or b"trimmed" in render(form, huge(), WRITTEN)


def test_the_first_names_and_the_strongest_reasons_stay():
    alert = huge("a")
    part, _ = within(alert, ROOMS[-1])
    assert part.users[0] == alert.users[0]
    assert part.reasons[0].surprise == alert.reasons[0].surprise


@pytest.mark.parametrize("form", FORMATS)
def test_a_source_that_tried_many_is_never_about_one_of_them(form):
    alert = replace(huge(), account=None)
    for room in ROOMS:
        assert who.user_of(within(alert, room)[0]) is None
    name = {"cef": b"suser=", "leef": b"usrName=", "asim": b'"Username"', "gelf": b'"_user_name"'}
    assert name.get(form, b"no such field") not in render(form, alert, WRITTEN)


def test_ids_are_never_cut():
    for room in ROOMS:
        part, _ = within(huge(), room)
        assert (part.id, part.incident_id) == (huge().id, huge().incident_id)


@given(text=words)
def test_short_texts_stay_and_long_ones_end_in_an_ellipsis(text):
    assert short(text, 10_000) == text
    cut = short(text * 50, 60)
    assert len(json.dumps(cut)) - 2 <= 60
    assert cut == text * 50 or cut.endswith("…")
    assert (text * 50).startswith(cut.removesuffix("…"))


def test_more_than_emit_makes_of_ordinary_names_is_whole():
    names = tuple(f"ph{number:06}" for number in range(100))
    addresses = tuple(f"192.0.2.{number}" for number in range(100))
    alert = replace(alerts()[0], users=names, ips=addresses, reasons=alerts()[0].reasons * 12)
    assert "trimmed" not in document("ecs", alert)["portal"]
