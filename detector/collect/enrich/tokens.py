"""Turn identifiers and session ids into keyed tokens, the same person under the same token."""

from typing import Final

import polars as pl
import polars_hash as plh

from detector.collect.enrich.secret import Secret

DIGITS: Final = 32
"""Hexadecimal digits kept: 128 bits, no two alike by chance among any number of people."""

SAMPLE: Final = 8192

PLAIN: Final = r"^[0-9]{1,14}$"
NUMBER: Final = r"^[0-9]{7,}$|^[0-9]{6}[AB][0-9]{6,8}$"
NUMBERED: Final = r"[0-9]{4}$"
UUID: Final = r"^[0-9A-F]{32}$"
NIR_WITH_KEY: Final = r"^[1-478][0-9]{5}[0-9AB][0-9]{8}$"
"""A French social security number with its two-digit key. Source: INSEE; 2A and 2B are Corsica."""


class Tokens:
    """HMAC-SHA-256 under one key, in a column. Subjects, blocks of them and sessions never share a token."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def subjects(self, identifiers: pl.Series) -> pl.Series:
        """Return the token of each insured person's identifier, whatever its spelling.

        Shapes: n String -> n String of 32 hexadecimal digits; null stays null.
        """
        return self._keyed(spelled_alike(identifiers), "subject:")

    def blocks(self, identifiers: pl.Series) -> pl.Series:
        """Return the token of the hundred that each number lies in: those that differ in the last two digits share it.

        Shapes: n String -> n String of 32 hexadecimal digits; null where an identifier does not end in four digits.
        """
        alike = spelled_alike(identifiers)
        numbered = alike.str.contains(NUMBERED).fill_null(False)
        return self._keyed(pl.select(pl.when(numbered).then(alike.str.head(-2))).to_series(), "block:")

    def sessions(self, sessions: pl.Series) -> pl.Series:
        """Return the token of each session id: a live one is a credential.

        Shapes: n String -> n String of 32 hexadecimal digits; null stays null.
        """
        return self._keyed(sessions, "session:")

    def areas(self, areas: pl.Series) -> pl.Series:
        """Return the token of each area. Shapes: n String -> n String of 32 hexadecimal digits; null stays null."""
        return self._keyed(areas, "area:")

    def _keyed(self, values: pl.Series, purpose: str) -> pl.Series:
        if values.null_count() == len(values):
            return pl.Series(values.name, [None], dtype=pl.String).new_from_index(0, len(values))
        frame = values.to_frame("value")
        sample = values.head(SAMPLE)
        if sample.n_unique() * 2 > len(sample):  # mostly different: looking them up would cost more than it saves
            return frame.select(self._hmac(purpose))["token"]
        table = frame.unique().with_columns(self._hmac(purpose))
        return frame.join(table, on="value", how="left", nulls_equal=True, maintain_order="left")["token"]

    def _hmac(self, purpose: str) -> pl.Expr:
        message = plh.concat_str(pl.lit(purpose), pl.col("value"))
        return message.chash.hmac_sha256(key=self._secret.text).str.head(DIGITS).alias("token")


def spelled_alike(identifiers: pl.Series) -> pl.Series:
    """Give every spelling of one identifier the same text, where that is certain.

    Separators go from numbers and UUIDs, the key from a NIR whose key is right; letters of one case become
    upper case. An identifier in mixed case may be base64 and stays as it is.
    Shapes: n String -> n String.
    """
    if identifiers.str.contains(PLAIN).all():  # null counts as true: nothing to spell
        return identifiers
    text = pl.col("text")
    bare = text.str.replace_all(r"[\s._+-]", "").str.to_uppercase()
    spaceless = text.str.replace_all(r"\s", "")
    one_case = (spaceless == spaceless.str.to_uppercase()) | (spaceless == spaceless.str.to_lowercase())
    return (
        identifiers.to_frame("text")
        .with_columns(bare.alias("bare"))
        .select(
            pl.when(_right_key())
            .then(pl.col("bare").str.head(13))
            .when(pl.col("bare").str.contains(NUMBER) | pl.col("bare").str.contains(UUID))
            .then("bare")
            .when(one_case)
            .then(spaceless.str.to_uppercase())
            .otherwise(spaceless)
            .alias("text")
        )["text"]
    )


def _right_key() -> pl.Expr:
    bare = pl.col("bare")
    digits = bare.str.replace("2A", "19", literal=True).str.replace("2B", "18", literal=True)
    number = digits.str.head(13).cast(pl.Int64, strict=False)
    key = digits.str.slice(13).cast(pl.Int64, strict=False)
    return bare.str.contains(NIR_WITH_KEY) & (97 - number % 97 == key)
