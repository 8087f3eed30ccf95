"""Raise what a team would write today: four fixed thresholds, as a measure for the models.

Each is a pure function of events (`schema.EVENT`, in order of time) that returns alerts; one an account (or address)
and local day, as a team would suppress repeats. The figures are the usual ones of such rules, not tuned to a log.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from detector.lab.evaluate import Evaluation, judge, summarize
from detector.lab.replay import Replay
from detector.lab.truth import Alert, Truth
from detector.telemetry import Telemetry

FAILED: Final = 10
"""Failed log-ons of one address within ten minutes."""
PAGES: Final = 300
"""Requests of one address within ten minutes."""
LEARNING_DAYS: Final = 7
"""Days after an account's first request from which a country can be new to it."""
SIGMAS: Final = 3.0
LEAST_DAYS: Final = 5
"""Days of an account's own before mean and deviation mean something."""

COLUMNS: Final = (
    "@timestamp", "user.name", "source.ip", "source.geo.country_iso_code", "portal.action", "event.outcome",
    "portal.local_date",
)  # fmt: skip

_WINDOW: Final = pl.col("@timestamp").dt.truncate("10m")
_DAY: Final = "portal.local_date"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A fixed threshold by name."""

    name: str
    raise_from: Callable[[pl.DataFrame], pl.DataFrame]


def _first_a_day(hits: pl.DataFrame, key: str) -> pl.DataFrame:
    """Keep the first hit of each key and local day.

    Shapes: events that crossed -> `@timestamp`, `user.name`, `source.ip`, `related.user` (list).
    """
    if "related.user" not in hits.columns:
        hits = hits.with_columns(pl.concat_list("user.name").alias("related.user"))
    return (
        hits.filter(pl.col(key).is_not_null())
        .unique([key, _DAY], keep="first", maintain_order=True)
        .select("@timestamp", "user.name", "source.ip", "related.user")
    )


def _per_address(events: pl.DataFrame, counted: pl.Expr, limit: int) -> pl.DataFrame:
    """Raise where an address reaches `limit` counted events in ten minutes; names the accounts seen until then."""
    busy = events.filter(counted).with_columns(count=pl.int_range(pl.len()).over("source.ip", _WINDOW) + 1)
    hits = busy.filter(pl.col("count") == limit)
    seen = (
        busy.filter(pl.col("count") <= limit)
        .group_by("source.ip", _WINDOW.alias("window"))
        .agg(pl.col("user.name").drop_nulls().unique().sort().alias("related.user"))
    )
    hits = hits.with_columns(_WINDOW.alias("window")).join(seen, on=["source.ip", "window"], how="left")
    return _first_a_day(hits, "source.ip")


def failed_log_ons(events: pl.DataFrame) -> pl.DataFrame:
    """Count failed log-ons of each address."""
    failed = (pl.col("portal.action") == "logon") & (pl.col("event.outcome") == "failure")
    return _per_address(events, failed, FAILED)


def pages(events: pl.DataFrame) -> pl.DataFrame:
    """Count requests of each address: a crawler's rate."""
    return _per_address(events, pl.lit(value=True), PAGES)


def new_country(events: pl.DataFrame) -> pl.DataFrame:
    """Raise at an account's first successful request from a country, some days after its very first one."""
    country = "source.geo.country_iso_code"
    known = events.filter(
        pl.col("user.name").is_not_null() & pl.col(country).is_not_null() & (pl.col("event.outcome") == "success")
    ).with_columns(since=pl.col("@timestamp").min().over("user.name"))
    first = known.unique(["user.name", country], keep="first", maintain_order=True)
    settled = pl.col("@timestamp") - pl.col("since") >= pl.duration(days=LEARNING_DAYS)
    return _first_a_day(first.filter(settled), "user.name")


def three_sigma(events: pl.DataFrame) -> pl.DataFrame:
    """Raise when an account's records of a day pass mean plus three sigma of its own days before."""
    views = events.filter((pl.col("portal.action") == "record_view") & pl.col("user.name").is_not_null())
    days = views.group_by("user.name", _DAY).len("views").sort("user.name", _DAY)
    before = pl.col("views").shift(1).cum_sum().over("user.name")
    squares = (pl.col("views") ** 2).shift(1).cum_sum().over("user.name")
    number = pl.int_range(pl.len()).over("user.name")
    spread = (squares / number - (before / number) ** 2).clip(0).sqrt()
    limits = days.with_columns(limit=pl.when(number >= LEAST_DAYS).then(before / number + SIGMAS * spread))
    running = views.with_columns(count=pl.int_range(pl.len()).over("user.name", _DAY) + 1)
    crossed = running.join(limits, on=["user.name", _DAY], how="left", maintain_order="left").filter(
        pl.col("count") > pl.col("limit")
    )
    return _first_a_day(crossed, "user.name")


THRESHOLDS: Final = (
    Threshold("failed log-ons per address", failed_log_ons),
    Threshold("pages per address", pages),
    Threshold("new country", new_country),
    Threshold("mean plus three sigma", three_sigma),
)

NAMES: Final = (*(one.name for one in THRESHOLDS), "together")


def alerts(events: pl.DataFrame, thresholds: Sequence[Threshold] = THRESHOLDS) -> dict[str, list[Alert]]:
    """Return the alerts of each threshold by its name, and of all together under `together`."""
    events = events.sort("@timestamp", maintain_order=True)
    raised = {one.name: _alerts(one.raise_from(events)) for one in thresholds}
    together = sorted((alert for group in raised.values() for alert in group), key=lambda alert: alert.at)
    return {**raised, "together": together}


def watched(replay: Replay) -> pl.DataFrame:
    """Read of a log what the thresholds look at. Shapes: EVENT, all of the log, few of its columns."""
    return pl.concat([events.select(COLUMNS) for events in replay.events(Telemetry())])


def compare(logs: Sequence[tuple[Truth, pl.DataFrame]], *, seed: int = 1) -> dict[str, Evaluation]:
    """Evaluate each threshold, and all together, on the events of one or several labelled logs.

    Shapes: EVENT, all of a log.
    """
    raised = [(truth, alerts(events)) for truth, events in logs]
    return {name: summarize([judge(truth, every[name]) for truth, every in raised], seed=seed) for name in NAMES}


def _alerts(hits: pl.DataFrame) -> list[Alert]:
    return [
        Alert(
            at=at,
            accounts=frozenset(related or ()) | (frozenset([account]) if account else frozenset()),
            account=account,
            source=source,
            risk=50.0,
            incident=None,
            state="opened",
        )
        for at, account, source, related in hits.iter_rows()
    ]
