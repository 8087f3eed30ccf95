"""Make the EVENT frames of a large portal, part by part, as the collector would hand them on: no text is parsed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from detector import schema

FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday; the bench's portals are open every day
OPEN_S, SHIFT_S = 7 * 3600, 9 * 3600
PART_EVENTS = 100_000
EVENTS_PER_ACCOUNT_DAY = 24
AREAS = 95
PROFESSIONS = ("nurse", "pharmacist", "physician", "optician", "dentist", "midwife")
CLIENTS = ("Chrome/Windows", "Firefox/Windows", "Safari/macOS", "Edge/Windows")


def days(accounts: int, count: int, *, seed: int = 1) -> Iterator[pl.DataFrame]:
    """Yield EVENT (with LATE) in event time. Every account works nine hours a day, from 7 to 9 h on.

    A fifth are mobile: another subnet every two hours or so. Seven look-ups of ten are of an account's own forty
    persons, most others are from its own area.
    """
    rng = np.random.default_rng(seed)
    parts = max(1, accounts * EVENTS_PER_ACCOUNT_DAY // PART_EVENTS)
    for day in range(count):
        for part in range(parts):
            yield _part(rng, accounts, accounts * EVENTS_PER_ACCOUNT_DAY // parts, day, part, parts)


def _part(rng: np.random.Generator, accounts: int, count: int, day: int, part: int, parts: int) -> pl.DataFrame:
    span = (SHIFT_S + 7200) / parts
    seconds = OPEN_S + (part + np.sort(rng.random(count))) * span
    account = rng.integers(0, accounts, count)
    begins = OPEN_S + account % 120 * 60
    seconds_at_work = seconds - begins
    account = np.where((seconds_at_work < 0) | (seconds_at_work > SHIFT_S), _awake(account, seconds), account)
    kind = rng.random(count)
    own = rng.random(count) < 0.7
    person = np.where(own, account * 40 + rng.integers(0, 40, count), rng.integers(10**9, 2 * 10**9, count))
    area = np.where(own | (rng.random(count) < 0.7), account % AREAS, person % AREAS)
    slot = np.where(account % 5 == 0, (day * 86400 + seconds.astype(np.int64)) // 7200 % 40, 0)
    numbers = pl.DataFrame({"account": account, "person": person, "area": area, "slot": slot, "kind": kind})
    stamps = pl.Series((seconds * 1e6).astype(np.int64)).cast(pl.Duration("us")) + FIRST_DAY + timedelta(days=day)
    return _events(numbers.with_columns(stamps.cast(schema.TIME).alias("@timestamp")))


def _awake(account: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Give what falls out of an account's hours to a neighbour at work."""
    late = seconds > OPEN_S + SHIFT_S
    return account - account % 120 + np.where(late, 119, 0)


def _events(numbers: pl.DataFrame) -> pl.DataFrame:
    account, slot = pl.col("account"), pl.col("slot")
    subnet = account * 7 + slot * 977
    source = pl.format("203.{}.{}.{}", subnet // 251 % 251, subnet % 251, account % 250 + 1)
    time = pl.col("@timestamp")
    picked = {
        "user.name": pl.format("ph{}", account + 100_000),
        "source.ip": source,
        "portal.source": source,
        "portal.network": pl.format("AS{}", account % 12 + 64496),
        "portal.client": pl.lit(pl.Series(CLIENTS)).gather(account % len(CLIENTS)),
        "user_agent.version": pl.lit("140"),
        "source.geo.country_iso_code": pl.lit("FR"),
        "portal.profession": pl.lit(pl.Series(PROFESSIONS)).gather(account % len(PROFESSIONS)),
        "portal.subject": pl.col("person").cast(pl.String).str.zfill(32),
        "portal.subject_area": pl.col("area").cast(pl.String).str.zfill(32),
        "portal.session": pl.format("s{}-{}", account, time.dt.ordinal_day()),
        "portal.action": pl.when(pl.col("kind") < 0.6)
        .then(pl.lit("record_view"))
        .when(pl.col("kind") < 0.9)
        .then(pl.lit("claim"))
        .otherwise(pl.lit("search")),
        "event.outcome": pl.when(pl.col("kind") < 0.98).then(pl.lit("success")).otherwise(pl.lit("failure")),
        "http.response.body.bytes": pl.lit(20_000, pl.Int64),
        "portal.hour_of_week": (time.dt.weekday() - 1) * 24 + time.dt.hour(),
        "portal.local_date": time.dt.date(),
    }
    frame = numbers.select(time, *(value.alias(name) for name, value in picked.items()))
    return schema.conform(frame, schema.EVENT).with_columns(pl.lit(False).alias(schema.LATE))
