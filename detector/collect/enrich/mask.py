"""The safety net: take personal data out of texts, wherever it stands, and leave attacks readable.

It knows numbers of seven digits and more (with a NIR's letters and separators), UUIDs and e-mail addresses.
What is personal by the name of its parameter is for `personal`.
"""

from typing import Final

import polars as pl

from detector.collect.enrich.where import replaced_where, where

MASKED: Final = "{masked}"
SUBJECT: Final = "{subject}"
SIGNS: Final = r"\{(masked|subject)\}"
GUARD: Final = "\ue000"
"""A private-use character that marks what must stay; taken out of the input first, so nobody can write it."""

_GROUPS: Final = r"[0-9]{1,4}(?:[ ._+-][0-9]{1,4}){4,}"
_NUMBER: Final = r"[0-9](?:[ ._+-]?[0-9ABab]){5,}[ ._+-]?[0-9]"
_UUID: Final = r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_EMAIL: Final = r"[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+"
_QUAD: Final = r"\b([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\b"
_SIGN_OF: Final = {
    _GROUPS: MASKED,
    _QUAD: f"$1{GUARD}.$2{GUARD}.$3{GUARD}.$4",
    _EMAIL: MASKED,
    _UUID: MASKED,
    _NUMBER: MASKED,
}
_NEEDED: Final = r"[0-9](?:[ ._+-]?[0-9ABab]){4}|@|[0-9a-fA-F]{4}-"
"""Whatever one of the masks may find: a cheap first look."""

_NIR: Final = (
    r"[1-478][ ._-]?[0-9]{2}[ ._-]?[0-9]{2}[ ._-]?[0-9][0-9ABab][ ._-]?[0-9]{3}[ ._-]?[0-9]{3}(?:[ ._-]?[0-9]{2})?"
)
_PATH_SESSION: Final = r"(?i);[a-z_-]*(?:session|sid)[a-z_-]*=[^/;?&]*"


def without_guard(texts: pl.Series) -> pl.Series:
    """Take the guard character out of texts that come from outside. Shapes: n String -> n String."""
    return replaced_where(texts, GUARD, "")


def masked_text(texts: pl.Series) -> pl.Series:
    """Mask numbers, UUIDs and e-mail addresses; dotted IPv4 addresses stay. Shapes: n String -> n String."""
    return where(texts, _NEEDED, _masked)


def _masked(texts: pl.Series) -> pl.Series:
    for pattern, sign in _SIGN_OF.items():
        texts = replaced_where(texts, pattern, sign)
    return without_guard(texts)


def masked_path(paths: pl.Series) -> pl.Series:
    """Mask a path: `masked_text`, and the session id that servers append to it. Shapes: n String -> n String."""
    return masked_text(replaced_where(paths, _PATH_SESSION, f";session={MASKED}"))


def masked_agent(agents: pl.Series) -> pl.Series:
    """Mask an agent string, whose versions are long numbers with dots: plain runs, NIRs and e-mail addresses only.

    Shapes: n String -> n String.
    """
    guarded = without_guard(agents).str.replace_all(r"(Gecko/[0-9]{4})([0-9]{4})\b", f"${{1}}{GUARD}${{2}}")
    masked = guarded.str.replace_all(_EMAIL, MASKED).str.replace_all(r"[0-9]{7,}", MASKED)
    return without_guard(masked.str.replace_all(_NIR, MASKED))
