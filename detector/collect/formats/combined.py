r"""Read the common and combined formats of Apache and nginx, with a virtual host before and fields behind.

A line is split on its quotes, by columns. Escaped quotes (`\"` in Apache; nginx writes `\x22`) are put aside first, so
that no user name, URL or client can end its own field and forge the next; a quote that is not escaped spoils the count
and the line is refused.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from detector.collect.formats import escapes, shape
from detector.collect.formats.addresses import IPV4
from detector.collect.formats.shape import finish
from detector.collect.formats.times import TimeSetting
from detector.collect.formats.trailing import NOTHING, Trailing, learn

_STAMP: Final = 30
"""Characters of ` [02/Mar/2026:09:15:00 +0000] `, the end of what stands before the first quote."""

_ADDRESS: Final = rf"{IPV4[1:-1]}|[0-9A-Fa-f]{{0,4}}:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%\w+)?"
_NUMBERS: Final = r"^ (?:\d{3}|-) (?:\d+|-) ?$"
_HEAD: Final = (
    rf"^(?:(?P<list>(?:{_ADDRESS})(?:, ?(?:{_ADDRESS}))+)|(?P<domain>[^\s:]+|\[\S*\])(?::\d+)? (?P<address>{_ADDRESS})"
    r"|(?P<other>\S+)) \S+(?: (?P<user>.*))?$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """Lines of the common or combined format.

    `client`: True takes only lines with referrer and client, False only those without, None both. `host`: a virtual
    host stands before the address. `clean` takes only lines without an escape, a strange address or a strange
    request, and takes them fast; the others are for a second shape that is not `clean`.
    """

    name: str = "combined"
    client: bool | None = None
    host: bool = False
    clean: bool = True
    trailing: Trailing = NOTHING

    def read(self, lines: pl.DataFrame, setting: TimeSetting) -> pl.DataFrame:
        """See `Shape`."""
        line = pl.col("line")
        if not self.clean:
            lines = lines.select(escapes.aside(line))
        parts = lines.select(line.str.split('"').alias("parts"), line.str.contains("\\", literal=True).alias("escape"))
        piece = pl.col("parts").list
        cut = parts.select(
            "escape",
            piece.len().alias("count"),
            *(piece.get(at, null_on_oob=True).alias(f"p{at}") for at in range(6)),
        )
        texts = self._clean(cut) if self.clean else self._odd(cut)
        if self.trailing.roles:
            texts = texts.with_columns(**self.trailing.read(_tails(parts)))
        return finish(texts if self.clean else shape.without_escapes(texts), ("clf",), setting)

    def _clean(self, cut: pl.DataFrame) -> pl.DataFrame:
        cut = cut.with_columns(
            pl.col("p0").str.head(-_STAMP).str.splitn(" ", 4 if self.host else 3).alias("who"),
            pl.col("p1").str.splitn(" ", 4).alias("what"),
        )
        who = [pl.col("who").struct.field(f"field_{at}") for at in range(4 if self.host else 3)]
        what = [pl.col("what").struct.field(f"field_{at}") for at in range(4)]
        known = who[-3].str.contains(f"^(?:{_ADDRESS})$") & what[2].str.starts_with("HTTP/") & what[3].is_null()
        if self.host:
            known &= ~who[0].str.contains(",", literal=True)
        return cut.select(
            (~pl.col("escape") & self._shaped() & known).fill_null(value=False).alias("seen"),
            who[-3].alias("source.ip"),
            who[-1].alias("user.name"),
            *([who[0].str.replace(r":\d+$", "").alias("url.domain")] if self.host else []),
            what[0].alias("http.request.method"),
            what[1].alias("url.original"),
            what[2].str.slice(5).alias("http.version"),
            *_plain(),
        )

    def _odd(self, cut: pl.DataFrame) -> pl.DataFrame:
        texts = cut.select(
            self._shaped().fill_null(value=False).alias("seen"),
            pl.col("p1").alias("request"),
            pl.col("p0").str.head(-_STAMP).alias("head"),
            *_plain(),
        )
        texts = _with_head(texts)
        return shape.with_request(texts.with_columns(pl.col("seen") & pl.col("source.ip").is_not_null()))

    def _shaped(self) -> pl.Expr:
        """Say whether quotes, stamp and numbers stand where they should."""
        count, head = pl.col("count"), pl.col("p0")
        whole = (count >= 7) & (count % 2 == 1)
        # An odd line may end inside the client's description: everything before it is still certain.
        full = (whole if self.clean else whole | (count == 6)) & (pl.col("p4") == " ")
        counted = {True: full, False: count == 3, None: full | (count == 3)}[self.client]
        stamped = head.str.ends_with("] ") & (head.str.slice(-_STAMP, 2) == " [")
        return counted & stamped & pl.col("p2").str.contains(_NUMBERS)


def _with_head(texts: pl.DataFrame) -> pl.DataFrame:
    """Cut what stands before the stamp into host, address and user.

    Nearly all are three words, or the third is the user's name with its spaces; the expression is for the others.
    """
    words = texts.select(pl.col("head").str.splitn(" ", 3).alias("words")).select(pl.col("words").struct.unnest())
    first, second, third = (words[f"field_{at}"] for at in range(3))
    plain = second.is_not_null() & ~second.str.contains(f"^(?:{_ADDRESS})$") & ~first.str.ends_with(",")
    texts = texts.with_columns(
        first.alias("source.ip"),
        third.alias("user.name"),
        pl.lit(None, pl.String).alias("url.domain"),
        pl.lit(None, pl.String).alias("portal.forwarded_for"),
    )
    if plain.all():
        return texts
    odd = pl.when(~plain).then(pl.col("head")).str.extract_groups(_HEAD).struct
    last = odd.field("list").str.extract(r"([^ ,]+)$")
    meant = {
        "source.ip": pl.coalesce(odd.field("address"), odd.field("other"), last),
        "user.name": odd.field("user"),
        "url.domain": odd.field("domain"),
        "portal.forwarded_for": odd.field("list"),
    }
    return texts.with_columns(pl.when(plain).then(name).otherwise(one).alias(name) for name, one in meant.items())


def _plain() -> list[pl.Expr]:
    numbers = pl.col("p2").str
    return [
        pl.col("p0").str.slice(2 - _STAMP, 26).alias("time"),
        numbers.slice(1, 3).alias("http.response.status_code"),
        numbers.slice(5).str.strip_chars_end(" ").alias("http.response.body.bytes"),
        pl.col("p3").alias("http.request.referrer"),
        pl.col("p5").alias("user_agent.original"),
    ]


def _tails(parts: pl.DataFrame) -> pl.Series:
    piece = pl.col("parts").list
    if parts.select((piece.len() <= 7).all()).item():
        return parts.select(piece.get(6, null_on_oob=True).alias("tail")).to_series()
    return parts.select(piece.slice(6).list.join('"').alias("tail")).to_series()


def learn_trailing(lines: pl.DataFrame) -> Trailing:
    """Learn from the first lines what stands behind the combined format."""
    parts = lines.select(escapes.aside(pl.col("line")).str.split('"').alias("parts"))
    tails = parts.select(_tails(parts), pl.col("parts").list.get(0).str.head(-_STAMP).alias("who"))
    tails = tails.filter(pl.col("tail").str.contains(r"\S"))
    return learn(tails["tail"], tails["who"])


def shapes(
    name: str, *, client: bool | None = None, host: bool = False, trailing: Trailing | None = None
) -> tuple[Combined, Combined]:
    """Return the two shapes of a format of this family: the fast one, then the one that knows escapes."""
    trailing = trailing or NOTHING
    clean = Combined(name=name, client=client, host=host, trailing=trailing)
    return clean, Combined(name=name, client=client, clean=False, trailing=trailing)
