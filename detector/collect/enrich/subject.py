"""Find the insured person a request is about, and redact every URL before it goes on."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import polars as pl

from detector.collect.enrich.decode import decode, is_plain, still_hidden
from detector.collect.enrich.mask import ATTACK, MASKED, PersonalParameters, masked_path, masked_text, without_guard
from detector.collect.enrich.template import LONG_NUMBER, tells_digits_apart, templates
from detector.config import SubjectAt

SUBJECT: Final = "{subject}"
IDENTIFIER: Final = "identifier"
"""Column of the raw identifier. It is turned into a token before it leaves `enrich`."""

_PARTS: Final = r"(?s)^((?:[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*)?)([^?]*)(?:\?(.*))?$"
_LEADING: Final = r"^([0-9][0-9ABab ._+-]*[0-9]|[\p{L}\p{N}][\p{L}\p{N}._+-]*)"
"""The identifier at the start of a value that goes on as an attack: the rest stays for the rules to see."""

_PEOPLE_IN_A_PATH: Final = 4
_LEAST_REPEATED: Final = 4
"""Characters from which an identifier is replaced wherever else it stands in the URL; a shorter one is any word."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One configured place: a pattern over `path` or `query`, and the name of its group."""

    part: str
    pattern: str
    group: str

    def found(self) -> pl.Expr:
        """Return {text, before, part} of the identifier, or null: `before` is what precedes the pattern's match."""
        groups = pl.col(self.part).str.extract_groups(rf"(?s:^(.*?))(?:{self.pattern})")
        text, before = groups.struct.field(self.group), groups.struct[0]
        text = pl.when(text.str.contains(ATTACK)).then(text.str.extract(_LEADING, 1)).otherwise(text)
        fits = (text != "") & ~text.str.contains(r"\{(?:subject|masked)\}")
        return pl.when(fits).then(
            pl.struct(text.alias("text"), before.alias("before"), pl.lit(self.part).alias("part"))
        )


class Subjects:
    """The places where a portal's requests name an insured person, and the masks for everywhere else."""

    def __init__(self, entries: Sequence[SubjectAt]) -> None:
        self._places = tuple(_places(entries))
        self._personal = PersonalParameters([entry.query for entry in entries if entry.query])
        self._alike = not tells_digits_apart([entry.path for entry in entries if entry.path])

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
        plain = few["target"].to_frame("target").select(without_guard(pl.col("target")))["target"]
        logged, decoded = _parts(plain), _parts(decode(plain))
        redacted = self._masked(self._named(decoded))
        untouched = (redacted["whole"] == _whole(decoded)) | redacted["whole"].is_null()
        kept = logged.with_columns(whole=_whole(logged)).select("whole", "path", "query")
        shown = {
            f"url.{ours}": pl.select(pl.when(untouched).then(kept[name]).otherwise(redacted[name])).to_series()
            for ours, name in (("original", "whole"), ("path", "path"), ("query", "query"))
        }
        return few.with_columns(redacted[IDENTIFIER], **shown).with_columns(_span())

    def _named(self, parts: pl.DataFrame) -> pl.DataFrame:
        parts = self._splice(parts, self._places, SUBJECT, IDENTIFIER)
        repeated = pl.col(IDENTIFIER).str.len_chars() >= _LEAST_REPEATED
        others = [pl.col(part).str.split(pl.col(IDENTIFIER)).list.join(SUBJECT) for part in ("path", "query")]
        parts = parts.with_columns(
            pl.when(repeated).then(other).otherwise(pl.col(part)).alias(part)
            for part, other in zip(("path", "query"), others, strict=True)
        )
        in_path = [place for place in self._places if place.part == "path"]
        for _ in range(_PEOPLE_IN_A_PATH - 1):
            parts = self._splice(parts, in_path, MASKED, "another")
            if parts["another"].null_count() == parts.height:
                break
        return parts

    @staticmethod
    def _splice(parts: pl.DataFrame, places: Sequence[_Place], sign: str, column: str) -> pl.DataFrame:
        """Put `sign` in the place of the first identifier found, which goes to `column`."""
        if not places:
            return parts.with_columns(pl.lit(None, pl.String).alias(column))
        found = parts.select(pl.coalesce(place.found() for place in places).alias("found")).unnest("found")
        both = parts.hstack(found)
        spliced = [
            pl.when(pl.col("part") == part).then(_replaced(part, sign)).otherwise(pl.col(part)).alias(part)
            for part in ("path", "query")
        ]
        return both.with_columns(*spliced, pl.col("text").alias(column)).drop("text", "before", "part")

    def _masked(self, parts: pl.DataFrame) -> pl.DataFrame:
        query = masked_text(self._personal.masked(pl.col("query")))
        masked = parts.with_columns(
            masked_text(pl.col("origin")).alias("origin"),
            pl.when(still_hidden(pl.col("path")))
            .then(pl.lit(f"/{MASKED}"))
            .otherwise(masked_path(pl.col("path")))
            .alias("path"),
            pl.when(still_hidden(pl.col("query"))).then(pl.lit(MASKED)).otherwise(query).alias("query"),
        )
        return masked.with_columns(_whole(masked).alias("whole"))


def _places(entries: Sequence[SubjectAt]) -> Iterator[_Place]:
    for is_path, alike in groupby(entries, key=lambda entry: entry.path is not None):
        if is_path:
            for entry in alike:
                named = "subject" in re.compile(entry.path or "").groupindex
                yield _Place("path", entry.path or "", "subject" if named else "2")
        else:  # one pattern for all: each costs a pass
            names = "|".join(re.escape(entry.query or "") for entry in alike)
            yield _Place("query", rf"(?i)(?:^|[&;?])(?:{names})=(?P<subject>[^&]*)", "subject")


def _parts(urls: pl.Series) -> pl.DataFrame:
    groups = urls.str.extract_groups(_PARTS).struct.unnest()
    return groups.rename(dict(zip(groups.columns, ("origin", "path", "query"), strict=True)))


def _whole(parts: pl.DataFrame) -> pl.Series:
    path = pl.concat_str("origin", "path")
    return parts.select(whole=pl.when(pl.col("query").is_null()).then(path).otherwise(path + "?" + pl.col("query")))[
        "whole"
    ]


def _replaced(part: str, sign: str) -> pl.Expr:
    """Cut `text` out of a part, from `before` on: where it fills a segment or a value, else where it first stands."""
    whole = pl.col(part).cast(pl.Binary)
    skipped = pl.col("before").str.len_bytes()
    rest = whole.bin.slice(skipped).cast(pl.String)
    if part == "path":
        filling = (rest + "/").str.find(pl.concat_str(pl.lit("/"), "text", pl.lit("/")), literal=True)
    else:
        filling = rest.str.find(pl.concat_str(pl.lit("="), "text"), literal=True)
    start = skipped + pl.coalesce(filling + 1, rest.str.find(pl.col("text"), literal=True))
    head, tail = whole.bin.slice(0, start), whole.bin.slice(start + pl.col("text").str.len_bytes())
    return pl.concat_str(head.cast(pl.String), pl.lit(sign), tail.cast(pl.String))


def _span() -> list[pl.Expr]:
    """Say where in the target the identifier stands, if it holds the number in which look-alikes differ."""
    differs = (
        pl.col(IDENTIFIER).str.contains(LONG_NUMBER)
        & (pl.col("template") != pl.col("target"))
        & is_plain(pl.col("target"))
    )
    start = pl.col("target").str.find(pl.col(IDENTIFIER), literal=True)
    length = pl.col(IDENTIFIER).str.len_bytes()
    return [pl.when(differs).then(start).alias("start"), pl.when(differs).then(length).alias("length")]
