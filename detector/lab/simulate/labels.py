"""Write the truth beside the log: labels.jsonl, every record an attacker read, every account-day with work.

`evaluate` reads these three files and nothing else. They hold simulated identifiers and stay in the output folder.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from detector.lab.simulate import places, portal, write
from detector.lab.simulate.rhythm import Span

RECORD = pl.col("page").is_in((portal.RIGHTS, portal.INVOICES)) & (pl.col("status") == 200)


def write_truth(
    frame: pl.DataFrame, names: Sequence[str], span: Span, labels: Sequence[dict[str, Any]], out_dir: Path,
    log: dict[str, Any],
) -> list[dict[str, Any]]:  # fmt: skip
    """Write the three files; return the lines of labels.jsonl: first the log's own, then one an attack.

    Shapes: `REQUEST` with `log.offset`, all rows of the log in its order.
    """
    frame = frame.with_columns(
        pl.col("at") // 1_000_000 * 1_000_000,  # the log tells whole seconds, and so does an alert
        pl.Series("name", names).gather(frame["account"].clip(0).cast(pl.UInt32)),
    )
    working = frame.filter(pl.col("named") & (pl.col("session") > 0))
    days = _activity(working)
    days.write_parquet(out_dir / "activity.parquet")
    _reads(frame, labels).write_parquet(out_dir / "truth.parquet")
    head = {
        "type": "log", **log, "lines": frame.height, "accounts": working["name"].n_unique(),
        "active_account_days": days.height, "start": span.dates[0].isoformat(), "days": span.days,
        "timezone": "Europe/Paris", "truth": "truth.parquet", "activity": "activity.parquet",
    }  # fmt: skip
    lines = [head] + [
        _label(own, label)
        for number, label in enumerate(labels)
        if (own := frame.filter(pl.col("attack") == number)).height
    ]
    (out_dir / "labels.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return lines


def _activity(working: pl.DataFrame) -> pl.DataFrame:
    """Count requests of each account and local day on which it was logged on."""
    local = pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Paris")
    return (
        working.group_by(local.dt.date().alias("local_date"), pl.col("name").alias("user.name"))
        .agg(requests=pl.len(), attacked=(pl.col("attack") >= 0).any())
        .sort("local_date", "user.name")
    )


def _reads(frame: pl.DataFrame, labels: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return every record that an attacker was shown, in the order of the log."""
    reads = frame.filter((pl.col("attack") >= 0) & RECORD)
    names = {number: str(label["attack"]) for number, label in enumerate(labels)}
    return reads.select(
        pl.col("attack").cast(pl.Int64).replace_strict(names, default=None, return_dtype=pl.String),
        pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC").alias("@timestamp"),
        pl.col("name").alias("user.name"),
        "subject",
        "log.offset",
    )


def _moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat(timespec="milliseconds")


def _label(own: pl.DataFrame, label: dict[str, Any]) -> dict[str, Any]:
    """Describe one attack by what the log holds of it: `tried` are accounts that it did not get into."""
    reads = own.filter(RECORD)
    accounts = own.filter(pl.col("session") > 0)["name"].unique().sort().to_list()
    pairs = own.select("address", "session").unique(maintain_order=True)
    span = own.select(first=pl.col("at").min(), last=pl.col("at").max()).row(0, named=True)
    return {
        "type": "attack",
        **label,
        "accounts": accounts,
        "tried": sorted(set(own["name"].to_list()) - set(accounts)),
        "start": _moment(span["first"]),
        "end": _moment(span["last"]),
        "sources": sorted(set(write.addresses(pairs).to_list())),
        "networks": sorted({places.network_of(one) for one in own["address"].unique().to_list()}),
        "requests": own.height,
        "records": reads.height,
        "subjects": reads["subject"].n_unique(),
    }
