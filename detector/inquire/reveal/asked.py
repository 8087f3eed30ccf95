"""Read which tokens are asked for: a CSV or Parquet with a column `portal.subject`, or one token a line."""

from collections.abc import Collection
from hashlib import file_digest
from pathlib import Path
from typing import Final

import polars as pl

from detector.collect.enrich.wanted import HALVES, SUBJECT, TokenSet, halves
from detector.errors import InputError

_WHOSE: Final = "whose"
_PARQUET: Final = b"PAR1"


def read_tokens(path: Path) -> TokenSet:
    """Read the tokens of a file. Raises: `InputError`, which shows nothing of what the file holds."""
    return TokenSet(_rows(path).select(HALVES.names()))


def chosen_tokens(path: Path, whose: Collection[str]) -> tuple[TokenSet, int]:
    """Read the tokens of the rows that a scope calls one of `whose`, and how many rows that leaves out.

    Rows of which no scope says whose they are count as asked for. Raises: `InputError`.
    """
    rows = _rows(path)
    chosen = rows.filter(pl.col(_WHOSE).is_null() | pl.col(_WHOSE).is_in(list(whose)))
    if chosen.is_empty():
        raise InputError(f"{path}: no token of {', '.join(whose)} is in it; rows of others: {rows.height:,}")
    return TokenSet(chosen.select(HALVES.names())), rows.height - chosen.height


def _rows(path: Path) -> pl.DataFrame:
    """Read the rows that have a token. Shapes: -> HALVES with {whose}, null where the file does not say."""
    try:
        table = _scanned(path)
        whose = pl.col(_WHOSE) if _WHOSE in table.collect_schema() else pl.lit(None, pl.String).alias(_WHOSE)
        read = table.select(pl.col(SUBJECT).is_not_null().alias("said"), *halves(pl.col(SUBJECT)), whose)
        rows = read.collect(engine="streaming")
    except OSError as fault:
        raise InputError(f"{path}: cannot be read: {fault.strerror or 'no such file'}") from None
    except pl.exceptions.ColumnNotFoundError:
        raise InputError(f"{path}: a column {SUBJECT} is required") from None
    except pl.exceptions.PolarsError as fault:
        raise InputError(f"{path}: not a table of tokens: {type(fault).__name__}") from None
    wrong = rows.select((pl.col("said") & pl.col("high").is_null()).arg_true()).to_series()
    if len(wrong):
        raise InputError(
            f"{path}: tokens of 32 hexadecimal digits are required; rows of something else: {len(wrong):,},"
            f" the first is number {wrong[0] + 1:,}"
        )
    tokens = rows.drop("said").drop_nulls(HALVES.names())
    if tokens.is_empty():
        raise InputError(f"{path}: no token is in it")
    return tokens


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _scanned(path: Path) -> pl.LazyFrame:
    with path.open("rb") as file:
        head = file.readline(65_536)
    if head.startswith(_PARQUET):
        return pl.scan_parquet(path)
    first = head.decode("utf-8-sig", "replace")
    if SUBJECT in first:
        return pl.scan_csv(path, separator=max(",;\t", key=first.count), infer_schema=False, encoding="utf8-lossy")
    lines = pl.scan_csv(path, has_header=False, infer_schema=False, quote_char=None, encoding="utf8-lossy")
    return lines.select(pl.first().str.strip_chars().alias(SUBJECT))
