"""No identifier that is put into a RAW frame, however written, is in any column of the EVENT frame."""

import base64
import re
from collections.abc import Callable

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import config
from detector.collect.enrich import Enricher
from detector.schema import EVENT
from tests.collect.raw_frames import raw

ENRICHER = Enricher(config.load())
TOKENS = ("portal.subject", "portal.session", "portal.subject_block")
LEAST = 7
"""Digits in a row that would tell a person."""

NUMBERS = st.builds(
    lambda sex, rest, corsica: f"{sex}{rest[:4]}2{corsica}{rest[6:]}" if corsica else f"{sex}{rest}",
    st.sampled_from("12"),
    st.text("0123456789", min_size=12, max_size=14),
    st.sampled_from(["", "", "A", "B", "a"]),
)


def percent(text: str) -> str:
    return "".join(f"%{ord(one):02X}" for one in text)


def grouped(separator: str) -> Callable[[str], str]:
    return lambda text: separator.join([text[0], text[1:3], text[3:5], text[5:7], text[7:10], text[10:13], text[13:]])


SPELLINGS: list[Callable[[str], str]] = [
    lambda text: text,
    percent,
    lambda text: percent(percent(text)),
    lambda text: text[:4] + percent(text[4:9]) + text[9:],
    lambda text: text.replace("2", "%u0032"),
    lambda text: "".join(chr(0xFF10 + int(one)) if one.isdigit() else one for one in text),
    grouped(" "),
    grouped("%20"),
    grouped("+"),
    grouped("-"),
    grouped("."),
    grouped("%C2%A0"),
    lambda text: text.lower(),
]

TARGETS = [
    "/patients/{}/rights",
    "/patients/{}",
    "/a/b/{}/c",
    "/search?nir={}",
    "/search?NIR={}&x=1",
    "/search?a=1&q=jean {}",
    "/x?unheard_of={}&page=2",
    "/x?redirect=/patients/{}",
    "/x?redirect=%2Fpatients%2F{}",
    "/x?a=1;b={}",
    "/x#{}",
    "/{}.pdf",
    "/doc-{}-v2",
    "/x;id={}/y",
    '/x?filter={{"nir":"{}"}}',
    "/search?nir={}' or '1'='1",
    "/search?nir=' union select {} --",
    "https://portail.example/patients/{}?x={}",
    "//{}//",
    "/patients/{}/invoices?nir={}&nom=x",
    "/x?{}",
    "/x?{}=1",
    "{}",
]


def digits(text: str) -> str:
    return re.sub(r"[\s._+-]|%20|%C2%A0", "", text.upper())


def leaks(shown: str, identifier: str) -> bool:
    plain, secret = digits(shown), identifier.upper()
    return any(secret[start : start + LEAST] in plain for start in range(len(secret) - LEAST + 1))


def searched(events: pl.DataFrame, used: list[str]) -> list[tuple[str, str]]:
    texts = [name for name, dtype in EVENT.items() if dtype == pl.String and name not in (*TOKENS, "user.name")]
    return [
        (name, value)
        for name in texts
        for value, identifier in zip(events[name], used, strict=True)
        if value is not None and leaks(value, identifier)
    ]


@given(st.lists(st.tuples(NUMBERS, st.sampled_from(SPELLINGS), st.sampled_from(TARGETS)), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_no_identifier_is_in_any_column(asked: list[tuple[str, Callable[[str], str], str]]) -> None:
    written = [
        target.replace("{}", spell(number)).replace("{{", "{").replace("}}", "}") for number, spell, target in asked
    ]
    missed = [404] * len(written)
    events = ENRICHER.enrich(
        raw(url__original=written, http__request__referrer=written, http__response__status_code=missed)
    )
    assert searched(events, [number for number, _, _ in asked]) == []


@given(st.lists(NUMBERS, min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_no_identifier_is_in_the_other_texts_of_a_line(numbers: list[str]) -> None:
    numbers = [number[:13] for number in numbers]
    events = ENRICHER.enrich(
        raw(
            url__original=["/"] * len(numbers),
            user_agent__original=[f"Mozilla/5.0 ({grouped(' ')(one)}) {one}" for one in numbers],
            error__message=[f"no rights for {grouped('.')(one)}, jean{one}@exemple.fr" for one in numbers],
            url__domain=[f"{one}.portail.example" for one in numbers],
            http__request__method=[f"GET{one}" for one in numbers],
            http__version=numbers,
            event__action=numbers,
            source__ip=numbers,
        )
    )
    assert searched(events, numbers) == []


def test_sessions_and_subjects_are_tokens_only() -> None:
    events = ENRICHER.enrich(
        raw(url__original=["/"], portal__session=["4F2A-live-session"], portal__subject=["dupont-jean-1985"])
    )
    shown = events.write_json()
    assert "live-session" not in shown
    assert "dupont" not in shown
    assert len(events["portal.subject"][0]) == 32
    assert len(events["portal.session"][0]) == 32


def test_the_names_of_people_are_not_shown_where_parameters_tell_they_are_names() -> None:
    written = [
        "/search?nom=Dupont&prenom=Ana%C3%AFs",
        "/search?NOM_NAISSANCE=Dupont",
        "/search?last-name=Dupont",
        "/search?q=dupont+anais",
        "/search?nom=O'Dupont-Anais",
        "/search?nom[]=dupont&nom[]=anais",
        "/search?x=1;nom=dupont",
        '/g?query={patient(nom:"Dupont")}',
        "/g?variables=%7B%22nom%22%3A%22Dupont%22%7D",
        "/x?returnUrl=%2Fsearch%3Fnom%3DDupont%26page%3D2",
        "/x?birth_date=1985-05-12&page=3",
    ]
    events = ENRICHER.enrich(raw(url__original=written, http__request__referrer=written))
    shown = events.write_json().lower()
    assert "dupont" not in shown
    assert "ana" not in shown
    assert "1985" not in shown
    assert events["url.query"][-1] == "birth_date={masked}&page=3"


def test_credentials_in_a_url_are_masked() -> None:
    written = [
        "/x?access_token=s3cret",
        "/cas/login?ticket=ST-s3cret",
        "https://bob:s3cret@portail.example/x?password=s3cret",
    ]
    events = ENRICHER.enrich(raw(url__original=written, http__request__referrer=written))
    assert "s3cret" not in events.write_json()


def test_an_encoding_of_another_kind_is_told_as_what_it_is() -> None:
    """What the net does not know: base64 and words. It is why a portal's own places are configured."""
    hidden = base64.b64encode(b"1850578006084").decode()
    events = ENRICHER.enrich(raw(url__original=[f"/patients/{hidden}", f"/x?unheard_of={hidden}"]))
    assert events["url.original"].to_list() == ["/patients/{subject}", f"/x?unheard_of={hidden}"]
