"""Gather what there is to tell of one incident."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote
from typing import Final

from detector.clock import rfc3339
from detector.emit.alert import Reason
from detector.emit.verdicts import Verdict
from detector.inquire.chronicle import Incident, find, incidents
from detector.inquire.companions import Address, Companion, addresses, companions
from detector.inquire.hours import Hour, by_day, hours
from detector.inquire.memory import Memory
from detector.inquire.usual import Usual, usual

BEFORE: Final = timedelta(hours=6)
"""Activity told from before the first evidence on: how quiet it was."""

AFTER: Final = timedelta(days=1)
"""Activity told behind the last evidence: alerts are few, and what they tell of goes on."""

MOST_HOURS: Final = 48
"""Hours with activity beyond which it is told by day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened at a moment: an alert, or what a person decided (`verdict`)."""

    at: datetime
    kind: str
    level: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is told of an incident. Of one without an account, `habit` is None and `activity` is empty.

    `subjects_count` persons were displayed by the last alert; `most_subjects_count`, at most, from the first hour of
    the evidence to the end of `activity`, which is by the hour, or by the day where `daily`. `commands` come next.
    `outcomes` say by number what came of verdicts that took effect.
    """

    incident: str
    level: str
    state: str
    risk: float
    account: str | None
    who: str
    start: datetime
    last: datetime
    subjects_count: int
    most_subjects_count: int
    users: tuple[str, ...]
    techniques: tuple[str, ...]
    moments: tuple[Moment, ...]
    daily: bool
    activity: tuple[Hour, ...]
    habit: Usual | None
    reasons: tuple[Reason, ...]
    addresses: tuple[Address, ...]
    companions: tuple[Companion, ...]
    verdicts: tuple[Verdict, ...]
    outcomes: dict[int, str]
    next_step: str
    commands: tuple[str, ...]


def explain(memory: Memory, asked: str, state: Path) -> Explanation:
    """Explain the incident of an alert's or an incident's id, or the beginning of one. Raises: InputError."""
    every = incidents(memory.alerts)
    incident = find(every, asked)
    habit = None if incident.account is None else usual(memory, incident.account)
    span = (incident.start - BEFORE, incident.last + AFTER)
    activity = [] if habit is None else hours(memory, memory.hours([habit.account]), habit, *span)
    begun = incident.start.replace(minute=0, second=0, microsecond=0)
    daily = len(activity) > MOST_HOURS
    places = addresses(memory, incident)
    entered = sorted({name for one in places for name in one.entered} & set(incident.users))
    verdicts = tuple(one for one in memory.verdicts() if one.incident == incident.id)
    ruled = memory.rulings()
    return Explanation(
        incident=incident.id,
        level=incident.level,
        state=incident.state,
        risk=incident.alert.risk,
        account=incident.account,
        who=incident.who,
        start=incident.start,
        last=incident.last,
        subjects_count=incident.subjects_count,
        most_subjects_count=max(incident.subjects_count, sum(one.persons for one in activity if one.start >= begun)),
        users=incident.users,
        techniques=incident.alert.techniques,
        moments=_moments(memory, incident),
        daily=daily,
        activity=tuple(by_day(activity) if daily else activity),
        habit=habit,
        reasons=incident.reasons,
        addresses=places,
        companions=companions(memory, incident, every),
        verdicts=verdicts,
        outcomes={one.seq: ruled[one.seq] for one in verdicts if one.seq in ruled},
        next_step=incident.alert.next_step,
        commands=tuple(_commands(incident, entered, state)),
    )


def _moments(memory: Memory, incident: Incident) -> tuple[Moment, ...]:
    zone = memory.config.zone
    told = [
        Moment(at=one.timestamp.astimezone(zone), kind=one.state, level=one.level, text=one.message)
        for one in incident.alerts
    ]
    return (
        Moment(at=incident.start.astimezone(zone), kind="evidence", level=None, text=memory.words.say("explain.first")),
        *told,
    )


def _commands(incident: Incident, entered: Sequence[str], state: Path) -> Sequence[str]:
    at = f"--state {quote(str(state))}"
    since = rfc3339(incident.start)  # and no end: an abuse goes on behind the last signal of its incident
    accounts = [incident.account] if incident.account else [*entered, *incident.users][:1]
    anybody = accounts or incident.alert.source_ip
    told = [f"detector scope --incident {incident.id} {at} ARCHIVES"] if anybody else []
    named = [f"-- {quote(one)}" if one.startswith("-") else quote(one) for one in accounts]
    told += [f"detector timeline {at} --since {since} {one} ARCHIVES" for one in named]
    told += [f"detector baseline {at} {one}" for one in named]
    if incident.open and anybody:
        told.append(f"detector export blocklist {at}")
    told += [f"detector feedback {incident.id} {verdict} {at} --note '...'" for verdict in ("confirmed", "benign")]
    return told
