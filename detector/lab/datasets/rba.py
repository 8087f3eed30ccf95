"""Convert the log-in data set for risk-based authentication: 33 million log-ins of a single sign-on in Norway.

Source: Wiefling, Jorgensen, Thunem and Lo Iacono 2022, "Pump Up Password Security!", ACM TOPS, doi:10.1145/3546069;
data set doi:10.5281/zenodo.6782156. Columns and attackers as they describe them:

- takeover: log-ins that the service's incident response found to be account takeovers (`Is Account Takeover`)
- naive: knows the password; comes from a random attack address with any client
- vpn: knows the country too; comes from an attack address there
- targeted: knows region and client too; comes from an address of the region with the victim's browser and system

There are log-ins only: no records, so nothing is exposed, and models of what is read have nothing to say.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from detector.errors import InputError
from detector.lab.datasets import folder
from detector.lab.datasets.folder import Attack

COLUMNS: Final = {
    "Login Timestamp": "at", "User ID": "user.name", "IP Address": "address", "Country": "country", "Region": "region",
    "User Agent String": "agent", "Browser Name and Version": "browser", "OS Name and Version": "system",
    "Login Successful": "success", "Is Attack IP": "attack_ip", "Is Account Takeover": "takeover",
}  # fmt: skip
ATTACKERS: Final = ("naive", "vpn", "targeted")
LEAST_LOG_INS: Final = 12
"""Assumption: log-ins that a victim of a simulated attacker has; with fewer nobody knows a habit."""
POOL: Final = 1_000_000
"""Log-ins among which simulated attackers find addresses and clients."""

CONFIGURATION: Final = """\
# Reads the log-ins beside it: detector trial labels.jsonl
input: {format: json}
portal:
  actions:
    - {action: logon, method: [POST], path: '^/login$', success: [302], failure: [401]}
calendar: {timezone: UTC, country: 'NO'}
"""


def convert(path: Path, out: Path, *, attackers: int = 100, seed: int = 1) -> Path:
    """Write `out` from the CSV file and return its labels; `attackers`: simulated ones of each of `ATTACKERS`.

    Raises: InputError for a file that is no such data set.
    """
    logins = read(path)
    taken = logins.filter("takeover").select("user.name", "at", "address", "country").collect(engine="streaming")
    attacks = [
        Attack(
            name=f"takeover-{number}", shape="takeover", account=account, start=own["at"].min(), end=own["at"].max(),  # type: ignore[arg-type]
            sources=tuple(own["address"].unique().sort()), network=own["country"][0] or "-",
        )
        for number, ((account,), own) in enumerate(taken.group_by("user.name", maintain_order=True))
    ]  # fmt: skip
    more, invented = _attackers(logins, attackers, np.random.default_rng(seed))
    every = logins.select(_LINE).merge_sorted(invented.lazy().select(_LINE).sort("at"), key="at")
    lines = every.select(
        folder.line(
            remote_addr=pl.col("address"),
            remote_user=pl.col("user.name"),
            request_method=pl.lit("POST"),
            request_uri=pl.lit("/login"),
            status=pl.when("success").then(pl.lit("302")).otherwise(pl.lit("401")),
            http_user_agent=pl.col("agent"),
        )
    )
    return folder.write(out, lines, every.filter("success").select("at", "user.name"), [*attacks, *more], CONFIGURATION)


_LINE: Final = ("at", "user.name", "address", "agent", "success")


def read(path: Path) -> pl.LazyFrame:
    """Read the file's columns under our names. Raises: InputError."""
    try:
        raw = pl.scan_csv(path, infer_schema=False)
        lacking = [name for name in COLUMNS if name not in raw.collect_schema().names()]
    except (OSError, pl.exceptions.PolarsError) as fault:
        raise InputError(f"{path}: cannot be read as CSV: {fault}") from None
    if lacking:
        raise InputError(f"{path}: not the RBA data set: required the columns {', '.join(lacking)}")
    flags = ("success", "attack_ip", "takeover")
    return raw.select(pl.col(old).alias(new) for old, new in COLUMNS.items()).with_columns(
        pl.col("at").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", time_zone="UTC"),
        pl.format("u{}", "user.name").alias("user.name"),
        *((pl.col(flag).str.to_lowercase() == "true").alias(flag) for flag in flags),
    )


def _attackers(logins: pl.LazyFrame, count: int, rng: np.random.Generator) -> tuple[list[Attack], pl.DataFrame]:
    """Invent `count` log-ins of each kind of attacker: each of another victim, late in its history."""
    total = int(logins.select(pl.len()).collect(engine="streaming").item())
    pool = logins.gather_every(max(1, total // POOL)).collect(engine="streaming")
    usual = ("country", "region", "browser", "system")
    honest = logins.filter(pl.col("success") & ~pl.col("takeover") & ~pl.col("attack_ip"))
    victims = (
        honest.group_by("user.name")
        .agg(
            pl.len(),
            pl.col("at").min().alias("first"),
            pl.col("at").max().alias("last"),
            *(pl.col(name).mode().min().alias(name) for name in usual),
        )
        .filter(pl.col("len") >= LEAST_LOG_INS)
        .sort("user.name")
        .collect(engine="streaming")
    )
    chosen = rng.permutation(victims.height)[: count * len(ATTACKERS)]
    rows = [
        one
        for number, row in enumerate(chosen)
        if (one := _invented(ATTACKERS[number % len(ATTACKERS)], victims.row(int(row), named=True), pool, rng))
    ]
    attacks = [
        Attack(
            name=f"{row['shape']}-{number}", shape=row["shape"], account=row["user.name"], start=row["at"],
            end=row["at"], sources=(row["address"],), network=row["country"] or "-",
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip
    return attacks, pl.DataFrame(rows, schema=_INVENTED).with_columns(success=pl.lit(value=True))


_INVENTED: Final = pl.Schema(
    [("at", pl.Datetime("us", "UTC")), ("user.name", pl.String), ("address", pl.String), ("agent", pl.String)]
)


def _invented(kind: str, victim: dict[str, Any], pool: pl.DataFrame, rng: np.random.Generator) -> dict[str, Any] | None:
    """Draw where an attacker comes from and with what; None where the data set holds nothing like it."""
    others = pool.filter(pl.col("user.name") != victim["user.name"])
    here = pl.col("country").eq_missing(victim["country"])
    same_client = pl.col("browser").eq_missing(victim["browser"]) & pl.col("system").eq_missing(victim["system"])
    places, clients = {
        "naive": (others.filter("attack_ip"), others),
        "vpn": (others.filter(pl.col("attack_ip") & here), others),
        "targeted": (others.filter(here & pl.col("region").eq_missing(victim["region"])), others.filter(same_client)),
    }[kind]
    if places.is_empty() or clients.is_empty():
        return None
    place, client = (frame.row(int(rng.integers(0, frame.height)), named=True) for frame in (places, clients))
    late = victim["first"] + (victim["last"] - victim["first"]) * float(rng.uniform(0.5, 1.0))
    return {
        "shape": kind, "user.name": victim["user.name"], "at": late, "address": place["address"],
        "agent": client["agent"], "country": place["country"],
    }  # fmt: skip
