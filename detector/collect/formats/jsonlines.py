r"""Read JSON lines by columns, and outlive the lines that are none.

Polars decodes all rows at once: a single bad row refuses them all. Where it does, those that are no JSON are mended or
set aside. What is read of a row is the same whatever stands beside it, and as fast: a client has a hand in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

import polars as pl

from detector.collect.formats import flat, shape
from detector.collect.formats.times import TimeSetting

_BRACKETS: Final = 100
"""A line of more may be nested deeper than the expression that tells JSON can go: this one is asked then, always."""
_NOTHING: Final = "{}"
_TRIED: Final = 8
"""Lines that a layout is sought in."""
_SURROGATE: Final = r"\\u[dD][89a-fA-F]"
"""Half a pair of UTF-16 may stand alone in nobody's log; Polars' decoder makes a NUL of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLines:
    """A shape of JSON objects, one a line.

    `fields` makes FIELDS columns (as text) from the object's; `seen` says which objects are of this shape;
    `skipped` is the reason given to objects that are not, where no other shape could know them. `flat` takes only
    lines that have the layout of the first, and takes them fast; the others are for a second shape that is not `flat`.
    """

    name: str
    dtype: pl.Struct
    seen: pl.Expr
    time: pl.Expr
    fields: Mapping[str, pl.Expr]
    kinds: tuple[str, ...]
    request: pl.Expr | None = None
    skipped: str = shape.UNKNOWN
    flat: bool = False
    refuse: Mapping[str, pl.Expr] = field(default_factory=dict)

    def read(self, lines: pl.DataFrame, setting: TimeSetting) -> pl.DataFrame:
        """See `Shape`."""
        objects, is_object = (_of_one_layout if self.flat else decode)(lines["line"], self.dtype)
        texts = objects.select(
            self.seen.fill_null(value=False).alias("wanted"),
            self.time.alias("time"),
            *([self.request.alias("request")] if self.request is not None else []),
            *(expression.alias(name) for name, expression in self.fields.items()),
            *(condition.alias(f"refuse {reason}") for reason, condition in self.refuse.items()),
        ).with_columns(is_object.alias("object"))
        if self.request is not None:
            texts = _with_request(texts)
        if self.skipped == shape.UNKNOWN:
            texts = texts.with_columns((pl.col("object") & pl.col("wanted")).alias("seen"))
        else:
            texts = texts.with_columns(
                pl.col("object").alias("seen"), (~pl.col("wanted")).alias(f"refuse {self.skipped}")
            )
        return shape.finish(texts, self.kinds, setting)


def _with_request(texts: pl.DataFrame) -> pl.DataFrame:
    names = ("http.request.method", "url.original", "http.version")
    cut = shape.with_request(texts.select("request"))
    return texts.with_columns(
        pl.coalesce(texts[name], cut[name]).alias(name) if name in texts.columns else cut[name] for name in names
    )


def both(slow: JsonLines) -> tuple[JsonLines, JsonLines]:
    """Return the shape for lines of one layout, then the one for all others."""
    return replace(slow, flat=True), slow


def _of_one_layout(lines: pl.Series, dtype: pl.Struct) -> tuple[pl.DataFrame, pl.Series]:
    """Read the lines that have the layout of the first that has one. Shapes: as `decode`."""
    layouts = (flat.learn(line, dtype) for line in lines.head(_TRIED))
    layout = next((one for one in layouts if one is not None), None)
    if layout is None or (held := layout.holds(lines)).sum() * 2 < len(lines):
        nothing = [pl.lit(None, one.dtype).alias(one.name) for one in dtype.fields]
        frame = lines.to_frame().with_columns(pl.lit(value=False).alias("held")).with_columns(nothing)
        return frame.select(one.name for one in dtype.fields), frame["held"]
    return layout.read(lines, dtype), held


def decode(lines: pl.Series, dtype: pl.Struct) -> tuple[pl.DataFrame, pl.Series]:
    """Decode one object a line.

    Shapes: String -> a frame with a column for every field of `dtype`, and Boolean: this line is an object; same rows.
    """
    texts = lines.str.strip_chars()
    wanted = texts.str.starts_with("{") & texts.str.ends_with("}")
    texts = texts if wanted.all() else texts.filter(wanted)
    halves = texts.str.contains(_SURROGATE)
    if halves.any():
        texts = mend(texts).zip_with(halves, texts) if not halves.all() else mend(texts)
    deep = (texts.str.count_matches(r"[\[{]") > _BRACKETS).any()
    objects, good = None if deep else _whole(texts, dtype), None
    if objects is None:
        objects, good = _piecewise(texts, dtype)
    if objects.height != len(lines):
        places = _places(wanted)
        objects = objects.select(pl.all().gather(places))
        wanted = wanted if good is None else good.gather(places).fill_null(value=False)
    elif good is not None:
        wanted = good
    return objects, wanted


def _places(wanted: pl.Series) -> pl.Series:
    """Say for every row which of the wanted rows it is; null for the others."""
    return (
        pl.DataFrame({"wanted": wanted})
        .select(pl.when("wanted").then(pl.col("wanted").cast(pl.Int64).cum_sum() - 1))
        .to_series()
    )


def _whole(texts: pl.Series, dtype: pl.Struct) -> pl.DataFrame | None:
    """Decode all rows at once; None if any of them is bad. A field of another type is its text, or null.

    No row takes in its neighbour: each begins and ends with a brace, and `}` before `{` is in no object.
    """
    if texts.is_empty():
        return pl.DataFrame(schema=dtype.to_schema())
    rows = texts.str.join("\n").item().encode()
    try:
        objects = pl.read_ndjson(rows, schema=dtype.to_schema(), ignore_errors=True)
    except pl.exceptions.PolarsError:
        return None
    return objects if objects.height == len(texts) else None


def _piecewise(texts: pl.Series, dtype: pl.Struct) -> tuple[pl.DataFrame, pl.Series]:
    """Decode rows of which some are bad: mend those that can be, set aside those that cannot."""
    good = _is_json(texts)
    texts = texts.zip_with(good, mend(texts))
    good = good | _is_json(texts)
    usable = texts.zip_with(good, pl.Series([_NOTHING]).new_from_index(0, len(texts)))
    nothing = _whole(pl.Series([_NOTHING]), dtype)
    pieces: list[pl.DataFrame] = []
    bad: list[int] = []
    todo = [(0, len(usable))]
    while todo:
        start, length = todo.pop()
        decoded = _whole(usable.slice(start, length), dtype)
        if decoded is None and length > 1:
            half = length // 2
            todo += [(start + half, length - half), (start, half)]
            continue
        bad += [start] if decoded is None else []
        pieces += [one for one in (decoded, nothing) if one is not None][:1]
    return pl.concat(pieces), good.scatter(bad, values=False)


def _is_json(texts: pl.Series) -> pl.Series:
    return texts.str.json_path_match("$").is_not_null()


@cache
def _mendings() -> tuple[list[str], list[str]]:
    pairs = {"\\\\": "\\\\", "\\x22": '\\"', "\\x5C": "\\\\", "\\x5c": "\\\\"}
    for spell in ("{:02X}", "{:02x}"):
        for code in range(0x20):
            pairs.setdefault("\\x" + spell.format(code), f"\\u{code:04x}")
        for code in range(0x20, 0x80):
            pairs.setdefault("\\x" + spell.format(code), chr(code))
        for code in range(0x80, 0x800):
            pairs["".join("\\x" + spell.format(byte) for byte in chr(code).encode())] = chr(code)
    return list(pairs), list(pairs.values())


def mend(texts: pl.Series) -> pl.Series:
    r"""Make JSON of what servers write that is nearly JSON.

    nginx's `escape=default` in a JSON template writes `\x22`; others write control characters as they are, or half of a
    pair of UTF-16. What has no meaning becomes U+FFFD.
    """
    written, meant = _mendings()
    text = pl.col("text").str.replace_many(written, meant)
    text = text.str.replace_all(r"[\x00-\x1f]", "\ufffd")
    text = text.str.replace_all(r"(\\[^ux])|\\x[0-9A-Fa-f]{2}", "$1")
    pair = r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
    text = text.str.replace_all(rf"(\\[^u]|{pair})|\\u[dD][89a-fA-F][0-9A-Fa-f]{{2}}", "$1")
    return texts.to_frame("text").select(text).to_series()
