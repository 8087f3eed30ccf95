import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import clock, config
from detector.collect.enrich.subject import IDENTIFIER, Subjects
from detector.collect.enrich.template import tells_digits_apart
from detector.config import SubjectAt

SHIPPED = Subjects(config.load().portal.subjects)
NIR = "1850578006084"

CASES = [
    # target, identifier, redacted
    (f"/patients/{NIR}/rights", NIR, "/patients/{subject}/rights"),
    ("/patients/1%2085%2005%2078%20006%20084/rights", "1 85 05 78 006 084", "/patients/{subject}/rights"),
    (f"/search?nir={NIR}", NIR, "/search?nir={subject}"),
    ("/search?%6e%49r=%31%38%350578006084&x=1", NIR, "/search?nIr={subject}&x=1"),
    ("/search?nir=%2531%2538%25350578006084", NIR, "/search?nir={subject}"),
    (f"/x?%u006eir={NIR}", NIR, "/x?nir={subject}"),
    ("/patients/42/claims/7", "42", "/patients/{subject}/claims/7"),
    ("/10/patients/1/x", "1", "/10/patients/{subject}/x"),
    ("/1/patients/1", "1", "/1/patients/{subject}"),
    ("/patients/185052A006084", "185052A006084", "/patients/{subject}"),
    ("/patients/abcd1/x?back=/patients/abcd1", "abcd1", "/patients/{subject}/x?back=/patients/{subject}"),
    ("/patients/7654321/relations/7654322", "7654321", "/patients/{subject}/relations/{masked}"),
    ("/patients/77a/members/78b", "77a", "/patients/{subject}/members/{masked}"),
    ("/search?nir=1850578006084&nir=2690399350020", NIR, "/search?nir={subject}&nir={masked}"),
    ("/cache/17420000000/patients/42", "42", "/cache/{masked}/patients/{subject}"),
    (f"https://portail.example/patients/{NIR}?a=1", NIR, "https://portail.example/patients/{subject}?a=1"),
    ("/api/7f9c24e8-3b12-4f0d-9a6e-0c5d7c1b2a33/x", "7f9c24e8-3b12-4f0d-9a6e-0c5d7c1b2a33", "/api/{subject}/x"),
    ("/static/app.20240115.js", None, "/static/app.{masked}.js"),
    ("/p;jsessionid=ABCDEF0123?x=1", None, "/p;session={masked}?x=1"),
    ("/x?email=jean.dupont%40exemple.fr&a=b", None, "/x?email={masked}&a=b"),
    ("/x/jean.dupont@exemple.fr", None, "/x/{masked}"),
    (f"/search?nir={NIR}&nom=Dupont%20Jean&x=1", NIR, "/search?nir={subject}&nom={masked}&x=1"),
    ("/search?patient.nom=dupont&critere[prenom]=jean", None, "/search?patient.nom={masked}&critere[prenom]={masked}"),
    ('/x?filter={"nom":"dupont","page":2}', None, '/x?filter={"nom":"{masked}","page":2}'),
    ("/x?a=１８５０５７８００６０８４", None, "/x?a={masked}"),
    ("/login?next=%252Fpatients%252F1850578006084", None, "/login?next=/patients/{masked}"),
    ("/x?tel=06.12.34.56.78&t=06.12.34.56.78", None, "/x?tel={masked}&t={masked}"),
    # nothing of anybody's: as it was logged
    ("/x?page=2&size=100", None, "/x?page=2&size=100"),
    ("/%2e%2e/%2e%2e/etc/passwd", None, "/%2e%2e/%2e%2e/etc/passwd"),
    ("/a%2", None, "/a%2"),
    ("*", None, "*"),
    ("", None, ""),
    (None, None, None),
    # attacks stay readable
    ("/x?file=../../../../etc/passwd", None, "/x?file=../../../../etc/passwd"),
    ("/x?q=<script>alert(1)</script>", None, "/x?q=<script>alert(1)</script>"),
    ("/x?u=http://169.254.169.254/latest", None, "/x?u=http://169.254.169.254/latest"),
    (f"/patients/{NIR}' or 1=1--/rights", NIR, "/patients/{subject}' or 1=1--/rights"),
    (f"/search?nir={NIR}' or '1'='1", NIR, "/search?nir={subject}' or '1'='1"),
    (
        "/search?nom=dupont jean' union select password from users--&a=1",
        None,
        "/search?nom={masked} {masked}' union select {masked} from {masked}--&a=1",
    ),
]


@pytest.mark.parametrize(("target", "identifier", "redacted"), CASES)
def test_a_target_is_redacted_and_its_subject_found(target: str | None, identifier: str | None, redacted: str) -> None:
    found = SHIPPED.redact(pl.Series("url", [target], dtype=pl.String))
    assert found[IDENTIFIER].to_list() == [identifier]
    assert found["url.original"].to_list() == [redacted]


def test_all_cases_at_once_give_the_same_as_one_by_one() -> None:
    targets = pl.Series("url", [case[0] for case in CASES], dtype=pl.String)
    found = SHIPPED.redact(targets)
    assert found[IDENTIFIER].to_list() == [case[1] for case in CASES]
    assert found["url.original"].to_list() == [case[2] for case in CASES]


def test_path_and_query_are_the_parts_of_the_redacted_url() -> None:
    found = SHIPPED.redact(pl.Series([f"/patients/{NIR}/x?a=%31&b=2", "/plain"])).row(0, named=True)
    assert found["url.path"] == "/patients/{subject}/x"
    assert found["url.query"] == "a=1&b=2"
    assert SHIPPED.redact(pl.Series(["/plain"]))["url.query"].to_list() == [None]


def test_a_depth_of_encoding_that_nobody_undoes_is_masked_whole() -> None:
    hidden = NIR
    for _ in range(9):
        hidden = "".join(f"%{ord(one):02X}" for one in hidden)
        if len(hidden) > 60_000:
            break
    shown = SHIPPED.redact(pl.Series([f"/x?a={hidden}"]))["url.original"][0]
    assert NIR not in shown
    assert len(shown) < 40


def test_the_first_configured_place_wins_and_a_named_group_is_heard() -> None:
    places = [
        SubjectAt(query="who"),
        SubjectAt(path=r"^/(org|team)/[a-z]+/u/(?P<subject>[^/]+)"),
        SubjectAt(path=r"^/(org)/"),
    ]
    found = Subjects(places).redact(pl.Series(["/org/acme/u/bob?who=eve", "/team/acme/u/bob", "/org/acme"]))
    assert found[IDENTIFIER].to_list() == ["eve", "bob", "org"]


@pytest.mark.parametrize(
    ("pattern", "apart"),
    [
        (r"^/p/([^/]+)", False),
        (r"^/p/(\d{13})", False),
        (r"^/p/([0-9]{13,15})/x[a-f0-9]", False),
        (r"^/v2/p/([^/]+)", True),
        (r"^/p/([12]\d{12})", True),
        (r"^/p/0-9/([^/]+)", True),
        (r"^/p\x2f([^/]+)", True),
    ],
)
def test_patterns_that_tell_digits_apart_are_known(pattern: str, apart: bool) -> None:
    assert tells_digits_apart([pattern]) is apart


def test_a_pattern_that_tells_digits_apart_is_asked_for_every_target() -> None:
    found = Subjects([SubjectAt(path=r"^/p/([12]\d{6})")]).redact(pl.Series(["/p/1234567", "/p/3234567", "/p/2234567"]))
    assert found[IDENTIFIER].to_list() == ["1234567", None, "2234567"]


PLACES = ["/patients/", "/members/", "/x", "/7", "?", "&nir=", "&t=", "nom=dupont", "{subject}"]
PEOPLE = ["12345678", "1850578006084", "2690399350020", "abc", "%31", "\ue000", "\ue001"]
PIECE = st.sampled_from([*PLACES, *PEOPLE, "%20", "+", ".", "'", "/", ";", "=", "é"])


@given(st.lists(st.lists(PIECE, max_size=6).map("".join), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_targets_that_share_a_template_get_what_each_gets_alone(targets: list[str]) -> None:
    slow = Subjects(config.load().portal.subjects)
    slow._alike = False
    series = pl.Series("url", targets, dtype=pl.String)
    assert SHIPPED.redact(series).equals(slow.redact(series))


def test_no_length_of_a_url_holds_the_reading_up() -> None:
    """A number of 64 KiB once took a minute: it was compiled as a pattern."""
    long = ["/" + "9" * 65_000, "/x?nom=" + "a'" * 30_000, "/x?a=" + "%25" * 20_000 + "31", "/x?" + "nom=a&" * 10_000]
    begun = clock.monotonic_s()
    shown = [SHIPPED.redact(pl.Series([url]))["url.original"][0] for url in long]
    assert clock.monotonic_s() - begun < 10
    assert shown[0] == "/{subject}"
    assert "nom=a" not in shown[3]
