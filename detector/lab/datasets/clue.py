"""Convert CLUE-LDS: 50 million events of 5,000 users of a cloud storage, five years, JSON lines.

Source: Landauer, Skopik, Hoeld and Wurzenberger 2022, "A User and Entity Behavior Analytics Log Data Set for Anomaly
Detection in Cloud Computing", IEEE BigData, data set doi:10.5281/zenodo.7119953. It holds no attack; the authors
take accounts over by switching two users' names from a moment on: each then shows what the other does. Who is
switched: active on more than 27 days, more than 100 events of more than four types, and neither too like nor too
unlike each other (0.3 x events a day + 0.7 x event types in common, from 0.1 to 0.6).

A file that is accessed is a record, its path the person looked up. There are no addresses: each user and place is
given one of a network of the place's country, so that countries hold and networks mean nothing.
"""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
import polars as pl

from detector.collect.enrich.place import TABLES
from detector.collect.enrich.ranges import Ranges
from detector.errors import InputError
from detector.lab.datasets import folder
from detector.lab.datasets.folder import Attack

SCHEMA: Final = pl.Schema(
    [
        ("time", pl.String), ("uid", pl.String), ("uidType", pl.String), ("type", pl.String),
        ("params", pl.Struct([pl.Field("path", pl.String)])), ("isLocalIP", pl.Boolean),
        ("location", pl.Struct([pl.Field("countryCode", pl.String), pl.Field("city", pl.String)])),
    ]
)  # fmt: skip
DAYS_BEFORE: Final = 25
DAYS_AFTER: Final = 2
LEAST_EVENTS: Final = 100
LEAST_TYPES: Final = 4
ALIKE: Final = (0.1, 0.6)
JUDGED_DAYS: Final = 7
"""Days from the switch on in which an alert catches it, and after which the name falls silent: it would be somebody
else's for good. The authors judge the first active day alone."""

CONFIGURATION: Final = """\
# Reads the events beside it: detector trial labels.jsonl
input: {format: json}
models: {families_off: [device, network, campaign]}
portal:
  subjects:
    - path: '^/files/([^/]+)$'
  subject_area: null
  actions:
    - {action: logon, method: [POST], path: '^/login$', success: [302], failure: [401]}
    - {action: record_view, method: [GET], path: '^/files/[^/]+$'}
calendar: {timezone: UTC, country: AT}
"""


def convert(path: Path, out: Path, *, pairs: int = 10, seed: int = 1) -> Path:
    """Write `out` from the JSON lines, `pairs` of users switched, and return its labels.

    Raises: InputError for a file that is no such data set, or holds no two users who may be switched.
    """
    events = read(path)
    attacks = _switches(_users(events), pairs, np.random.default_rng(seed), path)
    swapped = _swapped(events, attacks)
    named = pl.col("uidType") == "name"
    lines = swapped.select(
        folder.line(
            remote_addr=pl.col("address"),
            remote_user=pl.when(named).then("user.name"),
            request_method=pl.when(_TYPE == "login_successful").then(pl.lit("POST")).otherwise(pl.lit("GET")),
            request_uri=_target(),
            status=pl.when(_TYPE == "login_successful").then(pl.lit("302")).otherwise(pl.lit("200")),
        )
    )
    activity = swapped.filter(named).select("at", "user.name")
    return folder.write(out, lines, activity, [one for _, one in attacks], CONFIGURATION, _shown(swapped))


_TYPE: Final = pl.col("type")


def read(path: Path) -> pl.LazyFrame:
    """Read what is needed of each event. Raises: InputError."""
    try:
        raw = pl.scan_ndjson(path, schema=SCHEMA)
        first = raw.head(1).collect()
    except (OSError, pl.exceptions.PolarsError) as fault:
        raise InputError(f"{path}: cannot be read as JSON lines: {fault}") from None
    if first.is_empty() or first["time"][0] is None or first["uid"][0] is None or first["type"][0] is None:
        raise InputError(f"{path}: not CLUE-LDS: required JSON objects with time, uid and type")
    return raw.select(
        pl.col("time").str.to_datetime("%Y-%m-%dT%H:%M:%S%#z", time_unit="us").alias("at"),
        pl.col("uid").alias("user.name"),
        "uidType",
        "type",
        "isLocalIP",
        pl.col("params").struct.field("path"),
        pl.col("location").struct.field("countryCode").alias("country"),
        pl.col("location").struct.field("city"),
    )


def _target() -> pl.Expr:
    """Return the path of a request: of a log-on, of a file, or of the event's type."""
    file = pl.format("/files/{}", pl.col("path").str.strip_chars("/").str.replace_all("/", "~", literal=True))
    return (
        pl.when(_TYPE == "login_successful").then(pl.lit("/login"))
        .when((_TYPE == "file_accessed") & pl.col("path").is_not_null()).then(file)
        .otherwise(pl.format("/events/{}", _TYPE))
    )  # fmt: skip


def _users(events: pl.LazyFrame) -> dict[str, dict[str, Any]]:
    """Sum up who may be switched: days, events and types of each user."""
    day = pl.col("at").dt.date()
    able = (
        events.filter(pl.col("uidType") == "name")
        .group_by("user.name")
        .agg(count=pl.len(), days=day.unique().sort(), types=_TYPE.unique())
        .filter(
            (pl.col("days").list.len() > DAYS_BEFORE + DAYS_AFTER)
            & (pl.col("count") > LEAST_EVENTS)
            & (pl.col("types").list.len() > LEAST_TYPES)
        )
        .sort("user.name")
        .collect(engine="streaming")
    )
    return {row["user.name"]: row | {"types": set(row["types"])} for row in able.iter_rows(named=True)}


def _alike(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return how alike two users are, 0 to 1, as the authors weigh it."""
    daily = sorted(user["count"] / len(user["days"]) for user in (one, other))
    common = len(one["types"] & other["types"]) / len(one["types"] | other["types"])
    return float(0.3 * daily[0] / daily[1] + 0.7 * common)


def _switches(
    users: dict[str, dict[str, Any]], pairs: int, rng: np.random.Generator, path: Path
) -> list[tuple[str, Attack]]:
    """Draw pairs; return, for both of each, whose events bear the attacked account's name from the start on."""
    found: list[tuple[str, Attack]] = []
    free = list(rng.permutation(sorted(users)))
    while free and len(found) < 2 * pairs:
        one = str(free.pop())
        for other in free:
            days = [users[name]["days"] for name in (one, other)]
            first, last = max(own[DAYS_BEFORE] for own in days), min(own[-DAYS_AFTER] for own in days)
            if first < last and ALIKE[0] <= _alike(users[one], users[other]) <= ALIKE[1]:
                moment = first + timedelta(days=int(rng.integers(0, (last - first).days + 1)))
                for name, account, own in ((one, str(other), days[0]), (str(other), one, days[1])):
                    found.append((name, _switch(len(found), account, min(day for day in own if day >= moment))))
                free.remove(other)
                break
    if not found:
        raise InputError(f"{path}: no two users are active and like enough to be switched")
    return found


def _switch(number: int, account: str, day: date) -> Attack:
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=JUDGED_DAYS, seconds=-1)
    return Attack(name=f"switch-{number}", shape="switch", account=account, start=start, end=end)


def _swapped(events: pl.LazyFrame, attacks: list[tuple[str, Attack]]) -> pl.LazyFrame:
    """Switch the names, add addresses, and end what bears a switched name when it is judged no more."""
    table = pl.DataFrame(
        [(name, one.account, one.name, one.start, one.end) for name, one in attacks],
        schema=["user.name", "other", "attack", "since", "until"],
        orient="row",
    ).with_columns(pl.col("since", "until").cast(pl.Datetime("us", "UTC")))
    key = ["user.name", "country", "city", "isLocalIP"]
    changed = (pl.col("at") >= pl.col("since")).fill_null(value=False)
    return (
        events.join(_places(events).lazy(), on=key, how="left", nulls_equal=True, maintain_order="left")
        .join(table.lazy(), on="user.name", how="left", maintain_order="left")
        .with_columns(pl.when(changed).then("other").otherwise("user.name").alias("user.name"), switched=changed)
        .filter(~(pl.col("switched") & (pl.col("at") > pl.col("until"))))
    )


def _places(events: pl.LazyFrame) -> pl.DataFrame:
    """Give each user and place an address: of the place's country, of a private network, or none."""
    key = ("user.name", "country", "city", "isLocalIP")
    pairs = events.select(key).unique().sort(key).collect(engine="streaming")
    starts = _countries()
    found = []
    for name, country, city, local in pairs.iter_rows():
        host = crc32(f"{name}|{city}".encode()) & 0xFFFF
        start = 0x0A000000 if local else starts.get(country)
        found.append(None if start is None else ".".join(str(byte) for byte in (start + host).to_bytes(4, "big")))
    return pairs.with_columns(pl.Series("address", found, dtype=pl.String))


def _countries() -> dict[str, int]:
    """Return the start of each country's largest range of IPv4 addresses."""
    table = Ranges.read(TABLES / "country_v4.parquet")
    ranges = pl.DataFrame({"start": table.starts, "country": table.values}).with_columns(
        size=pl.col("start").shift(-1, fill_value=1 << 32) - pl.col("start")
    )
    largest = ranges.drop_nulls("country").sort("size").unique("country", keep="last").filter(pl.col("size") > 0xFFFF)
    return dict(largest.select("country", "start").iter_rows())


def _shown(swapped: pl.LazyFrame) -> pl.DataFrame:
    """Return the files that switched names showed."""
    return (
        swapped.filter(pl.col("switched") & (_TYPE == "file_accessed") & pl.col("path").is_not_null())
        .select("attack", pl.col("at").alias("@timestamp"), "user.name", pl.col("path").alias("subject"))
        .collect(engine="streaming")
    )
