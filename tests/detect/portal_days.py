"""Make EVENT frames of a small portal without any text parsing: accounts, working days, one thief."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from detector import schema

START = datetime(2026, 3, 2, tzinfo=UTC)


def events(
    days: int,
    accounts: int,
    seed: int,
    thief_records: int = 0,
    insider_records: int = 0,
    busy_records: int = 0,
    patients: bool = False,
) -> pl.DataFrame:
    """Return EVENT (with LATE) of working days in UTC; on the last day u001 is also used from elsewhere.

    With `patients` accounts look up forty persons of their own from one area; on the last day u001 also reads a
    list of strangers from everywhere (`insider_records`), or more of its own (`busy_records`).
    """
    rng = np.random.default_rng(seed)
    parts = []
    for day in range(days):
        for account in range(accounts):
            count = rng.poisson(10 + 3 * (account % 5))
            seconds = np.sort(rng.integers(8 * 3600, 18 * 3600, count)) + day * 86400
            known = _of_its_own(account, count, rng) if patients else None
            parts.append(_part(seconds, account, "FR", f"AS{100 + account % 7}", "Chrome/Windows", rng, known))
    if thief_records:
        seconds = 20 * 3600 + (days - 1) * 86400 + np.arange(thief_records) * 2
        parts.append(_part(seconds, 1, "NL", "AS9009", "Firefox/Linux", rng))
    for more, whom in ((insider_records, _anybody), (busy_records, lambda count, rng: _of_its_own(1, count, rng))):
        seconds = 9 * 3600 + (days - 1) * 86400 + np.arange(more) * 300
        if more:
            parts.append(_part(seconds, 1, "FR", "AS101", "Chrome/Windows", rng, whom(more, rng)))
    frame = schema.conform(pl.concat(parts), schema.EVENT).with_columns(pl.lit(False).alias(schema.LATE))
    return frame.sort("@timestamp", maintain_order=True)


def _of_its_own(account: int, count: int, rng) -> list[tuple[str, str]]:
    return [(f"{account:04d}{one:028x}", f"{account % 20:032x}") for one in rng.integers(0, 40, count)]


def _anybody(count: int, rng) -> list[tuple[str, str]]:
    return [(f"{one:032x}", f"{one % 20:032x}") for one in rng.integers(10**9, 10**10, count)]


def _part(seconds: np.ndarray, account: int, country: str, network: str, client: str, rng, who=None) -> pl.DataFrame:
    who = who or [(f"{one:032x}", None) for one in rng.integers(0, 10**9, len(seconds))]
    stamps = [START + timedelta(seconds=int(one)) for one in seconds]
    return pl.DataFrame(
        {
            "@timestamp": pl.Series(stamps, dtype=schema.TIME),
            "user.name": f"u{account:03d}",
            "source.ip": f"192.0.2.{account}" if country == "FR" else "198.51.100.9",
            "portal.action": "record_view",
            "event.outcome": "success",
            "portal.subject": [person for person, _ in who],
            "portal.subject_area": pl.Series([area for _, area in who], dtype=pl.String),
            "source.geo.country_iso_code": country,
            "portal.network": network,
            "portal.client": client,
            "portal.profession": "nurse" if account % 2 else "optician",
            "portal.hour_of_week": [stamp.weekday() * 24 + stamp.hour for stamp in stamps],
            "portal.local_date": [stamp.date() for stamp in stamps],
        }
    )
