"""No line that matters is left out before parsing: escapes, sessions without a name, logs beside each other."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.config import load
from detector.errors import DetectorError
from detector.inquire.scope.asked import canonical, of_incident
from detector.inquire.scope.needles import holding, needles
from detector.lab.simulate import simulate

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
ESCAPES = (
    str,
    lambda text: quote(text, safe=""),
    lambda text: json.dumps(text)[1:-1],
    lambda text: text.replace("\\", "\\\\").replace('"', '\\"'),
)


@given(st.text(min_size=1, max_size=20), st.sampled_from(ESCAPES), st.text(max_size=20), st.text(max_size=20))
def test_a_line_that_holds_a_name_in_whatever_escape_is_kept(name, escape, before, after):
    line = (before + escape(name) + after).replace("\n", " ")
    if "\n" not in name:
        assert holding(pl.Series("line", [line, "nothing"]), needles(name))[0]


def test_many_texts_are_searched_as_few_are():
    lines = pl.Series("line", [f"user{n} x" for n in range(100)] + ["none"])
    few, many = [f"user{n} " for n in range(5)], [f"user{n} " for n in range(50)]
    assert holding(lines, few).sum() == 5
    assert holding(lines, many).sum() == 50
    assert holding(lines, ()).sum() == 0


def line(at: int, user: str, session: str, request: str, status: int = 200) -> tuple[datetime, str]:
    moment = START + timedelta(seconds=at)
    text = (
        f'192.0.2.7 - {user} [{moment:%d/%b/%Y:%H:%M:%S} +0000] "{request} HTTP/1.1" {status} 812 "-" "M" "{session}"\n'
    )
    return moment, text


@pytest.fixture
def sparing(tmp_path):
    """A portal that logs the name at the log-on alone: a log of log-ons, one of pages."""
    logons = [line(n * 60, f"p{n % 3}", f"session{n:026d}", "POST /login", 302) for n in range(60)]
    pages = [
        line(n * 60 + 5 + k, "-", f"session{n:026d}", f"GET /patients/51505750{n:03d}{k:02d}/rights")
        for n in range(60)
        for k in range(20)
    ]
    config = tmp_path / "detector.yml"
    config.write_text(
        "input: {format: combined_session}\nportal:\n  actions:\n"
        "  - {action: logon, method: [POST], path: '^/login$', success: [302], failure: [401]}\n"
        "  - {action: record_view, path: '/rights$'}\n"
        "  subjects: [{path: '^/patients/([^/]+)'}]\n",
        "utf-8",
    )
    return logons, pages, load(config)


def write(path, lines):
    path.write_text("".join(text for _, text in sorted(lines)), "utf-8")
    return path


@pytest.mark.parametrize("apart", [False, True])
def test_pages_that_name_no_account_are_found_by_its_sessions(tmp_path, sparing, scoped, apart):
    logons, pages, config = sparing
    if apart:  # the pages are read first: their log begins earlier
        early = line(-5, "-", "-", "GET /health")
        paths = [write(tmp_path / "logons.log", logons), write(tmp_path / "pages.log", [early, *pages])]
    else:
        paths = [write(tmp_path / "access.log", logons + pages)]
    quick = scoped(paths, config, accounts=["p1"])
    slow = scoped(paths, config, accounts=["p1"], every_line=True)
    assert quick.persons.height == 20 * 20
    assert quick.persons.equals(slow.persons)
    assert quick.finding.requests == slow.finding.requests
    assert sum(one.parsed for one in quick.finding.archives) < sum(one.lines for one in quick.finding.archives)


def test_a_session_that_is_asked_for_is_found_and_told_as_a_token(tmp_path, sparing, scoped):
    logons, pages, config = sparing
    session = f"session{7:026d}"
    got = scoped([write(tmp_path / "access.log", logons + pages)], config, sessions=[session])
    assert got.finding.subjects.attacker_count == 20
    assert got.finding.sessions == tuple(got.tokens.sessions(pl.Series([session])))


def test_an_address_is_found_in_any_spelling(tmp_path, sparing, scoped):
    spelled = ["2001:db8::7", "2001:DB8::7", "2001:db8:0:0:0:0:0:7", "2001:0db8:0000:0000:0000:0000:0000:0007"]
    rows = [line(n, "p1", "s", f"GET /patients/515057500{n:02d}/rights") for n in range(4)]
    rows = [(at, text.replace("192.0.2.7", spelled[n])) for n, (at, text) in enumerate(rows)]
    got = scoped([write(tmp_path / "access.log", rows)], sparing[2], addresses=sorted(canonical(["2001:db8:0::7"])))
    assert got.finding.subjects.count == 4


def test_what_is_no_address_is_refused_by_name():
    with pytest.raises(DetectorError, match=r"'192\.0\.2\.300' is no address"):
        canonical(["192.0.2.300"])


def test_an_incident_that_the_state_does_not_keep_is_refused(tmp_path):
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE outbox (seq INTEGER PRIMARY KEY, id TEXT, body TEXT)")
    with pytest.raises(DetectorError, match="no alert or incident 'abc': the state keeps none yet"):
        of_incident(database, "abc")


@pytest.mark.parametrize("log_format", ["combined", "json", "w3c"])
def test_every_format_gives_what_parsing_every_line_does(tmp_path, scoped, log_format):
    made = simulate(tmp_path / "portal", seed=821, accounts=12, days=4, size=0.05, log_format=log_format, compress=True)
    config = load(made.log.parent / "detector.yml")
    accounts = made.attacks[0]["accounts"]
    quick = scoped([made.log], config, accounts=accounts)
    slow = scoped([made.log], config, accounts=accounts, every_line=True)
    assert quick.finding.subjects.attacker_count == made.attacks[0]["subjects"]
    assert quick.persons.equals(slow.persons)
    assert quick.finding.sources == slow.finding.sources
    assert quick.finding.archives[0].parsed < slow.finding.archives[0].parsed
