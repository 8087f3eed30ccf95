import random
from pathlib import Path

import polars as pl
import pytest

from detector import config
from detector.collect.enrich import Enricher
from detector.collect.enrich.secret import Secret
from detector.config import Config
from detector.errors import FaultsError
from detector.schema import EVENT, RAW, empty
from tests.collect.raw_frames import raw

SECRET = Secret(text="a key for the tests", origin="state")


def some(rows: int = 300) -> pl.DataFrame:
    rng = random.Random(7)
    pick = rng.choice
    return raw(
        source__ip=[pick(["192.0.2.1", "2001:db8::1", "2.15.1.1", None, "-"]) for _ in range(rows)],
        user__name=[pick(["p1", "p2", None]) for _ in range(rows)],
        portal__session=[pick(["s1", "s2", None]) for _ in range(rows)],
        http__request__method=[pick(["GET", "POST", None]) for _ in range(rows)],
        url__original=[
            pick([f"/patients/{rng.randrange(10**13):013d}/rights", "/login", "/a?b=%31", None]) for _ in range(rows)
        ],
        http__response__status_code=[pick([200, 302, 404, None]) for _ in range(rows)],
        user_agent__original=[pick(["curl/8.1", "Mozilla/5.0 (X11; Linux) Firefox/127.0", None]) for _ in range(rows)],
        log__offset=list(range(rows)),
    )


def test_rows_keep_order_and_columns_are_events() -> None:
    events = Enricher(config.load(), SECRET).enrich(some())
    assert events.schema == EVENT
    assert events["log.offset"].to_list() == list(range(300))


def test_any_cut_of_the_input_gives_the_same_events() -> None:
    frame = some()
    whole = Enricher(config.load(), SECRET).enrich(frame)
    for size in (1, 7, 150):
        enricher = Enricher(config.load(), SECRET)
        parts = [enricher.enrich(frame.slice(start, size)) for start in range(0, min(frame.height, size * 20), size)]
        cut = pl.concat(parts)
        assert cut.equals(whole.head(cut.height))


def test_no_rows_and_rows_of_nothing() -> None:
    enricher = Enricher(config.load(), SECRET)
    assert enricher.enrich(empty(RAW)).equals(empty(EVENT))
    nothing = enricher.enrich(
        raw(user__name=[None, None]).with_columns(pl.lit(None, RAW["@timestamp"]).alias("@timestamp"))
    )
    filled = [name for name in EVENT if nothing[name].null_count() < 2]
    assert filled == ["portal.action"]


def test_the_same_person_found_by_search_and_read_by_path_has_one_token() -> None:
    events = Enricher(config.load(), SECRET).enrich(
        raw(url__original=["/search?nir=1850578006084", "/patients/1%2085%2005%2078%20006%20084%2091/rights", "/x"])
    )
    first, second, third = events["portal.subject"].to_list()
    assert first == second
    assert third is None


def test_only_numbers_refused_or_not_found_have_a_block() -> None:
    urls = [f"/patients/185057800{number}" for number in ("6084", "6084", "6085", "6085", "6185", "6086")]
    statuses = [200, None, 404, 403, 404, 503]
    events = Enricher(config.load(), SECRET).enrich(raw(url__original=urls, http__response__status_code=statuses))
    found, unknown, missed, refused, further, failed = events["portal.subject_block"]
    assert found is unknown is failed is None
    assert missed == refused
    assert further not in {missed, None}
    assert not set(events["portal.subject"]) & {missed, further}


def test_a_subject_that_the_log_has_a_field_for_is_taken_from_there() -> None:
    events = Enricher(config.load(), SECRET).enrich(
        raw(
            http__request__method=["GET", "GET"],
            url__original=["/fiche", "/search?nir=1850578006084"],
            portal__subject=["1850578006084", None],
        )
    )
    assert events["portal.subject"].n_unique() == 1
    assert events["portal.action"].to_list() == ["record_view", "search"]


def test_a_key_given_is_heard_before_the_configured_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTAL_DETECTOR_KEY", raising=False)
    path = tmp_path / "key"
    path.write_text("0123456789abcdef")
    own = Config.model_validate({"portal": {"key": {"file": path}}})
    assert Enricher(own).describe()["key_origin"] == "file"
    assert Enricher(own, SECRET).describe()["key_origin"] == "state"
    assert Enricher(Config()).describe()["key_origin"] == "run"


def test_facts_for_the_statistics_hold_no_key(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("account,profession\np1,pharmacist\np2,\n")
    facts = Enricher(Config.model_validate({"accounts": {"file": path}}), SECRET).describe()
    assert facts["directory_accounts"] == 2
    assert facts["accounts_without_profession"] == 1
    assert facts["table_age_days"].keys() == {"country", "asn"}
    assert SECRET.text not in str(facts)


def test_faults_of_what_it_reads_are_told(tmp_path: Path) -> None:
    with pytest.raises(FaultsError):
        Enricher(Config.model_validate({"accounts": {"file": tmp_path / "none.csv"}}))


def test_many_rows_at_once_give_what_few_give() -> None:
    few = some()
    many = pl.concat([few] * 80)
    enricher = Enricher(config.load(), SECRET)
    assert enricher.enrich(many).equals(pl.concat([enricher.enrich(few)] * 80))
