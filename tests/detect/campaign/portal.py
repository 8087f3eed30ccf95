"""Make EVENT frames of a small portal whose accounts have patients and places of their own, and what befalls it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from detector import schema

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 14
ACCOUNTS = 40
LAST = DAYS - 1
USUAL = {"network": None, "client": "Chrome/Windows", "version": "146", "source": None}


def looks(rng, account, day, count, *, persons="own", hours=(8, 18), **where):
    """Return look-ups of one account and day: of its `own` patients, or of `anybody`."""
    place = USUAL | where
    seconds = np.sort(rng.integers(hours[0] * 3600, hours[1] * 3600, count)) + day * 86400
    return [
        {
            "@timestamp": START + timedelta(seconds=int(second), microseconds=account),
            "user.name": f"u{account:03d}",
            "source.ip": place["source"] or f"192.0.2.{account}",
            "portal.source": place["source"] or f"192.0.2.{account}",
            "portal.action": "record_view",
            "event.outcome": "success",
            "portal.subject": f"{account:04d}-{who}" if persons == "own" else f"list-{who}",
            "portal.subject_area": f"{(account if persons == 'own' else who) % 20}",
            "source.geo.country_iso_code": "FR",
            "portal.network": place["network"] or f"AS{64496 + account % 5}",
            "portal.client": place["client"],
            "user_agent.version": place["version"],
            "portal.profession": "nurse" if account % 2 else "optician",
        }
        for second, who in zip(seconds, rng.integers(0, 40 if persons == "own" else 10**9, count), strict=True)
    ]


def misses(rng, account, day, block, **where):
    """Return one look-up in vain of a number in the hundred `block`."""
    (row,) = looks(rng, account, day, 1, **where)
    return [row | {"event.outcome": "failure", "portal.subject": None, "portal.subject_block": block}]


def ordinary(day, *, but=()):
    """Return a day of everybody's work but that of `but`, some of it from places that are new to somebody.

    Every day four accounts are on the road, two have a new client, and two mistype a number.
    """
    rng, rows = np.random.default_rng(day), []
    for account in set(range(ACCOUNTS)) - set(but):
        where = {"source": f"203.0.113.{(7 * account + day) % 250}"} if account % 10 == day % 10 else {}
        where |= {"version": f"{147 + day}"} if account % 20 == day % 20 else {}
        rows += looks(rng, account, day, int(rng.poisson(10)) + 1, **where)
    for account in (day % ACCOUNTS, (day + 7) % ACCOUNTS):
        rows += misses(rng, account, day, f"block-{day}-{account}")
    return rows


def events(rows):
    """Return rows as EVENT with LATE, in event time."""
    frame = schema.conform(pl.DataFrame(rows, infer_schema_length=None), schema.EVENT)
    stamp = pl.col("@timestamp")
    return frame.with_columns(
        pl.lit(False).alias(schema.LATE),
        stamp.dt.date().alias("portal.local_date"),
        ((stamp.dt.weekday() - 1).cast(pl.Int16) * 24 + stamp.dt.hour()).alias("portal.hour_of_week"),
    ).sort("@timestamp", maintain_order=True)
