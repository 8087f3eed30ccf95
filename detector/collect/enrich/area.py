"""Say from which area an insured person is, as a keyed token: a practice serves its own, a list of victims all."""

import polars as pl

from detector.collect.enrich.tokens import Tokens, spelled_alike


class Areas:
    """Reads the area out of identifiers that carry one, such as the department of birth in a French number.

    `pattern` has one group around the area; None: identifiers say nothing of it.
    """

    def __init__(self, pattern: str | None, tokens: Tokens) -> None:
        self._pattern = pattern
        self._tokens = tokens

    def describe(self, identifiers: pl.Series) -> pl.Series:
        """Return the token of each identifier's area; null where it says none.

        Shapes: n String (raw) -> n String, `portal.subject_area`.
        """
        name = "portal.subject_area"
        if self._pattern is None or identifiers.null_count() == len(identifiers):
            return pl.repeat(None, len(identifiers), dtype=pl.String, eager=True).alias(name)
        return self._tokens.areas(spelled_alike(identifiers).str.extract(self._pattern, 1)).alias(name)
