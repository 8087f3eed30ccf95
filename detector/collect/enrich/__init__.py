"""RAW frames go in, EVENT frames come out: row by row, in order, without a raw identifier of an insured person."""

from detector.collect.enrich.enricher import Enricher

__all__ = ["Enricher"]
