"""The fixed thresholds cross exactly at their figures."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from detector.lab import thresholds
from detector.lab.truth import read_truth

from .conftest import World

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _events(rows: list[dict[str, Any]]) -> pl.DataFrame:
    every = {
        "user.name": "a", "source.ip": "192.0.2.1", "source.geo.country_iso_code": "FR", "portal.action": "other",
        "event.outcome": "success",
    }  # fmt: skip
    frame = pl.DataFrame([every | row for row in rows]).with_columns(
        pl.col("@timestamp").cast(pl.Datetime("us", "UTC"))
    )
    return frame.with_columns(pl.col("@timestamp").dt.date().alias("portal.local_date"))


def _failed(count: int, step_s: int) -> pl.DataFrame:
    return _events(
        [
            {
                "@timestamp": START + timedelta(seconds=n * step_s), "user.name": f"u{n}",
                "portal.action": "logon", "event.outcome": "failure",
            }
            for n in range(count)
        ]
    )  # fmt: skip


def test_failed_log_ons_of_an_address_cross_at_their_count() -> None:
    hits = thresholds.failed_log_ons(_failed(thresholds.FAILED, 1))
    assert hits.height == 1
    assert hits["@timestamp"][0] == START + timedelta(seconds=thresholds.FAILED - 1)
    assert hits["related.user"][0].to_list() == [f"u{n}" for n in range(thresholds.FAILED)]
    assert thresholds.failed_log_ons(_failed(thresholds.FAILED - 1, 1)).height == 0
    assert thresholds.failed_log_ons(_failed(thresholds.FAILED * 3, 90)).height == 0


@pytest.mark.parametrize(
    ("count", "alerts"), [(thresholds.PAGES - 1, 0), (thresholds.PAGES, 1), (5 * thresholds.PAGES, 1)]
)
def test_pages_of_an_address_are_counted_once_a_day(count: int, alerts: int) -> None:
    rows = [{"@timestamp": START + timedelta(seconds=n // 3)} for n in range(count)]
    assert thresholds.pages(_events(rows)).height == alerts


def test_a_country_is_new_to_an_account_that_has_been_here_for_a_week() -> None:
    def hits(days: float, outcome: str = "success") -> int:
        late = {
            "@timestamp": START + timedelta(days=days),
            "source.geo.country_iso_code": "RO",
            "event.outcome": outcome,
        }
        return thresholds.new_country(_events([{"@timestamp": START}, late])).height

    assert hits(8) == 1
    assert hits(6) == 0
    assert hits(8, "failure") == 0


def test_three_sigma_crosses_at_the_record_above_the_limit() -> None:
    daily = [4, 6, 4, 6, 5, 40]  # mean 5, deviation below 1: the limit is below 8
    rows = [
        {"@timestamp": START + timedelta(days=day, minutes=n), "portal.action": "record_view"}
        for day, count in enumerate(daily)
        for n in range(count)
    ]
    hits = thresholds.three_sigma(_events(rows))
    assert hits["@timestamp"].to_list() == [START + timedelta(days=5, minutes=7)]
    assert thresholds.three_sigma(_events(rows[:-33])).height == 0


def test_all_thresholds_are_put_together() -> None:
    raised = thresholds.alerts(_failed(thresholds.FAILED, 1))
    assert {name: len(alerts) for name, alerts in raised.items()} == {
        "failed log-ons per address": 1, "pages per address": 0, "new country": 0, "mean plus three sigma": 0,
        "together": 1,
    }  # fmt: skip
    assert "u3" in raised["together"][0].accounts


def _seen(world: World) -> pl.DataFrame:
    """Make of a simulated log the columns that thresholds look at; its countries are left out."""
    action = (
        pl.when((pl.col("method") == "POST") & (pl.col("target") == "/login"))
        .then(pl.lit("logon"))
        .when(pl.col("subject").is_not_null())
        .then(pl.lit("record_view"))
        .otherwise(pl.lit("other"))
    )
    return world.events.select(
        pl.col("time").dt.convert_time_zone("UTC").alias("@timestamp"),
        pl.when(pl.col("user") != "-").then("user").alias("user.name"),
        pl.col("ip").alias("source.ip"),
        pl.lit(None, pl.String).alias("source.geo.country_iso_code"),
        action.alias("portal.action"),
        pl.when(pl.col("status") < 400).then(pl.lit("success")).otherwise(pl.lit("failure")).alias("event.outcome"),
        pl.col("time").dt.date().alias("portal.local_date"),
    )


def test_fixed_thresholds_catch_little_or_cost_much_on_a_simulated_portal(world: World) -> None:
    truth = read_truth(world.folder / "labels.jsonl")
    found = thresholds.compare([(truth, _seen(world))])
    assert found["failed log-ons per address"].overall.recall.value < 0.2
    assert found["pages per address"].overall.recall.value < 0.6
    sigma = found["mean plus three sigma"]
    assert 0.2 < sigma.overall.recall.value < 0.95
    assert sigma.false_per_1000.value > 5
    together = found["together"]
    assert together.overall.recall.value >= max(found[one.name].overall.recall.value for one in thresholds.THRESHOLDS)
