"""Say who an account is, from the directory: profession, organisation, department, kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from detector.config import Accounts
from detector.errors import Fault, FaultsError

FIELDS: Final = ("profession", "organization", "department", "kind")
KINDS: Final = ("person", "software")
NOTHING: Final = {"user.name": pl.String} | {f"portal.{field}": pl.String for field in FIELDS}


class Directory:
    """The account directory, one row an account; without a file, of nobody."""

    def __init__(self, where: Accounts) -> None:
        self.table = pl.DataFrame(schema=NOTHING) if where.file is None else read_directory(where.file, where.columns)

    def describe(self, accounts: pl.Series) -> pl.DataFrame:
        """Look accounts up, exactly as they are logged.

        Shapes: n String -> n rows {portal.profession, .organization, .department, .kind}, nulls where unknown.
        """
        rows = accounts.to_frame("user.name").join(self.table, on="user.name", how="left", maintain_order="left")
        return rows.drop("user.name")


def read_directory(path: Path, columns: Mapping[Any, str]) -> pl.DataFrame:
    """Read a CSV (comma, semicolon or tab) or Parquet directory.

    Shapes: file -> {user.name, portal.profession, portal.organization, portal.department, portal.kind}.
    Raises: `FaultsError` with every fault and its line.
    """
    raw = _read(path)
    wanted = {ours: columns.get(ours, ours) for ours in ("account", *FIELDS)}
    missing = [
        theirs
        for ours, theirs in wanted.items()
        if theirs not in raw.columns and (ours == "account" or ours in columns)
    ]
    if missing:
        came = ", ".join(raw.columns)
        raise FaultsError([Fault(str(path), 1, f"no column {name!r}; came: {came}") for name in missing])
    table = raw.select(
        pl.lit(None, pl.String).alias(ours) if theirs not in raw.columns else _clean(theirs).alias(ours)
        for ours, theirs in wanted.items()
    )
    _refuse(path, table.with_row_index("line", offset=2))
    table = table.filter(pl.any_horizontal(pl.all().is_not_null())).rename({"account": "user.name"})
    return table.rename({field: f"portal.{field}" for field in FIELDS})


def _clean(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            return pl.read_parquet(path)
        with path.open("rb") as file:
            head = file.readline(65_536).decode("utf-8-sig", "replace")
        separator = max(",;\t", key=head.count)
        return pl.read_csv(path, separator=separator, infer_schema=False, encoding="utf8-lossy")
    except (OSError, pl.exceptions.PolarsError) as fault:
        raise FaultsError([Fault(str(path), 1, f"cannot be read as an account directory: {fault}")]) from None


def _refuse(path: Path, table: pl.DataFrame) -> None:
    said = pl.any_horizontal(pl.col(FIELDS).is_not_null())
    nameless = table.filter(pl.col("account").is_null() & said)
    odd = table.filter(~pl.col("kind").is_in(KINDS))
    twice = table.filter(pl.col("account").is_not_null() & ~pl.col("account").is_first_distinct())
    faults = [Fault(str(path), line, "an account is required, came nothing") for line in nameless["line"]]
    faults += [
        Fault(str(path), line, f"kind must be one of {', '.join(KINDS)}, or empty; came {kind!r}")
        for line, kind in odd.select("line", "kind").iter_rows()
    ]
    faults += [
        Fault(str(path), line, f"account {account!r} is listed twice")
        for line, account in twice.select("line", "account").iter_rows()
    ]
    if faults:
        raise FaultsError(faults)
