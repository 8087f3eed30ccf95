"""The letters hold the figures of the finding, say where a count is a minimum and why, and leave open what is open."""

import json
import re
import stat
from dataclasses import replace
from datetime import UTC, datetime
from string import Template
from zoneinfo import ZoneInfo

import pytest
import yaml
from click.testing import CliRunner

from detector.cli import main
from detector.inquire.notify.draft import Letter, drafted
from detector.inquire.notify.words import Words
from detector.inquire.scope.finding import Archive, Counts, Finding, Gap, Source, Subjects, to_json

PARIS = ZoneInfo("Europe/Paris")


def at(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 3, day, hour, 15, tzinfo=UTC)


def source(whose: str, ip: str, account: str = "ph1", country: str = "FI", network: str = "AS64500") -> Source:
    return Source(
        account=account, ip=ip, country=country, network=network, network_kind="vpn", client="Firefox/Windows",
        first=at(13), last=at(14), requests=1200, records=700, subjects=650, whose=whose, reasons=("new",),
    )  # fmt: skip


EXACT = Finding(
    accounts=("ph1",), sessions=(), addresses=(), incident="1938b5f7374a07ba184f", since=at(1), until=at(20),
    first=at(2), last=at(19), requests=Counts(attacker=1200, owner=800), records=Counts(attacker=12_345, owner=90),
    unnamed=Counts(),
    subjects=Subjects(
        count=11_050, attacker_count=11_003, owner_count=60, both_count=13, undecided_count=0, lower_bound=False
    ),
    categories={"identity": 11_003, "identity_number": 10_990, "eye_colour": 3}, owner_categories={"identity": 60},
    sources=(source("attacker", "203.0.113.5"), source("attacker", "203.0.113.6"),
             source("owner", "192.0.2.7", country="FR", network="AS64496")),
    others=None, gaps=(),
    archives=(Archive(path="/logs/access.log.2.gz", lines=40_000, parsed=9, rejects=0, first=at(1), last=at(10)),
              Archive(path="/logs/access.log.1.gz", lines=60_000, parsed=9, rejects=0, first=at(10), last=at(20))),
    every_line=False, key_id="d16010ba",
)  # fmt: skip
GAP = Gap(start=at(3), end=at(4), kind="silence", archive="/logs/access.log.2.gz", missing_count=1_500, text="x")
BOUND = replace(
    EXACT,
    subjects=replace(EXACT.subjects, lower_bound=True, undecided_count=97),
    unnamed=Counts(undecided=2),
    sources=(*EXACT.sources, source("undecided", "198.51.100.9", account="ph2", country="FR")),
    gaps=(GAP, replace(GAP, kind="missing_file", start=None, missing_count=None)),
)
ALL = [(addressee, language) for addressee in ("regulator", "controller") for language in ("fr", "en")]
NOTHING = Finding(
    accounts=(), sessions=(), addresses=(), incident=None, since=None, until=None, first=None, last=None,
    requests=Counts(), records=Counts(), unnamed=Counts(), categories={}, owner_categories={}, sources=(), others=None,
    gaps=(), archives=(), every_line=True, key_id=None,
    subjects=Subjects(
        count=0, attacker_count=0, owner_count=0, both_count=0, undecided_count=0, lower_bound=False
    ),
)  # fmt: skip


def letter(addressee: str = "regulator", language: str = "fr", **told) -> Letter:
    return Letter(**{"addressee": addressee, "language": language, "zone": PARIS, "made": at(16)} | told)


def flat(text: str) -> str:
    """With plain spaces and on one line, as the eye reads it."""
    return re.sub(r"\s+", " ", text)


def said(finding: Finding, addressee: str = "regulator", language: str = "fr", **told) -> str:
    return flat(drafted(finding, letter(addressee, language, **told)))


@pytest.mark.parametrize(("addressee", "language"), ALL)
@pytest.mark.parametrize("finding", [EXACT, BOUND, NOTHING])
def test_every_field_is_filled_in_or_marked_open(addressee, language, finding):
    text = drafted(finding, letter(addressee, language))
    assert "$" not in text
    assert not re.search(r"\{\w*\}|None|datetime", text)
    assert ("[À COMPLÉTER" if language == "fr" else "[TO BE COMPLETED") in text


def test_a_count_without_a_gap_is_exact():
    assert "Nombre approximatif de personnes : 11 003 -" in said(EXACT)
    assert "le nombre est exact pour eux" in said(EXACT)
    assert "Approximate number of persons: 11,003 -" in said(EXACT, language="en")
    assert "100,000 log lines (number of files: 2, 1 March 2026 at 10:15" in said(EXACT, language="en")
    assert "(number of persons: 60; displayed to the perpetrator too, and so counted: 13)" in said(EXACT, language="en")


def test_a_lower_bound_says_at_least_and_why():
    french, english = said(BOUND), said(BOUND, language="en")
    assert "Nombre approximatif de personnes : au moins 11 003, et 11 100 en comptant tout" in french
    assert "aucune ligne du 3 mars 2026 à 10 h 15 (UTC+01:00) au 4 mars 2026 à 10 h 15 (UTC+01:00)" in french
    assert "(`access.log.2.gz` ; manque estimé : 1 500)" in french
    assert "des personnes (nombre : 97) n'ont été affichées que par des requêtes qui peuvent être" in french
    assert "des listes ont été exportées ou des dossiers affichés (2)" in french
    assert "au plus tard le 13 mars 2026" in french
    assert "at least 11,003, and 11,100 with all that may be" in english
    assert "a file is missing in the sequence of logs, from [?] to 4 March 2026" in english
    assert "exact" not in french


def test_an_undecided_count_without_gaps_is_a_range():
    finding = replace(EXACT, subjects=replace(EXACT.subjects, undecided_count=97))
    assert "Nombre approximatif de personnes : entre 11 003 et 11 100" in said(finding)
    bound = replace(EXACT, subjects=replace(EXACT.subjects, lower_bound=True), gaps=(GAP,))
    assert "Nombre approximatif de personnes : au moins 11 003 -" in said(bound)


def test_categories_and_sources_are_tables_and_the_professionals_own_place_is_in_none():
    text = drafted(BOUND, letter())
    assert "| état civil (nom, prénom) | 11\u202f003 |" in text
    assert "| eye_colour | 3 |" in text
    assert "| auteur de la violation | FI | AS64500 | 2 | 2\u202f400 |" in text
    assert "| non tranchée | FR | AS64500 | 1 | 1\u202f200 |" in text
    assert "AS64496" not in text
    assert "nombre de comptes : 2" in flat(text)
    assert "Numéro de sécurité sociale (NIR) : affiché (nombre de personnes : 10 990)" in flat(text)


def test_no_account_address_or_token_is_in_a_letter():
    for addressee, language in ALL:
        text = drafted(replace(BOUND, sessions=("ab" * 16,)), letter(addressee, language))
        assert [word for word in ("ph1", "203.0.113", "ab" * 16, "/logs/") if word in text] == []


def test_the_72_hours_run_from_when_it_was_noticed():
    text = said(EXACT, noticed=at(15))
    assert "Prise de connaissance de la violation : 15 mars 2026 à 10 h 15 (UTC+01:00)" in text
    assert "Fin du délai de 72 heures : 18 mars 2026 à 10 h 15 (UTC+01:00)" in text
    assert "sans objet" in text
    assert "le délai a expiré le 12 mars" in said(EXACT, noticed=at(9))
    assert "Fin du délai de 72 heures : **[À COMPLÉTER]**" in said(EXACT)
    assert "29 March 2026 at 11:15 (UTC+02:00)" in said(EXACT, language="en", noticed=at(26))  # clocks went forward
    assert "1er mars 2026" in said(EXACT, noticed=at(1))


def test_a_complementary_notification_names_the_one_before():
    first, later = said(EXACT), said(EXACT, follows="2026-0815")
    assert "- [x] Notification initiale" in first
    assert "- [ ] Notification complémentaire à la notification n° **[À COMPLÉTER]**" in first
    assert "- [x] Notification complémentaire à la notification n° 2026-0815" in later
    assert "- [ ] Notification initiale" in later


def test_names_from_logs_cannot_write_into_the_letter():
    hostile = source("attacker", "203.0.113.5", network="AS1 | x | `<script>` [a](b)\n# Title\x1b")
    row = next(line for line in drafted(replace(EXACT, sources=(hostile,)), letter()).splitlines() if "AS1" in line)
    assert row.count("|") == 6
    assert not set("`<>[\x1b") & set(row)


def test_languages_say_the_same_things():
    french, english = Words.of("fr"), Words.of("en")
    assert french.said.keys() == english.said.keys()
    for name in ("gaps", "categories"):
        assert french.said[name].keys() == english.said[name].keys()
    for name, text in french.said.items():
        if isinstance(text, str):
            assert set(re.findall(r"\{(\w+)", text)) == set(re.findall(r"\{(\w+)", english.said[name])), name
    for addressee in ("regulator", "controller"):
        named = [set(words.template(addressee).get_identifiers()) for words in (french, english)]
        assert named[0] == named[1]
        assert isinstance(french.template(addressee), Template)


def test_the_letters_know_every_gap_and_every_shipped_category():
    from typing import get_args

    from detector.config import shipped
    from detector.inquire.scope.finding import GapKind

    tree = yaml.safe_load(shipped("config", "default.yml").read_text("utf-8"))
    named = {name for one in tree["portal"].get("categories", ()) for name in one["categories"]}
    for language in ("fr", "en"):
        words = Words.of(language)
        assert set(get_args(GapKind)) == set(words.said["gaps"])
        assert named | {"unknown"} <= set(words.said["categories"])


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, ["notify", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_the_command_writes_a_file_for_its_owner_and_tells_the_time_left(tmp_path):
    (tmp_path / "finding.json").write_text(to_json(BOUND))
    asked = [tmp_path / "finding.json", "--for", "controller", "--output", tmp_path / "a.md"]
    told = run(*asked, "--noticed", "2026-03-15T10:15").stderr
    assert "72 hours end at 2026-03-18T10:15+01:00: passed " in told
    assert stat.S_IMODE((tmp_path / "a.md").stat().st_mode) == 0o600
    assert "article 33, paragraphe 2" in flat((tmp_path / "a.md").read_text())
    assert " h are left" in run(*asked, "--noticed", "2999-01-01").stderr
    english = run(tmp_path / "finding.json", "--for", "regulator", "--language", "en")
    assert english.stdout.startswith("# Notification of a personal data breach")
    assert english.stderr == ""
    told = json.loads(run(*asked, "--noticed", "2026-03-15T10:15", "-o", "json").stdout)
    assert (told["addressee"], told["deadline"]) == ("controller", "2026-03-18T09:15:00.000Z")
    assert told["markdown"] == (tmp_path / "a.md").read_text()


def test_what_is_no_finding_is_3(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"accounts": 1}))
    assert "required a finding" in run(tmp_path / "a.json", "--for", "regulator", code=3).stderr
    assert "cannot be read" in run(tmp_path / "none.json", "--for", "regulator", code=3).stderr
    run(tmp_path / "a.json", code=2)
