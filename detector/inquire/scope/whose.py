"""Tell the attacker's requests from the professional's own in one account, and say so where nothing tells.

Whatever speaks is added up for each hand (`hands`), in units of one unlikely thing (about a factor of e). The owner's
habits are those of the hands that are surely the owner's: which networks and clients, which countries, how many claims
a record. `ATTACKER` and more is the attacker's, `OWNER` and less the owner's; between them nobody can say.

An account in which no hand is the attacker's stays undecided as a whole: somebody at the owner's place and device, the
owner too, leaves the same lines. The weights were chosen on simulated portals (seeds 800 to 803), and tried on others.
"""

from typing import Final

import polars as pl

from detector.inquire.scope.hands import ODD, PROGRAMS, hands
from detector.inquire.scope.units import ACCOUNT

ATTACKER: Final = 3.0
OWNER: Final = 0.0
_SURE: Final = 100.0

_HABITS: Final[dict[str, tuple[str, ...]]] = {
    "pair": ("portal.network", "portal.client"),
    "network": ("portal.network",),
    "client": ("portal.client",),
    "country": ("source.geo.country_iso_code",),
    "kind": ("portal.network_kind",),
    "sort": ("portal.client_kind",),
}
_USUAL_PAIR, _BOTH_KNOWN, _NEW_CLIENT, _NEW_NETWORK, _NEW_BOTH = -1.5, 0.0, 0.5, 0.7, 2.0
_ODD: Final = 3.0
_NO_CLAIM: Final = 0.5
"""Weight of log-odds that a hand of the owner would have sent no claim: days differ, and some are for reading only."""

_MOST_NO_CLAIM: Final = 12.0
_WITH_ATTACKER: Final = 3.0
_OFF_HOURS: Final = 2.0
_MOSTLY: Final = 0.8
_HAND: Final = (ACCOUNT, "hand")

_REASONS: Final = {
    "suspect": "from an address known to be the attacker's",
    "sure": "claims were sent from this place and client, or it is the account's usual one",
    "kind_odd": "from a data centre, a VPN, a relay or Tor, which the account does not use otherwise",
    "sort_odd": "by a program, not a browser the account uses",
    "abroad": "from a country the account does not work from",
    "new_both": "neither network nor client is one the account works with",
    "new_network": "the network is none the account works from",
    "new_client": "the client is none the account works with",
    "no_claim": "so many records, and no claim among them, is not how the account works",
    "off_hours": "at hours in which the account is not used otherwise",
    "shared": "the address was used on another account by its attacker too",
    "usual_pair": "network and client are ones the account works with",
}


def judged(units: pl.DataFrame, home: str | None, zone: str) -> pl.DataFrame:
    """Say of every unit whose it is, and why. `home` is the country people work in, `zone` tells their hours.

    Shapes: UNITS -> the same rows with {hand, sure, whose, reasons: list of texts}.
    """
    marked = _speaking(_timed(hands(units), zone), home)
    scored = _scored(marked)
    scored = _together(scored, marked)
    none = ~((pl.col("whose") == "attacker") & (pl.col("records") > 0)).any().over(ACCOUNT)
    scored = scored.with_columns(
        pl.when(none).then(pl.lit("undecided")).otherwise("whose").alias("whose"),
        pl.when(none)
        .then(pl.lit(["nothing in this account tells an attacker from its owner"]))
        .otherwise("reasons")
        .alias("reasons"),
    )
    return marked.select(*units.columns, "hand", "sure").join(
        scored.select(*_HAND, "whose", "reasons"), on=_HAND, how="left", nulls_equal=True, maintain_order="left"
    )


def _timed(units: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Mark units that begin at an hour of the day at which the owner is not at work."""
    first, last = (pl.col(name).dt.convert_time_zone(zone).dt.hour().cast(pl.Int64) for name in ("first", "last"))
    timed = units.with_columns(first.alias("hour"), last.alias("until_hour"))
    span = pl.int_ranges("hour", pl.max_horizontal("hour", "until_hour") + 1).alias("hour")
    worked = timed.filter("sure").select(ACCOUNT, span).explode("hour").unique().drop_nulls("hour")
    worked = worked.with_columns(pl.lit(value=False).alias("off_hours"))
    some = pl.col("sure").any().over(ACCOUNT)
    return timed.join(worked, on=[ACCOUNT, "hour"], how="left", nulls_equal=True, maintain_order="left").with_columns(
        pl.col("off_hours").fill_null(value=True) & some
    )


def _speaking(units: pl.DataFrame, home: str | None) -> pl.DataFrame:
    """Mark what speaks for or against the owner in each unit, by the habits of the sure ones."""
    sure = units.filter("sure")
    rate = (pl.col("claims").sum() / pl.col("records").sum().clip(1)).clip(0, 0.9).alias("rate")
    marked = units.join(
        sure.group_by(ACCOUNT).agg(rate), on=ACCOUNT, how="left", nulls_equal=True, maintain_order="left"
    )
    for name, columns in _HABITS.items():
        known = sure.select(ACCOUNT, *columns).unique().with_columns(pl.lit(value=True).alias(name))
        marked = marked.join(known, on=[ACCOUNT, *columns], how="left", nulls_equal=True, maintain_order="left")
    kind, sort = pl.col("portal.network_kind").is_in(ODD), pl.col("portal.client_kind").is_in(PROGRAMS)
    away = pl.col("source.geo.country_iso_code") != home
    silent = pl.col("portal.client").is_null() & pl.col("portal.client").is_not_null().any()  # where agents are logged
    return marked.with_columns(pl.col(*_HABITS).fill_null(value=False), pl.col("rate").fill_null(0.0)).with_columns(
        (kind.fill_null(value=False) & ~pl.col("kind")).alias("kind_odd"),
        ((sort.fill_null(value=False) | silent) & ~pl.col("sort")).alias("sort_odd"),
        (away.fill_null(value=False) & ~pl.col("country")).alias("abroad"),
        pl.col("pair").alias("usual_pair"),
        (~pl.col("pair") & ~pl.col("network") & ~pl.col("client")).alias("new_both"),
        (~pl.col("network") & pl.col("client")).alias("new_network"),
        (pl.col("network") & ~pl.col("client")).alias("new_client"),
    )


def _scored(marked: pl.DataFrame) -> pl.DataFrame:
    """Add up what speaks, hand by hand. Shapes: a row a hand with {score, whose, reasons, ...}."""
    place = (
        pl.when("usual_pair").then(_USUAL_PAIR)
        .when("new_both").then(_NEW_BOTH)
        .when("new_network").then(_NEW_NETWORK)
        .when("new_client").then(_NEW_CLIENT)
        .otherwise(_BOTH_KNOWN)
    )  # fmt: skip
    odd = _ODD * (pl.col("kind_odd").cast(pl.Int8) + pl.col("sort_odd").cast(pl.Int8) + pl.col("abroad").cast(pl.Int8))
    told = ("kind_odd", "sort_odd", "abroad", "new_both", "new_network", "new_client", "sure", "suspect")
    table = marked.group_by(*_HAND).agg(
        (place + odd).max().alias("traits"),
        *(pl.col(name).any() for name in told),
        pl.col("usual_pair").all(),
        ((pl.col("off_hours") * pl.col("requests")).sum() >= _MOSTLY * pl.col("requests").sum()).alias("off_hours"),
        pl.col("records", "claims").sum(),
        pl.col("rate").first(),
        pl.col("portal.client").unique().alias("clients"),
        pl.col("first").min(),
        pl.col("last").max(),
    )
    bills = (-(1 - pl.col("rate")).log() * pl.col("records") * _NO_CLAIM).clip(0, _MOST_NO_CLAIM)
    return table.with_columns(pl.when(pl.col("claims") == 0).then(bills).otherwise(0.0).alias("bills")).with_columns(
        pl.when("suspect")
        .then(_SURE)
        .when("sure")
        .then(-_SURE)
        .otherwise(pl.col("traits") + pl.col("bills") + _OFF_HOURS * pl.col("off_hours").cast(pl.Int8))
        .alias("score"),
        (pl.col("bills") >= 1.0).alias("no_claim"),
    )


def _together(scored: pl.DataFrame, marked: pl.DataFrame) -> pl.DataFrame:
    """Let hands that are alike speak together: small ones of one client, and one address on several accounts.

    Unsure hands of a client that is new, or at a new network, share their missing claims. An address of one account's
    attacker that is no owner's is an attacker's in the others. A small hand at a usual place stays undecided while an
    attacker with the same client is at work, and is the owner's otherwise.
    """
    strange = (pl.col("score") > OWNER) & ~pl.col("usual_pair") & ~pl.col("sure")
    client = pl.col("clients").list.sort().list.join("\x1f", ignore_nulls=True)
    pooled = pl.col("bills").filter(strange).sum().over(ACCOUNT, client).clip(0, _MOST_NO_CLAIM)
    scored = scored.with_columns(
        pl.when(strange).then(pl.col("score") - pl.col("bills") + pooled).otherwise("score").alias("score")
    )
    scored = scored.with_columns(
        pl.when("suspect").then(_SURE).when("sure").then(-_SURE).otherwise("score").alias("score")
    )
    bad = scored.filter(pl.col("score") >= ATTACKER).select(_HAND)
    places = marked.join(bad, on=_HAND, how="semi", nulls_equal=True).select(ACCOUNT, "portal.source").unique()
    owned = marked.filter("sure").select("portal.source").unique()
    places = places.join(owned, on="portal.source", how="anti").rename({ACCOUNT: "elsewhere"})
    shared = (
        marked.join(places, on="portal.source")
        .filter(pl.col(ACCOUNT).ne_missing(pl.col("elsewhere")))
        .select(_HAND)
        .unique()
        .with_columns(pl.lit(value=True).alias("shared"))
    )
    scored = scored.join(shared, on=_HAND, how="left", nulls_equal=True).with_columns(
        pl.col("shared").fill_null(value=False)
    )
    score = pl.col("score") + _WITH_ATTACKER * pl.col("shared").cast(pl.Int8)
    # a usual place accuses nobody but at hours that are not the owner's, or by very many records without a claim
    telling = pl.col("suspect") | pl.col("shared") | pl.col("off_hours") | (pl.col("bills") >= _MOST_NO_CLAIM)
    habit = pl.col("usual_pair") & ~telling
    scored = scored.with_columns(
        pl.when(habit).then(pl.min_horizontal(score, ATTACKER / 2)).otherwise(score).alias("score")
    )
    return _decided(scored)


def _decided(scored: pl.DataFrame) -> pl.DataFrame:
    attackers = scored.filter(pl.col("score") >= ATTACKER)
    active = (
        attackers.explode("clients")
        .group_by(ACCOUNT, "clients")
        .agg(
            pl.col("first").min().dt.offset_by("-1d").alias("from"), pl.col("last").max().dt.offset_by("1d").alias("to")
        )
    )
    beside = (
        scored.select(*_HAND, "clients", "first", "last")
        .explode("clients")
        .join(active, on=[ACCOUNT, "clients"], nulls_equal=True)
        .filter((pl.col("first") <= pl.col("to")) & (pl.col("last") >= pl.col("from")))
        .select(_HAND)
        .unique()
        .with_columns(pl.lit(value=True).alias("beside"))
    )
    scored = scored.join(beside, on=_HAND, how="left", nulls_equal=True).with_columns(
        pl.col("beside").fill_null(value=False)
    )
    alone = pl.col("usual_pair") & ~pl.col("beside")
    whose = (
        pl.when(pl.col("score") >= ATTACKER)
        .then(pl.lit("attacker"))
        .when((pl.col("score") <= -_SURE) | alone | ((pl.col("score") <= OWNER) & ~pl.col("beside")))
        .then(pl.lit("owner"))
        .otherwise(pl.lit("undecided"))
    )
    texts = [pl.when(name).then(pl.lit(text)) for name, text in _REASONS.items()]
    return scored.with_columns(whose.alias("whose"), pl.concat_list(texts).list.drop_nulls().alias("reasons"))
