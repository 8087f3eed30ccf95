from pathlib import Path

import polars as pl
import pytest

from detector.collect.enrich.account import Directory
from detector.config import Accounts
from detector.errors import FaultsError

ROWS = "account,profession,organization,department,kind\np1,pharmacist,Pharmacie A,75,person\nv1,,Vendor,,software\n"


def test_accounts_are_found_exactly_as_they_are_logged(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(ROWS)
    found = Directory(Accounts(file=path)).describe(pl.Series("user.name", ["v1", "p1", "P1", None, "p1"]))
    assert found["portal.profession"].to_list() == [None, "pharmacist", None, None, "pharmacist"]
    assert found["portal.organization"].to_list() == ["Vendor", "Pharmacie A", None, None, "Pharmacie A"]
    assert found["portal.department"].to_list() == [None, "75", None, None, "75"]
    assert found["portal.kind"].to_list() == ["software", "person", None, None, "person"]


def test_columns_of_other_names_separators_and_parquet(tmp_path: Path) -> None:
    columns = {"account": "login", "profession": "métier"}
    text = tmp_path / "people.csv"
    text.write_text("\ufefflogin;métier;kind\np1; infirmière ;person\n", "utf-8")
    table = tmp_path / "people.parquet"
    pl.DataFrame({"login": ["p1"], "métier": ["infirmière"]}).write_parquet(table)
    for path in (text, table):
        found = Directory(Accounts(file=path, columns=columns)).describe(pl.Series("user.name", ["p1"]))
        assert found["portal.profession"].to_list() == ["infirmière"]


def test_without_a_directory_nobody_is_known() -> None:
    found = Directory(Accounts()).describe(pl.Series("user.name", ["p1", None], dtype=pl.String))
    assert found.height == 2
    assert found.null_count().row(0) == (2, 2, 2, 2)


def test_every_fault_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("account,profession,kind\np1,a,person\n,b,person\np2,c,robot\np1,d,\n")
    with pytest.raises(FaultsError) as fault:
        Directory(Accounts(file=path))
    assert [(one.line, one.message.split()[0]) for one in fault.value.faults] == [
        (3, "an"),
        (4, "kind"),
        (5, "account"),
    ]


@pytest.mark.parametrize("text", ["profession\na\n", ""])
def test_a_directory_without_accounts_is_a_fault(tmp_path: Path, text: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text(text)
    with pytest.raises(FaultsError, match=r"people\.csv:1"):
        Directory(Accounts(file=path))
    with pytest.raises(FaultsError, match=r"none\.csv:1"):
        Directory(Accounts(file=tmp_path / "none.csv"))


def test_a_column_that_is_named_and_missing_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(ROWS)
    with pytest.raises(FaultsError, match="no column 'metier'; came: account, profession"):
        Directory(Accounts(file=path, columns={"profession": "metier"}))
