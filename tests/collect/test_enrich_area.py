import polars as pl
import pytest

from detector.collect.enrich.area import Areas
from detector.collect.enrich.secret import Secret
from detector.collect.enrich.tokens import Tokens
from detector.config import Config

TOKENS = Tokens(Secret(text="a key for the tests", origin="state"))
SHIPPED = Areas(Config().portal.subject_area, TOKENS)
ROUEN, CORSICA = "5850576006012", "585052A006012"


def areas(*identifiers, by=SHIPPED):
    return by.describe(pl.Series(list(identifiers), dtype=pl.String)).to_list()


def test_persons_of_one_department_share_a_token_that_does_not_tell_it():
    first, second, other = areas(ROUEN, "6990176123456", CORSICA)
    assert first == second != other
    assert first != "76"
    assert len(first) == 32


def test_every_spelling_of_a_number_gives_its_area():
    assert len(set(areas(ROUEN, "5 85 05 76 006 012", "5-85-05-76-006-012"))) == 1


@pytest.mark.parametrize("identifier", ["42", "4711081512", "0850576006012", "p-85057600601", "58505760060121", None])
def test_what_is_no_such_number_has_no_area(identifier):
    assert areas(identifier) == [None]


def test_an_area_is_no_persons_token():
    tokens = TOKENS.subjects(pl.Series(["76"])).to_list()
    assert areas(ROUEN)[0] not in tokens


def test_a_portals_own_pattern_or_none():
    assert areas("FR-33-0017", by=Areas("^FR-?([0-9]{2})-?[0-9]+$", TOKENS))[0] is not None
    assert areas(ROUEN, by=Areas(None, TOKENS)) == [None]
