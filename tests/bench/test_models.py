"""What the models cost: time an account-hour, bytes an account, memory of a large portal. pytest -m bench -s."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from detector import config
from detector.checkpoint import Checkpoint
from detector.context.day import ACCOUNT, SLOTS_PER_HOUR
from detector.context.store import Store
from detector.detect.behaviour import Behaviour
from detector.detect.models.account import AccountModels, ClosedDay, learn_counts
from detector.detect.models.features import COUNTS, TRAIT_FEATURES
from detector.pipeline import Pipeline
from detector.telemetry import peak_rss_bytes
from tests.bench import large

ACCOUNTS, DAYS = 20_000, 8
MOST_US_AN_ACCOUNT_HOUR = 20
HISTORY_DAYS = 60
MOST_BYTES_AN_ACCOUNT = 4_000
MANY_ACCOUNTS, MANY_DAYS = 200_000, 3
MOST_BYTES = 2e9


class Clock:
    """Adds up the processor time, all threads', that calls take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, work: Callable) -> Callable:
        def timed(*given, **named):
            began = time.process_time()
            try:
                return work(*given, **named)
            finally:
                self.seconds += time.process_time() - began

        return timed


@pytest.mark.bench
def test_an_account_hour_costs_at_most_twenty_microseconds(tmp_path):
    """Of the last of eight days: all that is done once for each account and day, over the hours it was active in.

    That is looking up what to expect of it (`Baselines.look_up`), and at midnight learning what it did, its models
    written to a state on disk, and closing the day's acquaintances, addresses and campaigns (`Behaviour.close_day`).
    What is done for each line is not in it: `test_speed` holds that.
    """
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        behaviour, clock = Behaviour(config.Config(), database), Clock()
        behaviour.baselines.look_up = clock.around(behaviour.baselines.look_up)
        close_day, today, hours = clock.around(behaviour.close_day), None, 0
        for events in large.days(ACCOUNTS, DAYS):
            day = events["portal.local_date"][0]
            if today is not None and day != today:
                close_day({})
                clock.seconds = 0.0
            today = day
            behaviour.observe(events, today)
        slots = behaviour.day.slots.select(ACCOUNT, pl.col("slot") // SLOTS_PER_HOUR)
        looked, hours = clock.seconds, slots.unique().height
        close_day({})
    each, before = (1e6 * seconds / hours for seconds in (clock.seconds, looked))
    print(f"\n{hours:,} account-hours: {each:.1f} us each, {before:.1f} of them looking up, the rest learning")
    assert hours > 7 * ACCOUNTS
    assert each <= MOST_US_AN_ACCOUNT_HOUR


def history(account: int) -> AccountModels:
    """Teach sixty days: nine hours a day, thirty persons, strangers from everywhere; a fifth walk through subnets."""
    rng, own = np.random.default_rng(account), AccountModels()
    for day in range(HISTORY_DAYS):
        subnets = rng.integers(0, 250, 6) if account % 5 == 0 else [account % 250]
        traits = dict.fromkeys(TRAIT_FEATURES, frozenset({f"AS{64496 + account % 12}"}))
        areas = {int(area) * 10**15: 1 for area in rng.integers(1, 96, 8)}
        closed = ClosedDay(
            ordinal=739_000 + day,
            counts={feature.name: float(rng.poisson(30)) for feature in COUNTS},
            traits=traits | {"subnet": frozenset(f"203.0.{one}.0/24" for one in subnets)},
            hours=frozenset(day % 7 * 24 + hour for hour in range(8, 17)),
            clientele={"persons": 30, "strangers": 8, "ended": 20, "unbilled": 3, "areas": areas,
                       "everybody": dict.fromkeys(areas, 1 / 95)},
        )  # fmt: skip
        learn_counts([(own, closed)])
        own.learn(closed)
    return own


@pytest.mark.bench
def test_an_account_takes_at_most_four_thousand_bytes_of_the_state(tmp_path):
    """Of the file: what the table of memory holds of an account, and what SQLite adds to it."""
    accounts, checkpoint = 1_000, Checkpoint(tmp_path)
    kept = Store(checkpoint.database, "account", AccountModels.from_numbers, most=1, durable=True)
    kept.put((f"ph{account + 100_000}", history(account)) for account in range(accounts))
    checkpoint.commit()
    sizes = [size for (size,) in checkpoint.database.execute("SELECT length(numbers) FROM memory ORDER BY key")]
    path = checkpoint.path
    checkpoint.close()
    each = path.stat().st_size / accounts
    mobile = sum(sizes[::5]) / len(sizes[::5])
    print(f"\n{each:,.0f} bytes an account, a mobile one's numbers {mobile:,.0f}, the largest {max(sizes):,}")
    assert each <= MOST_BYTES_AN_ACCOUNT
    assert max(sizes) <= MOST_BYTES_AN_ACCOUNT


@pytest.mark.bench
@pytest.mark.xfail(strict=True, reason="the running day of 200,000 accounts takes more: 4.3 GB with rules")
def test_two_hundred_thousand_accounts_fit_in_two_gigabytes():
    """All of them active on three days; in a process of its own, whose peak is all that it ever held."""
    done = subprocess.run([sys.executable, "-m", __name__], capture_output=True, text=True, check=True)
    events, accounts, peak = map(int, done.stdout.split())
    print(f"\n{events:,} events of {accounts:,} accounts: peak memory {peak / 1e9:.2f} GB")
    assert accounts > 0.99 * MANY_ACCOUNTS
    assert peak < MOST_BYTES


def run() -> None:
    pipeline, events = Pipeline(config.Config()), 0
    for part in large.days(MANY_ACCOUNTS, MANY_DAYS):
        events += part.height
        pipeline.detection.observe(part)
    print(events, pipeline.detection.behaviour.baselines.limits.height, peak_rss_bytes())


if __name__ == "__main__":
    run()
