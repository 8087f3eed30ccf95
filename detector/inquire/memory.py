"""Read what a detector remembers, to tell people: of a state on disk, or of a run that is about to end."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import polars as pl

from detector import rows
from detector.checkpoint import sums
from detector.collect.enrich.account import Directory
from detector.config import Config
from detector.context import frames
from detector.context.activity import HOURS, PLACES, hours_of, places_of
from detector.context.day import ACCOUNT, Day
from detector.context.intake import NAME as INTAKE
from detector.context.intake import Intake
from detector.context.store import Store
from detector.detect.baseline import Baselines
from detector.detect.models.account import AccountModels, Cohort
from detector.emit import verdicts
from detector.emit.alert import Alert
from detector.emit.verdicts import Verdict
from detector.errors import InputError
from detector.inquire import state as states
from detector.inquire.running import running_day
from detector.language import Words

if TYPE_CHECKING:
    from detector.pipeline import Pipeline

MOST_HELD: Final = 10_000
"""Models held at once; a page asks for some dozens."""

NEAR: Final = 5
"""Names offered where one is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What there is to tell from. `day` is the running day, of local date `today`; `folder` holds the verdicts."""

    config: Config
    database: sqlite3.Connection
    folder: Path | None
    alerts: Sequence[Alert]
    baselines: Baselines
    day: Day
    today: date | None
    intake: Intake
    directory: Directory

    @classmethod
    def of_state(cls, folder: Path, database: sqlite3.Connection, config: Config) -> Self:
        """Read the state in `folder`, which `state.reading` has opened."""
        accounts = Store(database, "account", AccountModels.from_numbers, most=MOST_HELD, durable=True)
        cohorts = Store(database, "cohort", Cohort.from_numbers, most=MOST_HELD, durable=True)
        day, today = running_day(database, config)
        intake = Intake()
        intake.restore(dict(sums.read(database, "snapshot", "WHERE name = ?", (INTAKE,))))
        return cls(
            config=config,
            database=database,
            folder=folder,
            alerts=states.alerts(database),
            baselines=Baselines(accounts, cohorts, config.models.learning_days),
            day=day,
            today=today,
            intake=intake,
            directory=Directory(config.accounts),
        )

    @classmethod
    def of_pipeline(cls, pipeline: "Pipeline") -> Self:
        """Take what a run knows, before it lets go of its state."""
        behaviour, checkpoint = pipeline.detection.behaviour, pipeline.checkpoint
        learning_days = pipeline.config.models.learning_days
        return cls(
            config=pipeline.config,
            database=checkpoint.database,
            folder=checkpoint.folder,
            alerts=states.alerts(checkpoint.database) if checkpoint.durable else pipeline.digest.alerts(),
            baselines=Baselines(behaviour.accounts, behaviour.cohorts, learning_days),
            day=behaviour.day,
            today=pipeline.detection.today,
            intake=pipeline.intake,
            directory=Directory(pipeline.config.accounts),
        )

    @property
    def words(self) -> Words:
        """The words of the configuration's language."""
        return Words.of(self.config.language)

    def hours(self, accounts: Collection[str]) -> pl.DataFrame:
        """Return what `accounts` did by the hour, the running day included. Shapes: -> HOURS, in time order."""
        mine = pl.col(ACCOUNT).is_in(list(accounts))
        parts = [frame.filter(mine) for _, frame in self._days("hours")]
        parts.append(hours_of(self.day.slots.filter(mine), self.day.shown()))
        return pl.concat([pl.DataFrame(schema=HOURS), *parts]).group_by(ACCOUNT, "hour").sum().sort("hour", ACCOUNT)

    def places(self, wanted: pl.Expr, since: date, until: date) -> pl.DataFrame:
        """Return which of the `wanted` rows of PLACES there were from `since` to `until`. Shapes: -> PLACES."""
        days = list(self._days("places", since, until))
        if self.today is not None and since <= self.today <= until:
            days.append((self.today, places_of(self.day)))
        return pl.concat([pl.DataFrame(schema=PLACES), *(frame.filter(wanted) for _, frame in days)])

    def totals(self) -> pl.DataFrame:
        """Return what everybody did by the hour. Shapes: -> `hour`, `requests`, `records`, `accounts`."""
        sums = [pl.col("requests", "records").sum(), pl.len().alias("accounts")]
        parts = [frame.group_by("hour").agg(sums) for _, frame in self._days("hours")]
        parts.append(hours_of(self.day.slots, self.day.shown()).group_by("hour").agg(sums))
        return pl.concat(parts).group_by("hour").sum().sort("hour")

    def _days(self, what: str, since: date = date.min, until: date = date.max) -> Iterator[tuple[date, pl.DataFrame]]:
        if not self.database.execute("SELECT 1 FROM sqlite_master WHERE name = 'activity'").fetchone():
            return  # a state from before activity was kept
        which, days = "WHERE day BETWEEN ? AND ? ORDER BY day", (since.toordinal(), until.toordinal())
        for day, _, hours, places in rows.read(self.database, "activity", which, days):
            yield date.fromordinal(day), frames.unpack(hours if what == "hours" else places)

    def profession(self, account: str) -> str | None:
        """Return an account's profession, if the directory says it; its peers are known by it from then on."""
        described = self.directory.describe(pl.Series([account]))
        found: str | None = described.get_column("portal.profession").item(0)
        if found is not None:
            self.baselines.professions[account] = found
        return found

    def verdicts(self) -> list[Verdict]:
        """Return what people decided."""
        return [] if self.folder is None else verdicts.read(self.folder)

    def rulings(self) -> dict[int, str]:
        """Return what came of the verdicts that took effect, by number."""
        kept = self.database.execute("SELECT 1 FROM sqlite_master WHERE name = 'ruling'").fetchone()
        return {seq: outcome for seq, _, outcome in (rows.read(self.database, "ruling") if kept else ())}

    def known(self, account: str) -> str:
        """Return `account` if anything is known of it. Raises: InputError with the names that are near."""
        names = {name for (name,) in self.database.execute("SELECT key FROM memory WHERE kind = 'account'")}
        names |= set(self.day.slots.get_column(ACCOUNT)) | {name for one in self.alerts for name in one.users}
        if account in names:
            return account
        alike = sorted(name for name in names if name[:2].casefold() == account[:2].casefold()) or sorted(names)
        near = get_close_matches(account, alike[:100_000], n=NEAR, cutoff=0.5)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise InputError(f"no account {account!r} is remembered, of {len(names):,}{hint}")

    def local(self, hour: int) -> datetime:
        """Return the local time at which an hour since 1970 begins."""
        return (EPOCH + timedelta(hours=hour)).astimezone(self.config.zone)


EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def as_json(tree: object) -> str:
    """Return a tree of plain values and moments as JSON."""
    return json.dumps(tree, default=datetime.isoformat, allow_nan=False, indent=2)
