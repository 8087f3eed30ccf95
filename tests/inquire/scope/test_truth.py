"""Scope against the truth of simulated attacks, and against slow, obvious twins."""

import gzip
import re
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from detector.inquire.scope.displays import UNNAMED

LINE = re.compile(r'(\S+) - (\S+) \[[^]]+\] "GET /patients/(\d+)/(?:rights|invoices) HTTP/1.1" 200 (\d+) ')


def seen_by(portal, account: str) -> set[str]:
    """Read every line in Python: whose record was answered with 200 and something in it."""
    with gzip.open(portal.log, "rt") as log:
        found = (LINE.match(line) for line in log)
        return {m[3] for m in found if m and m[2] == account and int(m[4]) > 0}


@pytest.mark.parametrize("shape", ["viamedis", "low_and_slow", "session_taken"])
def test_it_is_exactly_what_the_attacker_was_shown_with_the_owners_work_beside(portal, scoped, shape):
    (account,) = portal.attacks[shape]["accounts"]
    got = scoped([portal.log], portal.config, accounts=[account])
    assert got.of("attacker", "both") == got.token(portal.shown[shape])
    assert got.of("attacker", "both", "owner") == got.token(seen_by(portal, account))
    assert got.finding.subjects.attacker_count == len(portal.shown[shape])
    assert got.finding.subjects.owner_count > 0
    assert got.finding.subjects.undecided_count == 0
    assert got.finding.gaps == ()
    assert not got.finding.subjects.lower_bound


def test_what_nothing_tells_apart_is_undecided_and_holds_what_the_insider_saw(portal, scoped):
    (account,) = portal.attacks["insider"]["accounts"]
    got = scoped([portal.log], portal.config, accounts=[account])
    assert got.finding.subjects.attacker_count == 0
    assert got.of("undecided") == got.token(seen_by(portal, account))
    assert got.of("undecided") >= got.token(portal.shown["insider"])


def test_the_quick_way_finds_what_parsing_every_line_does(portal, scoped):
    accounts = [name for attack in portal.attacks.values() for name in attack["accounts"]]
    quick = scoped([portal.log], portal.config, accounts=accounts)
    slow = scoped([portal.log], portal.config, every_line=True, accounts=accounts)
    assert quick.persons.equals(slow.persons)
    alike = {"others": None, "every_line": False}
    archives = tuple(replace(one, parsed=quick.finding.archives[0].parsed) for one in slow.finding.archives)
    assert replace(slow.finding, archives=archives, **alike) == quick.finding
    assert quick.finding.archives[0].parsed < quick.finding.archives[0].lines == slow.finding.archives[0].parsed


def test_other_accounts_that_saw_the_same_persons_are_named(portal, scoped):
    (account,) = portal.attacks["viamedis"]["accounts"]
    got = scoped([portal.log], portal.config, every_line=True, accounts=[account])
    exposed = got.of("attacker", "both")
    seen: dict[str, set[str]] = {}
    with gzip.open(portal.log, "rt") as log:
        for found in filter(None, map(LINE.match, log)):
            seen.setdefault(found[2], set()).add(found[3])
    del seen[account]
    twin = {name: len(got.token(persons) & exposed) for name, persons in seen.items()}
    assert {one.account: one.subjects for one in got.finding.others} == {k: n for k, n in twin.items() if n}


def test_an_address_is_all_the_attackers_and_a_span_is_kept(portal, scoped):
    attack = portal.attacks["viamedis"]
    got = scoped([portal.log], portal.config, addresses=attack["sources"])
    assert got.of("attacker") == got.token(portal.shown["viamedis"])
    assert got.finding.accounts == tuple(attack["accounts"])
    half = datetime.fromisoformat(attack["start"])
    none = scoped([portal.log], portal.config, accounts=attack["accounts"], until=half)
    assert none.finding.subjects.attacker_count == 0
    assert none.finding.last is not None
    assert none.finding.last < half


def test_what_shows_nobody_is_not_counted(tmp_path, portal, scoped):
    lines = [
        ("GET /search?nir=6851234567801", 200, 900),  # a search, whatever it finds
        ("GET /patients/6851234567802/rights", 404, 310),
        ("GET /patients/6851234567803/rights", 302, 0),
        ("GET /patients/6851234567804/rights", 200, 0),  # nothing in it
        ("GET /patients/6851234567805/rights", 204, 0),
        ("GET /patients/6851234567806/rights", 304, 0),  # the copy that the client has
        ("GET /patients/6851234567807/invoices", 200, 812),
        ("GET /exports/monthly.csv", 200, 9000),  # of whom is not said
    ]
    log = tmp_path / "access.log"
    log.write_text("".join(
        f'192.0.2.7 - dr.who [10/Mar/2026:09:00:{at:02d} +0000] "{target} HTTP/1.1" {status} {size} "-" "M" "s1"\n'
        for at, (target, status, size) in enumerate(lines)
    ))  # fmt: skip
    got = scoped([log], portal.config, accounts=["dr.who"], addresses=["192.0.2.7"])
    assert set(got.persons["portal.subject"]) == got.token({"6851234567806", "6851234567807"})
    assert got.finding.requests.attacker == len(lines)
    assert got.finding.unnamed.attacker == 1
    assert [gap.kind for gap in got.finding.gaps] == ["unnamed"]
    assert got.finding.categories["invoices"] == 1
    assert got.finding.categories["coverage"] == 1
    assert got.finding.first == datetime(2026, 3, 10, 9, tzinfo=UTC)


def test_persons_have_their_own_first_last_count_and_categories(portal, scoped):
    (account,) = portal.attacks["viamedis"]["accounts"]
    got = scoped([portal.log], portal.config, accounts=[account])
    own = got.persons.filter(pl.col("whose").is_in(["attacker", "both"]))
    assert (own["count"] == own["attacker_count"]).all()
    assert (own["first"] <= own["last"]).all()
    assert own["attacker_count"].sum() == got.finding.records.attacker
    told = own.explode("categories")["categories"].value_counts()
    assert dict(told.iter_rows()) == got.finding.categories


def test_a_record_displayed_that_names_nobody_is_counted_and_a_search_or_claim_is_not():
    events = pl.DataFrame({
        "portal.action": ["record_view", "record_view", "export", "search", "claim"],
        "event.outcome": ["success", "failure", "success", "success", "success"],
        "http.response.status_code": [200, 404, 200, 200, 200], "http.response.body.bytes": [800] * 5,
        "portal.subject": pl.Series([None] * 5, dtype=pl.String),
    })  # fmt: skip
    assert events.select(UNNAMED).to_series().to_list() == [True, False, True, False, False]
