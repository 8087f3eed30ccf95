"""Remember which account a session belongs to, for portals that log the name at the log-on alone."""

from typing import Final

import polars as pl

from detector.context import frames
from detector.schema import TIME

OWNERS: Final = pl.Schema({"portal.session": pl.String(), "user.name": pl.String(), "seen": TIME})


class Sessions:
    """Give events without an account the account that their session showed before them.

    Bounded: at most `most` sessions, those longest unseen leave first and are counted.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.evicted_count = 0
        self.owners = pl.DataFrame(schema=OWNERS)

    def attribute(self, events: pl.DataFrame) -> pl.DataFrame:
        """Fill `user.name` from the session's latest owner so far; learn the owners that log-ons show.

        Shapes: EVENT in event time -> the same rows and order, `user.name` filled where it is known.
        """
        session = pl.col("portal.session").is_not_null()
        nameless = events.select((pl.col("user.name").is_null() & session).any()).item()
        shown = (
            events.lazy()
            .filter(pl.col("user.name").is_not_null() & session & (pl.col("portal.action") == "logon"))
            .group_by("portal.session")
            .agg(pl.col("user.name").last(), pl.col("@timestamp").last().alias("seen"))
            .collect()
        )
        filled = self._fill(events) if nameless else events
        if not shown.is_empty():
            self._keep(shown)
        return filled

    def _fill(self, events: pl.DataFrame) -> pl.DataFrame:
        logged_on = pl.when(pl.col("portal.action") == "logon").then(pl.col("user.name"))
        before = self.owners.select("portal.session", pl.col("user.name").alias("owner"))
        return (
            events.join(before, on="portal.session", how="left", maintain_order="left")
            .with_columns(
                pl.coalesce(
                    "user.name",
                    pl.when(pl.col("portal.session").is_not_null()).then(
                        pl.coalesce(logged_on.forward_fill().over("portal.session"), "owner")
                    ),
                ).alias("user.name")
            )
            .drop("owner")
        )

    def _keep(self, shown: pl.DataFrame) -> None:
        owners = pl.concat([shown.select(OWNERS.names()), self.owners]).unique("portal.session", keep="first")
        if owners.height > self.most:
            self.evicted_count += owners.height - self.most
            owners = owners.sort("seen", "portal.session", descending=[True, False]).head(self.most)
        self.owners = owners

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, for `restore`."""
        return {"sessions": frames.pack(self.owners)}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take up the state that `snapshot` gave."""
        self.owners = frames.unpack(saved["sessions"])
