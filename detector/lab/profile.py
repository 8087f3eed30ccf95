"""Measure what each rule costs on a log, beside what all share and what reading the log costs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from detector.clock import monotonic_s
from detector.detect.rules import Rules
from detector.lab.replay import Replay
from detector.telemetry import Telemetry

COLLECT: Final = "(reading: collect)"
QUESTIONS: Final = "(questions that rules share)"
REST: Final = "(putting signals together)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one rule costs; `id` is empty in the rows that no rule has for itself, `alerts` None in a rule's without."""

    id: str
    name: str
    seconds: float
    matches: int | None = None
    alerts: int | None = None


def profile(replay: Replay, rules: Rules, telemetry: Telemetry) -> list[Cost]:
    """Read the log once and return all costs, the dearest first; together they are the whole time it took.

    Give it a `Replay` that does not read ahead: what goes on at the same time cannot be told apart.
    """
    alerts: Counter[str] = Counter()
    observed_s, begun = 0.0, monotonic_s()
    for events in replay.events(telemetry):
        at = monotonic_s()
        found = rules.observe(events)
        alerts.update(found["rule.id"].to_list())
        observed_s += monotonic_s() - at
    total_s = monotonic_s() - begun
    shared_s = rules.shared_s + sum(rules.seconds.values())
    costs = [
        Cost(id="", name=COLLECT, seconds=total_s - observed_s),
        Cost(id="", name=QUESTIONS, seconds=rules.shared_s),
        Cost(id="", name=REST, seconds=observed_s - shared_s),
        *_of_rules(rules, alerts),
    ]
    return sorted(costs, key=lambda cost: -cost.seconds)


def _of_rules(rules: Rules, alerts: Counter[str]) -> Iterator[Cost]:
    for rule in rules.catalogue:
        if rule.key in rules.seconds:
            yield Cost(
                id=rule.id,
                name=rule.title,
                seconds=rules.seconds[rule.key],
                matches=rules.matches[rule.key],
                alerts=alerts[rule.id] if rule.output else None,
            )
