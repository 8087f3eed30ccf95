"""Find the identifiers of insured persons at the places that a portal keeps them, and cut them out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import polars as pl

from detector.collect.enrich.mask import SIGNS
from detector.collect.enrich.personal import ATTACK
from detector.collect.enrich.where import position, where
from detector.config import SubjectAt, groups_of

_LEADING: Final = r"^([0-9][0-9ABab ._+-]*[0-9]|[\p{L}\p{N}][\p{L}\p{N}._+-]*)"
"""The identifier at the start of a value that goes on as an attack: the rest stays for the rules to see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A pattern over a part of the URL (`path` or `query`), and the number of its group around the identifier."""

    part: str
    pattern: str
    group: int


def places(entries: Sequence[SubjectAt]) -> Iterator[Place]:
    """Read the configured places; neighbouring query parameters become one pattern, since each costs a pass."""
    for is_path, alike in groupby(entries, key=lambda entry: entry.path is not None):
        if is_path:
            for entry in alike:
                pattern = entry.path or ""
                groups = groups_of(pattern)
                yield Place(
                    part="path", pattern=pattern, group=groups.index("subject") + 1 if "subject" in groups else 1
                )
        else:
            names = "|".join(re.escape(entry.query or "") for entry in alike)
            yield Place(part="query", pattern=rf"(?i)(?:^|[&;?])(?:{names})=([^&]*)", group=1)


def cut_out(parts: pl.DataFrame, wanted: Sequence[Place], sign: str) -> tuple[pl.DataFrame, pl.Series]:
    """Put `sign` in the place of the first identifier found in each row.

    Shapes: n rows {origin, path, query} -> the same rows, and n identifiers, null where none was found.
    """
    numbered = parts.with_row_index("row")
    pending = numbered.filter(pl.any_horizontal(_any_of(part, wanted) for part in ("path", "query")))
    identifiers = pl.Series([None], dtype=pl.String).new_from_index(0, parts.height)
    for place in wanted:
        if pending.is_empty():
            break
        found = _found(pending, place)
        if not found.is_empty():
            identifiers = identifiers.scatter(found["row"], found["text"])
            changed = (
                parts[place.part].clone().scatter(found["row"], found.select(_replaced(place.part, sign)).to_series())
            )
            parts = parts.with_columns(changed)
            pending = pending.join(found, on="row", how="anti")
    return parts, identifiers


def _any_of(part: str, wanted: Sequence[Place]) -> pl.Expr:
    patterns = [f"(?:{place.pattern})" for place in wanted if place.part == part]
    return pl.col(part).str.contains("|".join(patterns)) if patterns else pl.lit(False)


def _found(pending: pl.DataFrame, place: Place) -> pl.DataFrame:
    """Return the rows that have an identifier at a place, with `text`, and `start`, the byte where the match begins."""
    here = pl.col(place.part)
    found = pending.filter(here.str.contains(place.pattern)).with_columns(
        here.str.extract(place.pattern, place.group).alias("text"), here.str.find(place.pattern).alias("start")
    )
    text = where(found["text"], ATTACK, lambda some: some.str.extract(_LEADING, 1))
    return found.with_columns(text).filter((pl.col("text") != "") & ~pl.col("text").str.contains(SIGNS))


def _replaced(part: str, sign: str) -> pl.Expr:
    """Cut `text` out of a part, from `start` on: where it fills a segment or a value, else where it first stands."""
    whole = pl.col(part).cast(pl.Binary)
    rest = whole.bin.slice("start").cast(pl.String)
    if part == "path":
        filling = position(rest + "/", pl.concat_str(pl.lit("/"), "text", pl.lit("/")))
    else:
        filling = position(rest, pl.concat_str(pl.lit("="), "text"))
    at = pl.col("start") + pl.coalesce(filling + 1, position(rest, pl.col("text")))
    head, tail = whole.bin.slice(0, at), whole.bin.slice(at + pl.col("text").str.len_bytes())
    return pl.concat_str(head.cast(pl.String), pl.lit(sign), tail.cast(pl.String)).alias(part)
