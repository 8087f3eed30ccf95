"""Join units that are one hand: one person, or program, at work from one place with one client."""

from typing import Final

import polars as pl

from detector.inquire.scope.units import ACCOUNT

_PLACE: Final = (ACCOUNT, "portal.source", "portal.client")
_KNOWN_DAYS: Final = 3
_KNOWN_SHARE: Final = 0.4
"""Assumption: where nobody sends claims, a place and client in use on so many of an account's days are its owner's."""

ODD: Final = ("hosting", "vpn", "tor", "relay")
PROGRAMS: Final = ("script", "headless", "bot")


def hands(units: pl.DataFrame) -> pl.DataFrame:
    """Give every unit the `hand` it is part of, and say whether that is `sure` to be the owner's.

    Units of one address and client are one hand, and those of one session and client, unless the session is one of a
    place that is surely the owner's: then it may be stolen. Sure is a place from which claims were sent; for an
    account that sends none, one in use on many of its days, if it is an ordinary one.

    Shapes: UNITS -> the same rows with {sure, hand}.
    """
    marked = units.with_row_index("hand").with_columns(pl.col("hand").cast(pl.Int64))
    claimed = (pl.col("claims").sum().over(*_PLACE) > 0) & ~pl.col("suspect").any().over(*_PLACE)
    marked = marked.with_columns(claimed.alias("sure"))
    marked = marked.with_columns(pl.col("sure") | (~pl.col("sure").any().over(ACCOUNT) & _usual()))
    stays = pl.col("portal.session").is_not_null() & ~pl.col("sure").any().over(ACCOUNT, "portal.session")
    session = pl.when(stays).then(pl.col("portal.session")).otherwise(pl.format("\0{}", "hand"))
    marked = marked.with_columns(session.alias("bond"))
    while True:  # as often as the longest chain of sessions and addresses is long
        least = pl.col("hand").min()
        joined = marked.with_columns(least.over(*_PLACE)).with_columns(least.over(ACCOUNT, "bond", "portal.client"))
        if joined["hand"].equals(marked["hand"]):
            return joined.drop("bond")
        marked = joined


def _usual() -> pl.Expr:
    pair = (ACCOUNT, "portal.network", "portal.client")
    days = pl.col("portal.local_date").n_unique().over(*pair)
    plain = ~pl.col("portal.network_kind").is_in(ODD).fill_null(value=False) & ~pl.col("portal.client_kind").is_in(
        PROGRAMS
    ).fill_null(value=False)
    share = days / pl.col("portal.local_date").n_unique().over(ACCOUNT)
    return plain & (days >= _KNOWN_DAYS) & (share >= _KNOWN_SHARE) & ~pl.col("suspect").any().over(*pair)
