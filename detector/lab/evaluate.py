"""Compare alerts with the truth of a simulated log: what was caught, how late, at how many false alerts.

- An alert *catches* an attack when it names one of its accounts (`user.name`, `related.user`) at a time from the
  attack's start to 24 hours after its end. Alerts of closed incidents (`portal.incident.state`) do not count.
- It is *neutral* when it names only accounts that the attack tried in vain, or comes from the attack's address.
- Any other is *false*, unless its incident has caught an attack before; one an account and local day counts.
- That the source is silent (`source_silent`) is said of no account, and counts for nothing here.
- A record is *exposed* when its person was first shown up to the second of the first alert that catches the attack.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from detector.detect.heartbeat import MODEL as SILENCE
from detector.lab.truth import Alert, Attack, Truth, read_alerts, read_truth

GRACE: Final = timedelta(hours=24)
RESAMPLES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one attack. Minutes are from its first record to the first alert, 0 where that came before.

    `exposed` counts persons shown before the first alert on the attack, `exposed_by_account` those shown by each
    account before an alert named that account: an alert on one of twenty accounts does not stop the others.
    """

    attack: str
    shape: str
    network: str
    hours: str
    caught: bool
    minutes: float | None
    records: int
    exposed: int
    exposed_by_account: int
    accounts: int
    accounts_named: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Alerts of one log, judged: outcomes of attacks, false alerts as account and local day."""

    outcomes: tuple[Outcome, ...]
    false: frozenset[tuple[str, date]]
    neutral: int
    alerts: int
    active: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One row of the table: attacks of one shape, or all of them."""

    shape: str
    attacks: int
    recall: Interval
    exposed_median: float
    exposed_share: Interval
    exposed_by_account_share: float
    minutes_median: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The result: each attack, each shape, all, and the false alerts: whose, when, per 1,000 active account-days."""

    outcomes: tuple[Outcome, ...]
    shapes: tuple[Tally, ...]
    overall: Tally
    alerts: int
    neutral_alerts: int
    false: tuple[tuple[str, date], ...]
    false_account_days: int
    account_days: int
    false_per_1000: Interval


def evaluate(labels: Path, alerts: Path, *, seed: int = 1) -> Evaluation:
    """Evaluate the alerts of one log against its labels.

    Args:
        labels: the labels.jsonl of a simulated log; truth.parquet and activity.parquet lie beside it.
        alerts: JSON lines as `detector batch` writes them.
        seed: of the bootstrap.

    Raises:
        InputError: a file is missing or is not what it should be.
        FaultsError: lines of a file that are no JSON object.
    """
    return summarize([judge(read_truth(labels), read_alerts(alerts))], seed=seed)


def judge(truth: Truth, alerts: Sequence[Alert]) -> Judged:
    """Judge every alert: it catches attacks, is neutral, or is false."""
    live = [alert for alert in alerts if alert.state != "closed" and alert.rule != SILENCE]
    catches: dict[str, list[Alert]] = {attack.name: [] for attack in truth.attacks}
    caught_incidents: set[str] = set()
    false: set[tuple[str, date]] = set()
    neutral = 0
    for alert in live:
        during = [one for one in truth.attacks if one.start <= alert.at <= one.end + GRACE]
        hits = [one for one in during if alert.accounts & one.accounts]
        for attack in hits:
            catches[attack.name].append(alert)
        if hits:
            caught_incidents |= {alert.incident} if alert.incident else set()
        elif alert.incident in caught_incidents or any(_is_near(alert, attack) for attack in during):
            neutral += 1
        else:
            whom = alert.account or min(alert.accounts, default=None) or alert.source or "nobody"
            false.add((whom, alert.at.astimezone(truth.zone).date()))
    return Judged(
        outcomes=tuple(_outcome(attack, catches[attack.name]) for attack in truth.attacks),
        false=frozenset(false),
        neutral=neutral,
        alerts=len(live),
        active=truth.active,
    )


def _is_near(alert: Alert, attack: Attack) -> bool:
    return alert.source in attack.sources or bool(alert.accounts & attack.tried)


def _outcome(attack: Attack, catches: Sequence[Alert]) -> Outcome:
    first = min((alert.at for alert in catches), default=None)
    named: dict[str, datetime] = {}
    for alert in sorted(catches, key=lambda one: one.at):
        for account in alert.accounts & attack.accounts:
            named.setdefault(account, alert.at)
    began = attack.shown[0][1] if attack.shown else attack.start
    return Outcome(
        attack=attack.name,
        shape=attack.shape,
        network=attack.network,
        hours=attack.hours,
        caught=first is not None,
        minutes=None if first is None else max(0.0, (first - began).total_seconds() / 60),
        records=len(attack.shown),
        exposed=sum(first is None or at <= first for _, at in attack.shown),
        exposed_by_account=sum(account not in named or at <= named[account] for account, at in attack.shown),
        accounts=len(attack.accounts),
        accounts_named=len(named),
    )


def summarize(judged: Sequence[Judged], *, seed: int = 1) -> Evaluation:
    """Pool the judged alerts of one or several logs into the figures, with bootstrap intervals.

    Attacks are drawn again for recall and exposure, accounts for false alerts: an account's days are not independent.
    """
    rng = np.random.default_rng(seed)
    outcomes = tuple(outcome for one in judged for outcome in one.outcomes)
    shapes = sorted({outcome.shape for outcome in outcomes})
    false, days = _by_account(judged)
    return Evaluation(
        outcomes=outcomes,
        shapes=tuple(_tally(shape, [one for one in outcomes if one.shape == shape], rng) for shape in shapes),
        overall=_tally("all", outcomes, rng),
        alerts=sum(one.alerts for one in judged),
        neutral_alerts=sum(one.neutral for one in judged),
        false=tuple(sorted(pair for one in judged for pair in one.false)),
        false_account_days=int(false.sum()),
        account_days=int(days.sum()),
        false_per_1000=_ratio(false * 1000.0, days, rng),
    )


def _by_account(judged: Sequence[Judged]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return false account-days and active days, one value an account (or an address that an alert named)."""
    false: list[int] = []
    days: list[int] = []
    for one in judged:
        counts: dict[str, int] = {}
        for whom, _ in one.false:
            counts[whom] = counts.get(whom, 0) + 1
        everybody = [*one.active, *(whom for whom in counts if whom not in one.active)]
        false += [counts.get(whom, 0) for whom in everybody]
        days += [one.active.get(whom, 0) for whom in everybody]
    return np.array(false, np.float64), np.array(days, np.float64)


def _ratio(above: np.ndarray[Any, Any], below: np.ndarray[Any, Any], rng: np.random.Generator) -> Interval:
    """Return sum(above) / sum(below) with its bootstrap interval; nan of nothing."""
    total = float(below.sum())
    if not total:
        return Interval(value=float("nan"), low=float("nan"), high=float("nan"))
    drawn = rng.integers(0, len(below), (RESAMPLES, len(below)))
    sums = below[drawn].sum(axis=1)
    ratios = above[drawn].sum(axis=1)[sums > 0] / sums[sums > 0]
    low, high = np.quantile(ratios, (0.025, 0.975))
    return Interval(value=float(above.sum()) / total, low=float(low), high=float(high))


def _tally(shape: str, outcomes: Sequence[Outcome], rng: np.random.Generator) -> Tally:
    caught = np.array([one.caught for one in outcomes], np.float64)
    exposed = np.array([one.exposed for one in outcomes], np.float64)
    records = np.array([one.records for one in outcomes], np.float64)
    minutes = [one.minutes for one in outcomes if one.minutes is not None]
    each = sum(one.exposed_by_account for one in outcomes)
    return Tally(
        shape=shape,
        attacks=len(outcomes),
        recall=_ratio(caught, np.ones(len(outcomes)), rng),
        exposed_median=float(median(exposed)) if len(outcomes) else float("nan"),
        exposed_share=_ratio(exposed, records, rng),
        exposed_by_account_share=each / records.sum() if records.sum() else float("nan"),
        minutes_median=median(minutes) if minutes else None,
    )


HEADERS: Final = ("shape", "attacks", "caught", "95 %", "exposed (median)", "exposed (share)", "minutes (median)")


def table(result: Evaluation) -> list[tuple[str, ...]]:
    """Return the rows of the table under `HEADERS`, all shapes last."""
    return [
        (
            tally.shape,
            str(tally.attacks),
            f"{tally.recall.value:.0%}",
            f"{tally.recall.low:.0%} to {tally.recall.high:.0%}",
            f"{tally.exposed_median:.0f}",
            f"{tally.exposed_share.value:.1%}",
            "never" if tally.minutes_median is None else f"{tally.minutes_median:.0f}",
        )
        for tally in (*result.shapes, result.overall)
    ]


def sentence(result: Evaluation) -> str:
    """Say the whole result in one sentence."""
    false = result.false_per_1000
    return (
        f"{result.overall.recall.value:.0%} of {result.overall.attacks} attacks caught, "
        f"{false.value:.2f} false alerts per 1,000 active account-days ({false.low:.2f} to {false.high:.2f}; "
        f"{result.false_account_days} on {result.account_days}), "
        f"{result.overall.exposed_share.value:.1%} of the records read before the first alert"
    )
