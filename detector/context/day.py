"""Remember the running local day of every account: counts by slot, places and clients, subjects."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl
import polars_hash as plh

from detector.context import frames
from detector.schema import TIME, appended, conform, detached

SLOT_S: Final = 600
SLOTS_PER_HOUR: Final = 6
MEGABYTE: Final = 1_000_000
ACCOUNT: Final = "user.name"
KEY: Final = "account_key"
"""A number for the account: windows over numbers cost a third of windows over names."""

SUBNET: Final = "subnet"
"""The /24 of an address, in IPv6 the /64."""

COMMON_TRAITS: Final = ("source.geo.country_iso_code", "portal.network", "portal.client")
"""Where an account comes from, and with what: values that many accounts share."""

TRAITS: Final = (*COMMON_TRAITS, SUBNET)
"""With those that are one account's or one practice's: of subnets there is no end."""

SLOTS: Final = pl.Schema(
    {
        ACCOUNT: pl.String(),
        "slot": pl.Int32(),
        "hour_of_week": pl.Int16(),
        "requests": pl.Int32(),
        "bytes": pl.Int64(),
        "records": pl.Int32(),
        "missed": pl.Int32(),
        "unclaimed": pl.Int32(),
    }
)
"""A row for each account and ten minutes (UTC) with activity, in the order of `slot`."""

PLACES: Final = pl.Schema(
    {
        ACCOUNT: pl.String(),
        KEY: pl.UInt64(),
        **dict.fromkeys(TRAITS, pl.String()),
        "first": TIME,
        "last": TIME,
        "records": pl.Int64(),
    }
)
"""A row for each account and combination of TRAITS seen: when first, when last asked a record."""

DISPLAYS: Final = pl.Schema(
    {
        KEY: pl.UInt64(),
        "portal.subject": pl.UInt64(),
        "portal.subject_area": pl.UInt64(),
        "@timestamp": TIME,
        "first_look": pl.Boolean(),
        "stranger": pl.Boolean(),
        "unbilled": pl.Boolean(),
    }
)
"""A row for each display of an insured person to an account; both as 64-bit numbers.

- `first_look`: the first of that person to that account today; `stranger`: and on the days remembered as well
- `unbilled`: the session's view before it was followed by no claim; null where there was none
"""


def keys_of(accounts: Iterable[str]) -> pl.Series:
    """Return the number of each account. Shapes: n names -> n numbers."""
    named = pl.DataFrame({ACCOUNT: list(accounts)}, schema={ACCOUNT: pl.String})
    return named.select(_key().alias(KEY)).to_series()


def _key() -> pl.Expr:
    return plh.col(ACCOUNT).nchash.xxhash64()


def subnet(source: pl.Expr) -> pl.Expr:
    """Return the /24 of an IPv4 address; `portal.source` of IPv6 is a /64 already."""
    return source.str.replace(r"\.\d+$", ".0/24")


def marked(events: pl.DataFrame) -> pl.DataFrame:
    """Keep of the events that name an account what models count, and mark what they are.

    A log-on that failed is not the account's doing: who tries names would make accounts of them, and his places known.
    Nor is a request refused with 401: whoever sent it did not prove the name. Source: RFC 9110, section 15.5.2.

    Shapes: EVENT in event time -> one row an event with an account: account, time, `slot` (ten minutes
    since 1970), hour of the week, traits, `displayed` (a record was shown), `missed` (a record or search
    was refused or not found), `claimed`, `portal.subject` and `portal.subject_area` as 64-bit numbers, null
    where nothing was displayed, `account_key`, a number for the account, and `run_key`, one for its session
    (without one: for it at its address).
    """
    looked = pl.col("portal.action").is_in(["record_view", "export"]).fill_null(False)
    asked = looked | (pl.col("portal.action") == "search").fill_null(False)
    success = (pl.col("event.outcome") == "success").fill_null(False)
    shown = looked & success & pl.col("portal.subject").is_not_null()
    failed = ((pl.col("portal.action") == "logon") & (pl.col("event.outcome") == "failure")).fill_null(False)
    unproven = (pl.col("http.response.status_code") == 401).fill_null(False)
    number, area = (plh.col(name).nchash.xxhash64() for name in ("portal.subject", "portal.subject_area"))
    session = pl.concat_str(ACCOUNT, pl.coalesce("portal.session", "portal.source"), separator=" ", ignore_nulls=True)
    return (
        events.lazy()
        .filter(pl.col(ACCOUNT).is_not_null() & ~failed & ~unproven)
        .select(
            ACCOUNT,
            "@timestamp",
            (pl.col("@timestamp").dt.epoch("s") // SLOT_S).cast(pl.Int32).alias("slot"),
            pl.col("portal.hour_of_week").alias("hour_of_week"),
            *COMMON_TRAITS,
            subnet(pl.col("portal.source")).alias(SUBNET),
            "source.ip",
            "portal.source",
            "user_agent.version",
            "portal.subject_block",
            "portal.profession",
            "portal.kind",
            pl.col("http.response.body.bytes").fill_null(0).alias("bytes"),
            (looked & success).alias("displayed"),
            (asked & ~success).alias("missed"),
            (pl.col("portal.action") == "claim").fill_null(False).alias("claimed"),
            _key().alias(KEY),
            pl.when(shown).then(number).alias("portal.subject"),
            pl.when(shown & pl.col("portal.subject_area").is_not_null()).then(area).alias("portal.subject_area"),
            session.alias("run_key"),
        )
        .with_columns(plh.col("run_key").nchash.xxhash64())
        .collect()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """The day as it stood before the rows at hand: what running counts go on from."""

    slots: pl.DataFrame
    places: pl.DataFrame


class Day:
    """The running day as small frames: `add` folds rows in, `carry` freezes what was before, `clear` ends it.

    Bounded: beyond `most_rows` displays, slots or places the earliest are dropped and counted, of places those used
    longest ago; distinct persons of a day may then be counted twice.
    """

    def __init__(self, most_rows: int) -> None:
        self.most_rows = most_rows
        self.evicted_count = 0
        self.clear()

    def clear(self) -> None:
        """Begin a new day."""
        self.slots = pl.DataFrame(schema=SLOTS)
        self.places = pl.DataFrame(schema=PLACES)
        self.displays: list[pl.DataFrame] = []

    def carry(self, accounts: pl.Series) -> Carry:
        """Return the day of `accounts` as it stands; later `add`s leave it as it is."""
        slots, places = (frames.among(frame, ACCOUNT, accounts) for frame in (self.slots, self.places))
        return Carry(slots=slots, places=places)

    def add(self, rows: pl.DataFrame) -> None:
        """Fold rows from `marked`, with what `Runs.count` and `Acquaintance` add, into the day."""
        records = pl.col("displayed").sum().cast(pl.Int64).alias("records")
        slots = rows.group_by(ACCOUNT, "slot").agg(
            pl.col("hour_of_week").first(),
            pl.len().alias("requests"),
            pl.col("bytes").sum(),
            records,
            pl.col("missed").sum(),
            pl.col("unclaimed_run").max().alias("unclaimed"),
        )
        places = rows.group_by(ACCOUNT, KEY, *TRAITS).agg(
            pl.col("@timestamp").min().alias("first"),
            pl.col("@timestamp").filter(pl.col("displayed") | pl.col("missed")).max().alias("last"),
            records,
        )
        self._add_slots(conform(slots, SLOTS))
        known = frames.among(self.places, KEY, places.get_column(KEY))
        merged = (
            pl.concat([known, places.select(PLACES.names())])
            .group_by(ACCOUNT, KEY, *TRAITS, maintain_order=True)
            .agg(pl.col("first").min(), pl.col("last").max(), pl.col("records").sum())
        )
        self.places, gone = frames.latest(frames.renewed(self.places, KEY, merged), self.most_rows)
        self.evicted_count += gone
        self._display(rows.filter(pl.col("portal.subject").is_not_null()).select(DISPLAYS.names()))

    def _add_slots(self, fresh: pl.DataFrame) -> None:
        """Merge the latest slots with `fresh` ones. Those before are left alone: slots stand in their order."""
        if fresh.is_empty():
            return
        since = self.slots.get_column("slot").search_sorted(fresh.select(pl.col("slot").min()).item())
        latest = self.slots[since:]
        merged = (
            pl.concat([frames.among(latest, ACCOUNT, fresh.get_column(ACCOUNT)), fresh])
            .group_by(ACCOUNT, "slot", maintain_order=True)
            .agg(
                pl.col("hour_of_week").first(),
                pl.col("requests", "bytes", "records", "missed").sum(),
                pl.col("unclaimed").max(),
            )
        )
        latest = frames.renewed(latest, ACCOUNT, merged).sort("slot", maintain_order=True)
        self.slots, gone = frames.latest(appended(self.slots[:since], latest), self.most_rows)
        self.evicted_count += gone

    def _display(self, shown: pl.DataFrame) -> None:
        self.displays.append(detached(shown))
        if len(self.displays) > 64:  # tail adds a few rows at a time: keep the list short
            self.displays = [detached(pl.concat(self.displays))]
        while len(self.displays) > 1 and sum(part.height for part in self.displays) > self.most_rows:
            self.evicted_count += self.displays.pop(0).height

    def shown(self) -> pl.DataFrame:
        """Return the displays so far. Shapes: -> DISPLAYS."""
        return pl.concat([pl.DataFrame(schema=DISPLAYS), *self.displays])

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, for `restore`."""
        displays = pl.concat(self.displays) if self.displays else pl.DataFrame(schema=DISPLAYS)
        return {
            "day.slots": frames.pack(self.slots),
            "day.places": frames.pack(self.places),
            "day.displays": frames.pack(displays),
        }

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the state that `snapshot` gave."""
        self.slots = conform(frames.unpack(saved["day.slots"]), SLOTS).sort("slot", maintain_order=True)
        self.places = frames.unpack(saved["day.places"])
        self.displays = [conform(frames.unpack(saved["day.displays"]), DISPLAYS)]


def totals(slots: pl.DataFrame) -> pl.DataFrame:
    """Return one row an account: the counts of its day so far.

    Shapes: SLOTS -> account, `requests_day`, `megabytes_day`, `records_day`, `missed_day`, `records_10min`,
    `records_1h` and `unclaimed` (the largest of each).
    """
    hours = slots.group_by(ACCOUNT, pl.col("slot") // SLOTS_PER_HOUR).agg(pl.col("records").sum())
    return (
        slots.group_by(ACCOUNT)
        .agg(
            pl.col("requests").sum().alias("requests_day"),
            (pl.col("bytes").sum() // MEGABYTE).alias("megabytes_day"),
            pl.col("records").sum().alias("records_day"),
            pl.col("missed").sum().alias("missed_day"),
            pl.col("records").max().alias("records_10min"),
            pl.col("unclaimed").max(),
        )
        .join(hours.group_by(ACCOUNT).agg(pl.col("records").max().alias("records_1h")), on=ACCOUNT)
    )
