"""Write a converted data set as `detector simulate` writes its own: the log, a configuration, the labels."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

LOG: Final = "access.json.log"
SHOWN: Final = pl.Schema(
    [("attack", pl.String), ("@timestamp", pl.Datetime("us", "UTC")), ("user.name", pl.String), ("subject", pl.String)]
)
"""Records that an attacker was shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack as `labels.jsonl` holds it; `sources` only where they are the attacker's alone."""

    name: str
    shape: str
    account: str
    start: datetime
    end: datetime
    sources: tuple[str, ...] = ()
    network: str = "-"

    def label(self, records: int) -> dict[str, Any]:
        """Return its line."""
        return {
            "type": "attack", "attack": self.name, "shape": self.shape, "network": self.network, "hours": "-",
            "accounts": [self.account], "tried": [], "sources": list(self.sources), "records": records,
            "start": _seconds(self.start), "end": _seconds(self.end),
        }  # fmt: skip


def _seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()


def line(**columns: pl.Expr) -> list[pl.Expr]:
    """Name the columns of a line as nginx names them; those left out are empty.

    Shapes: `at` (Datetime, UTC) and others -> the fields of a line.
    """
    given = {
        "time_iso8601": pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00"), "remote_addr": pl.lit(""),
        "remote_user": pl.lit(""), "request_method": pl.lit("GET"), "request_uri": pl.lit("/"), "status": pl.lit("200"),
        "body_bytes_sent": pl.lit("0"), "http_referer": pl.lit(""), "http_user_agent": pl.lit(""),
    } | columns  # fmt: skip
    return [expression.fill_null("").alias(name) for name, expression in given.items()]


def write(
    out: Path, lines: pl.LazyFrame, activity: pl.LazyFrame, attacks: Sequence[Attack], configuration: str,
    shown: pl.DataFrame | None = None,
) -> Path:  # fmt: skip
    """Write the folder and return its labels; the log is streamed, so it may be larger than the memory.

    Shapes: `lines` as of `line`; `activity`: rows with `at` and `user.name`, one a request of a logged-on account;
    `shown`: SHOWN.
    """
    out.mkdir(parents=True, exist_ok=True)
    lines.sink_ndjson(out / LOG)
    days = activity.group_by(pl.col("at").dt.date().alias("local_date"), "user.name").agg(requests=pl.len())
    days.sort("local_date", "user.name").sink_parquet(out / "activity.parquet")
    reads = pl.DataFrame(schema=SHOWN) if shown is None else shown
    reads.write_parquet(out / "truth.parquet")
    records = dict(reads.group_by("attack").len().iter_rows())
    head = {
        "type": "log", "log": LOG, "format": "json", "timezone": "UTC", "truth": "truth.parquet",
        "activity": "activity.parquet", "lines": _rows(pl.scan_ndjson(out / LOG, schema={"status": pl.String})),
        "active_account_days": _rows(pl.scan_parquet(out / "activity.parquet")),
    }  # fmt: skip
    told = [head, *(one.label(records.get(one.name, 0)) for one in attacks)]
    labels = out / "labels.jsonl"
    labels.write_text("".join(json.dumps(one) + "\n" for one in told), "utf-8")
    (out / "detector.yml").write_text(configuration, "utf-8")
    return labels


def _rows(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())
