"""Tell when no line comes at an hour when there always are some: who stops the log, blinds the detector.

Silence is measured in event time, from the last line on, against the fewest lines that ever came at such hours: so it
is the same whether it is found as it lasts, or afterwards by the line that ends it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl

from detector import schema
from detector.context.traffic import QUARTER, Traffic
from detector.language import Words

MODEL: Final = "source_silent"
KEY: Final = "portal"
VERSION: Final = "1"
TECHNIQUES: Final = ["T1562"]
"""Impair Defenses. Source: MITRE ATT&CK Enterprise v17."""
TACTICS: Final = ["TA0005"]

AGAIN: Final = timedelta(hours=24)
"""So often a silence that lasts is said again within its incident, which would else close by quiet."""

MOST: Final = timedelta(days=30)
"""How long a silence is followed."""


@dataclass(frozen=True, slots=True)
class Step:
    """A silence of so long, in which so many lines come at least, is of this level.

    Assumptions: no rotation, restart or release of a portal takes a quarter of an hour; and where fewer than thirty
    lines are due, chance and an odd bank holiday are silent too.
    """

    span: timedelta
    lines: int
    level: str


STEPS: Final = (
    Step(timedelta(minutes=15), 30, "medium"),
    Step(timedelta(hours=1), 300, "high"),
)


@dataclass(frozen=True, slots=True)
class Silence:
    """No line from `since` to `at`, in which at least `lines` usually come."""

    since: datetime
    at: datetime
    lines: int
    level: str


class Heartbeat:
    """The silences of one portal. `parts` of a day in event time, and for each: `due`, `returned`, `observe`.

    `ahead`: the last line before a silence that was told by the wall clock, while no line has ended it.
    """

    def __init__(self, traffic: Traffic, words: Words) -> None:
        self.traffic, self.words = traffic, words
        self.told = 0
        self.ahead: datetime | None = None

    def parts(self, events: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Cut events where a silence ended: what follows begins a part. Loops over pauses of a quarter of an hour.

        Shapes: EVENT with LATE, in order -> the same rows.
        """
        timely = events.with_row_index("row").filter(~pl.col(schema.LATE)).select("row", "@timestamp")
        pauses = timely.with_columns(pl.col("@timestamp").shift(1).alias("before")).filter(
            pl.col("@timestamp") - pl.col("before") >= STEPS[0].span
        )
        start = 0
        for row, at, before in pauses.iter_rows():
            if next(self._silences(before, at), None) is not None:
                yield events.slice(start, row - start)
                start = row
        yield events.slice(start)

    def due(self, until: datetime, *, raised: bool) -> list[dict[str, Any]]:
        """Return the signals of the silence that lasts, up to a moment, that were not returned yet.

        `raised`: whether its incident is open. One that a person closed, or that is allowed, is not raised again.
        """
        if self.traffic.last is None or until - self.traffic.last < STEPS[0].span:
            return []
        silences = list(self._silences(self.traffic.last, until))
        fresh, going_on = silences[self.told :], self.told > 0
        self.told = len(silences)
        return [self._signal(one) for one in fresh] if raised or not going_on else []

    def signals(self, last: datetime, until: datetime) -> list[dict[str, Any]]:
        """Return all signals of a silence from `last` on, up to a moment, and change nothing."""
        return [self._signal(one) for one in self._silences(last, until)]

    def returned(self, at: datetime) -> dict[str, Any] | None:
        """End the silence that was told, by the line that came at a moment; return what it was, a row of REASON."""
        last = self.traffic.last
        told, self.told = self.told, 0
        if not told or last is None:
            return None
        reason = self._reason(Silence(last, at, round(self._expected(last, at)), ""), "silence.over", end=_utc(at))
        self.traffic.blind(last, at)
        return reason

    def observe(self, events: pl.DataFrame) -> None:
        """Count lines. Shapes: EVENT with LATE, in order."""
        self.traffic.observe(events.filter(~pl.col(schema.LATE)).get_column("@timestamp"))

    def _silences(self, last: datetime, until: datetime) -> Iterator[Silence]:
        """Yield when a silence reaches each step, before a moment; then so every day. Loops over its quarters."""
        reached, again = 0, last + AGAIN
        for begin, end, lines, rate in self._quarters(last, until):
            while reached < len(STEPS) and (at := _reaches(STEPS[reached], last, begin, end, lines, rate)) is not None:
                if at >= until:
                    return
                yield Silence(last, at, round(lines + rate * (at - begin).total_seconds()), STEPS[reached].level)
                reached += 1
            if reached == len(STEPS) and begin <= again < min(end, until):
                yield Silence(last, again, round(lines + rate * (again - begin).total_seconds()), STEPS[-1].level)
            again += AGAIN if again < end else timedelta()

    def _quarters(self, last: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, float, float]]:
        """Yield each quarter of an hour from `last` on: begin, end, lines that lack by then, and how many a second."""
        lines, begin = 0.0, last
        while begin < min(until, last + MOST):
            end = datetime.fromtimestamp((begin.timestamp() // _QUARTER_S + 1) * _QUARTER_S, UTC)
            rate = self.traffic.least(begin, last) / _QUARTER_S
            yield begin, end, lines, rate
            lines += rate * (end - begin).total_seconds()
            begin = end

    def _expected(self, last: datetime, until: datetime) -> float:
        """Return how many lines lack at least when a silence ends."""
        *_, (begin, end, lines, rate) = self._quarters(last, until)
        return lines + rate * (min(end, until) - begin).total_seconds()

    def _signal(self, silence: Silence) -> dict[str, Any]:
        reason = self._reason(silence, "silence.lasts")
        return {
            "@timestamp": silence.at,
            "signal.start": silence.since,
            "signal.kind": "model",
            "rule.id": MODEL,
            "rule.name": "The source is silent",
            "rule.version": VERSION,
            "rule.level": silence.level,
            "signal.key": KEY,
            "signal.risk": schema.RISK[silence.level],
            "threat.technique.id": TECHNIQUES,
            "threat.tactic.id": TACTICS,
            "related.user": [],
            "related.ip": [],
            "signal.count": 0,
            "signal.text": self.words.say("silence.sentence", reason=reason["text"]),
            "portal.reasons": [reason],
        }

    def _reason(self, silence: Silence, key: str, **told: str) -> dict[str, Any]:
        minutes = (silence.at - silence.since) / timedelta(minutes=1)
        span = ("span.minute", minutes) if minutes < 120 else ("span.hour", minutes / 60)
        text = self.words.say(
            key,
            since=_utc(silence.since),
            span=self.words.say(span[0], count=round(span[1])),
            lines=silence.lines,
            **told,
        )
        return {
            "feature": MODEL,
            "observed": 0.0,
            "expected": float(silence.lines),
            "unit": self.words.say("unit.lines_at_least"),
            "surprise": None,
            "history_days": self.traffic.known_days(silence.since),
            "baseline": None,
            "text": text,
        }

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, for `restore`."""
        told = {"told": self.told, "ahead": self.ahead and self.ahead.isoformat()}
        return {**self.traffic.snapshot(), "heartbeat": json.dumps(told).encode()}

    def restore(self, saved: Mapping[str, bytes]) -> None:
        """Take up what `snapshot` gave."""
        self.traffic.restore(saved)
        told = json.loads(saved.get("heartbeat", b'{"told": 0, "ahead": null}'))
        self.told, self.ahead = told["told"], told["ahead"] and datetime.fromisoformat(told["ahead"])


_QUARTER_S: Final = QUARTER.total_seconds()


def _reaches(step: Step, last: datetime, begin: datetime, end: datetime, lines: float, rate: float) -> datetime | None:
    """Return when a silence reaches a step between `begin` and `end`, at so many lines a second; None if not there."""
    lacking = step.lines - lines
    if lacking > 0 and rate == 0:
        return None
    at = max(begin, last + step.span, begin + timedelta(seconds=max(0.0, lacking) / rate if lacking > 0 else 0.0))
    at = at.replace(microsecond=0) + timedelta(seconds=1)  # no sum of fractions decides an alert's id
    return at if at <= end else None


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
