"""Say which insured person a request is about, and redact every URL before it goes on."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from detector.collect.enrich.decode import ENCODED, HIDDEN, decode
from detector.collect.enrich.identify import cut_out, places
from detector.collect.enrich.mask import MASKED, SUBJECT, masked_path, masked_text, without_guard
from detector.collect.enrich.personal import PersonalParameters
from detector.collect.enrich.template import LONG_NUMBER, tells_digits_apart, templates
from detector.collect.enrich.url import join_urls, split_urls
from detector.collect.enrich.where import position, where
from detector.config import SubjectAt

IDENTIFIER: Final = "identifier"
"""Column of the raw identifier. It is turned into a token before it leaves `enrich`."""

_PEOPLE_IN_A_PATH: Final = 4
_LEAST_REPEATED: Final = 4
"""Characters from which an identifier is replaced wherever else it stands in the URL; a shorter one is any word."""


class Subjects:
    """The places where a portal's requests name an insured person, and the masks for everywhere else."""

    def __init__(self, entries: Sequence[SubjectAt]) -> None:
        self._places = tuple(places(entries))
        self._personal = PersonalParameters([entry.query for entry in entries if entry.query])
        self._alike = not tells_digits_apart([entry.path for entry in entries if entry.path])

    def identify(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Redact the requests of lines, and say whom each is about: what the log names itself comes first.

        Shapes: RAW -> n rows {identifier (raw), url.original, url.path, url.query}.
        """
        urls, named = self.redact(raw["url.original"]), raw["portal.subject"]
        return urls.with_columns(named.zip_with(named.is_not_null(), urls[IDENTIFIER]).alias(IDENTIFIER))

    def redact(self, targets: pl.Series) -> pl.DataFrame:
        """Redact request targets or whole URLs, and find whom each is about.

        Shapes: n String -> n rows {identifier (raw), url.original, url.path, url.query}; a null target has nulls.
        """
        rows = templates(targets, self._alike)
        keys = ["template", "bytes"]
        table = self._redact(rows.unique(keys)).drop("target")
        spread = rows.join(table, on=keys, how="left", nulls_equal=True, maintain_order="left")
        own = pl.col("target").cast(pl.Binary).bin.slice("start", "length").cast(pl.String)
        identifier = pl.when(pl.col("start").is_null()).then(IDENTIFIER).otherwise(own).alias(IDENTIFIER)
        return spread.select(identifier, "url.original", "url.path", "url.query")

    def _redact(self, few: pl.DataFrame) -> pl.DataFrame:
        logged = without_guard(few["target"])
        decoded = decode(logged)
        parts = split_urls(decoded)
        cut, identifiers = self._cut(parts)
        shown = self._masked(cut)
        # where nothing was personal the URL stays as it was logged, its encoding too: rules look at it
        same = ((decoded != logged) & (join_urls(shown) == join_urls(parts))).fill_null(False).arg_true()
        if not same.is_empty():
            kept = split_urls(logged.gather(same))
            shown = shown.select(shown[name].clone().scatter(same, kept[name]) for name in parts.columns)
        redacted = few.with_columns(
            identifiers.alias(IDENTIFIER),
            join_urls(shown).alias("url.original"),
            shown["path"].alias("url.path"),
            shown["query"].alias("url.query"),
        )
        return redacted.with_columns(_span())

    def _cut(self, parts: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
        parts, identifiers = cut_out(parts, self._places, SUBJECT)
        parts = parts.with_columns(_without(parts[name], identifiers) for name in ("path", "query"))
        in_path = [place for place in self._places if place.part == "path"]
        for _ in range(_PEOPLE_IN_A_PATH - 1):
            parts, others = cut_out(parts, in_path, MASKED)
            if others.null_count() == len(others):
                break
        return parts, identifiers

    def _masked(self, parts: pl.DataFrame) -> pl.DataFrame:
        path = where(parts["path"], HIDDEN, lambda some: pl.Series([f"/{MASKED}"]).new_from_index(0, len(some)))
        query = where(parts["query"], HIDDEN, lambda some: pl.Series([MASKED]).new_from_index(0, len(some)))
        return parts.with_columns(
            masked_text(parts["origin"]).alias("origin"),
            masked_path(path).alias("path"),
            masked_text(self._personal.masked(query)).alias("query"),
        )


def _without(texts: pl.Series, identifiers: pl.Series) -> pl.Series:
    """Replace an identifier wherever else it stands in its URL."""
    both = pl.DataFrame([texts.alias("text"), identifiers.alias(IDENTIFIER)])
    here = pl.col("text").cast(pl.Binary).bin.contains(pl.col(IDENTIFIER).cast(pl.Binary))
    long = pl.col(IDENTIFIER).str.len_chars() >= _LEAST_REPEATED
    rows = both.select((here & long).fill_null(False).arg_true()).to_series()
    if rows.is_empty():
        return texts
    return texts.clone().scatter(rows, texts.gather(rows).str.split(identifiers.gather(rows)).list.join(SUBJECT))


def _span() -> list[pl.Expr]:
    """Say where in the target the identifier stands, if it holds the number in which look-alikes differ."""
    target, identifier = pl.col("target"), pl.col(IDENTIFIER)
    shared = (pl.col("template") != target) & ~target.str.contains(ENCODED) & identifier.str.contains(LONG_NUMBER)
    start, length = position(target, identifier), identifier.str.len_bytes()
    return [pl.when(shared).then(start).alias("start"), pl.when(shared).then(length).alias("length")]
