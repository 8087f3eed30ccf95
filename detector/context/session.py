"""Remember which account a session belongs to, for portals that log the name at the log-on alone."""

import json
import sqlite3
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from detector import rows
from detector.context import frames
from detector.schema import TIME, detached

OWNERS: Final = pl.Schema({"portal.session": pl.String(), "user.name": pl.String(), "seen": TIME})

DAYS: Final = 30
"""How long after its log-on a session is remembered. Source: the longest that NIST SP 800-63B lets one last."""

KEPT_SHARE: Final = 0.9
"""Of the sessions that memory may hold, those that stay when it is full: it is not full again at the next log-on."""

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, name TEXT, seen INTEGER, crc INTEGER) WITHOUT ROWID"
)
_AT_ONCE: Final = 10_000


class Sessions:
    """Give events without an account the account that their session showed before them.

    Bounded: at most `most` sessions in memory; those whose log-on is longest ago leave first for a table of `database`,
    without one for a file of the run, and are counted. A log-on that failed gives a session to nobody.
    """

    def __init__(self, most: int, database: sqlite3.Connection | None = None) -> None:
        self.most = most
        self.evicted_count = 0
        self.moved = False
        """Whether the table has changed: the caller saves memory with it, in one transaction, and says `False`."""
        self.owners = pl.DataFrame(schema=OWNERS)
        self._db = database or sqlite3.connect("", check_same_thread=False)  # its own, in a file that vanishes with it
        self._db.execute(_TABLE)

    def attribute(self, events: pl.DataFrame) -> pl.DataFrame:
        """Fill `user.name` from the session's latest owner so far; learn the owners that log-ons show.

        Shapes: EVENT in event time -> the same rows and order, `user.name` filled where it is known.
        """
        session = pl.col("portal.session").is_not_null()
        nameless = events.select((pl.col("user.name").is_null() & session).any()).item()
        shown = (
            events.lazy()
            .filter(pl.col("user.name").is_not_null() & session & _logged_on())
            .group_by("portal.session")
            .agg(pl.col("user.name").last(), pl.col("@timestamp").last().alias("seen"))
            .collect()
        )
        filled = self._fill(events) if nameless else events
        if not shown.is_empty():
            self._keep(shown)
        return filled

    def _fill(self, events: pl.DataFrame) -> pl.DataFrame:
        asked = events.filter(pl.col("user.name").is_null()).get_column("portal.session").drop_nulls().unique()
        owners = self.owners.filter(pl.col("portal.session").is_in(asked.implode()))
        missing = asked.filter(~asked.is_in(owners.get_column("portal.session").implode()))
        owners = pl.concat([owners.select("portal.session", "user.name"), self._fetch(missing)])
        own = pl.when(_logged_on()).then(pl.col("user.name")).forward_fill().over("portal.session")
        before = owners.select("portal.session", pl.col("user.name").alias("owner"))
        return (
            events.join(before, on="portal.session", how="left", maintain_order="left")
            .with_columns(
                pl.coalesce(
                    "user.name", pl.when(pl.col("portal.session").is_not_null()).then(pl.coalesce(own, "owner"))
                ).alias("user.name")
            )
            .drop("owner")
        )

    def _fetch(self, sessions: pl.Series) -> pl.DataFrame:
        """Look sessions up in the table. Shapes: n names -> at most n rows of session and name."""
        asked = [json.dumps(sessions[at : at + _AT_ONCE].to_list()) for at in range(0, len(sessions), _AT_ONCE)]
        which = "WHERE id IN (SELECT value FROM json_each(?))"
        found = [
            (session, name) for names in asked for session, name, _ in rows.read(self._db, "session", which, (names,))
        ]
        return pl.DataFrame(found, schema={"portal.session": pl.String, "user.name": pl.String}, orient="row")

    def _keep(self, shown: pl.DataFrame) -> None:
        owners = frames.renewed(self.owners, "portal.session", shown)
        if owners.height > self.most:
            latest = owners.sort("seen", "portal.session", descending=[True, False])
            kept = max(1, int(self.most * KEPT_SHARE))
            self._move(latest.slice(kept))
            owners = detached(latest.head(kept))
        self.owners = owners

    def _move(self, evicted: pl.DataFrame) -> None:
        rows.write(self._db, "session", evicted.with_columns(pl.col("seen").dt.epoch("us")).iter_rows())
        self.evicted_count += evicted.height
        self.moved = True

    def close_day(self, midnight: datetime) -> None:
        """Forget sessions whose log-on is too long ago, inside the caller's transaction."""
        since = midnight - timedelta(days=DAYS)
        self.owners = detached(self.owners.filter(pl.col("seen") >= since))
        self._db.execute("DELETE FROM session WHERE seen < ?", (round(since.timestamp() * 1e6),))

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, for `restore`; what left memory is in the table."""
        return {"sessions": frames.pack(self.owners)}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the state that `snapshot` gave."""
        self.owners = frames.unpack(saved["sessions"])


def _logged_on() -> pl.Expr:
    failed = (pl.col("event.outcome") == "failure").fill_null(False)
    return (pl.col("portal.action") == "logon").fill_null(False) & ~failed
