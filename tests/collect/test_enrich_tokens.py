import hashlib
import hmac
from pathlib import Path

import polars as pl
import pytest

from detector.collect.enrich.secret import Secret, configured_secret, random_secret
from detector.collect.enrich.tokens import Tokens, spelled_alike
from detector.config import Key
from detector.errors import FaultsError

SECRET = Secret(text="a key for the tests", origin="state")


def slow_token(purpose: str, value: str) -> str:
    return hmac.new(SECRET.text.encode(), f"{purpose}:{value}".encode(), hashlib.sha256).hexdigest()[:32]


@pytest.mark.parametrize("rows", [1, 3, 20_000])
def test_tokens_are_hmac_sha_256(rows: int) -> None:
    values = [str(number % 5000) for number in range(rows)]
    tokens = Tokens(SECRET)
    assert tokens.subjects(pl.Series(values)).to_list() == [slow_token("subject", value) for value in values]
    assert tokens.sessions(pl.Series(values)).to_list() == [slow_token("session", value) for value in values]


def test_null_stays_null_and_length_is_kept() -> None:
    assert Tokens(SECRET).subjects(pl.Series([None, None], dtype=pl.String)).to_list() == [None, None]
    assert Tokens(SECRET).subjects(pl.Series([], dtype=pl.String)).len() == 0
    assert Tokens(SECRET).subjects(pl.Series([None, "1"])).to_list() == [None, slow_token("subject", "1")]


@pytest.mark.parametrize(
    "spellings",
    [
        ["1850578006084", "1 85 05 78 006 084", "1-85-05-78-006-084", "1.85.05.78.006.084", "185057800608491"],
        ["185052A006084", "1 85 05 2a 006 084", "185052A006084" + f"{97 - 1850519006084 % 97:02d}"],
        ["7f9c24e8-3b12-4f0d-9a6e-0c5d7c1b2a33", "7F9C24E83B124F0D9A6E0C5D7C1B2A33"],
        ["fr-12ab", "FR-12AB", " FR-12ab".upper()],
    ],
)
def test_spellings_of_one_person_are_one(spellings: list[str]) -> None:
    assert len(set(Tokens(SECRET).subjects(pl.Series(spellings)).to_list())) == 1


def test_what_may_be_two_persons_stays_two() -> None:
    apart = ["1-2", "12", "aGVsbG8", "aGVSbG8", "ab-12", "ab12", "185057800608490", "1850578006084", "007", "7"]
    assert spelled_alike(pl.Series(apart)).n_unique() == len(apart)


def test_numbers_of_one_hundred_share_a_block() -> None:
    def blocks(*values: str | None) -> list[str | None]:
        return Tokens(SECRET).blocks(pl.Series(values, dtype=pl.String)).to_list()

    first, last, next_one = blocks("1850578006000", "1 85 05 78 006 099", "1850578006100")
    assert first == last == slow_token("block", "18505780060")
    assert next_one not in {first, None}
    assert blocks("AB-1234", "ab-1299") == [slow_token("block", "AB-12")] * 2
    assert blocks("123", "12a4", "7f9c24e8-3b12-4f0d-9a6e-0c5d7c1b2a33", None) == [None] * 4
    assert blocks() == []


def test_a_secret_does_not_print() -> None:
    assert SECRET.text not in repr(SECRET)
    assert random_secret().text != random_secret().text


def test_the_key_comes_from_the_file_then_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_text("0123456789abcdef\n")
    monkeypatch.setenv("THE_KEY", "fedcba9876543210")
    assert configured_secret(Key(file=path, env="THE_KEY")) == Secret(text="0123456789abcdef", origin="file")
    assert configured_secret(Key(env="THE_KEY")) == Secret(text="fedcba9876543210", origin="environment")
    assert configured_secret(Key(env="NOT_SET_HERE")) is None


def test_a_key_that_is_short_or_missing_is_a_fault_that_does_not_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "short-secret")
    with pytest.raises(FaultsError, match="16 characters") as fault:
        configured_secret(Key(env="THE_KEY"))
    assert "short-secret" not in str(fault.value)
    with pytest.raises(FaultsError, match="cannot be read"):
        configured_secret(Key(file=tmp_path / "none"))
