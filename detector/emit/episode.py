"""One incident from opening to close, and the alert that each of its turns is told by."""

import hashlib
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from detector.clock import rfc3339
from detector.emit.alert import Alert
from detector.emit.alert.record import State
from detector.emit.closing import QUIET, Closing
from detector.emit.evidence import Evidence, Signal, join, level_of, seen_at
from detector.language import Words
from detector.schema import LEVELS, RISK

_LEAD: Final = (
    "rule.id", "rule.name", "rule.version", "signal.kind", "source.ip",
    "source.geo.country_iso_code", "portal.network", "portal.client",
)  # fmt: skip
"""What an alert says of the one signal it speaks for."""


def key_of(signal: Signal) -> str:
    """Return what an incident is about: the account, else the address (IPv6: its /64), else what was counted."""
    if signal["user.name"] is not None:
        return f"user.name={signal['user.name']}"
    if signal["source.ip"] is not None:
        return f"source.ip={_network(signal['source.ip'])}"
    return f"{signal['rule.id']} {signal['signal.key']}"


def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


@dataclass(slots=True)
class Episode:
    """An open incident. `last` is its last alarming signal, `since` the first event an alarm rests on."""

    key: str
    id: str
    account: str | None
    opened: datetime
    last: datetime
    since: datetime
    level: int
    lead: dict[str, str | None]
    evidence: Evidence
    risk: float = 0.0
    families: list[str] = field(default_factory=list)
    joins: int = 0
    subjects_count: int = 0
    together: list[str] = field(default_factory=list)
    """Accounts that a model found abused together, where the incident is of no single one."""
    abused: bool = False
    """Whether a person confirmed it."""

    @classmethod
    def opened_by(cls, key: str, lead: Signal, waiting: Sequence[Signal]) -> "Episode":
        """Open on the signal that weighs most, with the weak ones that came before as evidence."""
        moment = seen_at(lead)
        episode = cls(
            key=key,
            id=digest(key, lead["rule.id"], rfc3339(moment))[:20],
            account=lead["user.name"],
            opened=moment,
            last=moment,
            since=lead["signal.start"] or lead["@timestamp"],
            level=level_of(lead),
            lead={name: lead[name] for name in _LEAD},
            evidence=Evidence(start=moment, end=moment),
        )
        episode.absorb(waiting, ())
        return episode

    @property
    def accounts(self) -> list[str]:
        """The accounts whose doing it is; a name that was merely tried is none."""
        return self.together if self.account is None else [self.account]

    def is_news(self, signal: Signal, least: int, max_joins: int) -> bool:
        """Say whether an alarm is worth an alert more: it raises the level, or another rule of weight joins."""
        if level_of(signal) > self.level:
            return True
        joins = signal["rule.id"] not in self.families and level_of(signal) >= max(least, LEVELS.index("medium"))
        return joins and self.joins < max_joins

    def absorb(self, signals: Sequence[Signal], alarms: Sequence[Signal]) -> None:
        """Take signals in as evidence; `alarms` among them count for level, families and quiet."""
        for signal in signals:
            self.evidence.add(signal)
            self.risk = max(self.risk, signal["signal.risk"] or 0.0)
        for alarm in alarms:
            self.last = max(self.last, seen_at(alarm))
            self.since = min(self.since, alarm["signal.start"] or alarm["@timestamp"])
            if self.account is None and alarm["signal.kind"] == "model":
                join(self.together, alarm["related.user"] or ())
        self.families += sorted({alarm["rule.id"] for alarm in alarms} - set(self.families))
        top = max(alarms, key=level_of, default=None)
        if top is not None and level_of(top) > self.level:
            self.level, self.lead = level_of(top), {name: top[name] for name in _LEAD}

    def as_json(self) -> str:
        """Write the episode, read back by `from_json` without loss."""
        tree = asdict(self) | {"evidence": self.evidence.as_tree()}
        return json.dumps(tree, default=datetime.isoformat)

    @classmethod
    def from_json(cls, text: str) -> "Episode":
        """Read what `as_json` wrote."""
        tree: dict[str, Any] = json.loads(text)
        tree |= {name: datetime.fromisoformat(tree[name]) for name in ("opened", "last", "since")}
        return cls(**(tree | {"evidence": Evidence.from_tree(tree["evidence"])}))


def draft(
    episode: Episode,
    state: State,
    signal: Signal | None,
    moment: datetime,
    *,
    related: tuple[str, ...] = (),
    runbook: Sequence[str] = (),
    closing: Closing = QUIET,
    words: Words,
) -> Alert:
    """Return the alert of an episode's turn at `moment`; `signal` is what turned it, None at the close.

    `related` are incidents that may belong to it, `runbook` the steps of the signal's rule.
    """
    evidence, level = episode.evidence, LEVELS[episode.level]
    lead = episode.lead if signal is None else {name: signal[name] for name in _LEAD}
    rule_id = lead["rule.id"] or ""
    return Alert(
        id=digest(episode.id, state, rule_id, rfc3339(moment), level)[:32],
        timestamp=moment,
        start=evidence.start,
        end=max(evidence.end, moment) if signal is not None else evidence.end,
        level=level,
        risk=min(100.0, max(episode.risk, RISK[level])),
        rule_id=rule_id,
        rule_name=lead["rule.name"] or rule_id,
        rule_category=lead["signal.kind"] or "rule",
        rule_version=lead["rule.version"] or "1",
        account=episode.account,
        users=tuple(evidence.users),
        source_ip=lead["source.ip"],
        ips=tuple(evidence.ips),
        techniques=tuple(evidence.techniques),
        tactics=tuple(evidence.tactics),
        country=lead["source.geo.country_iso_code"],
        network=lead["portal.network"],
        client=lead["portal.client"],
        message=_message(episode, state, signal, closing, words),
        next_step=" ".join(runbook) or _next_step(episode, None if signal else closing, words),
        incident_id=episode.id,
        state=state,
        related_incidents=related,
        reasons=(*([closing.reason] if signal is None and closing.reason else ()), *evidence.strongest()),
        signals_count=evidence.count,
        subjects_count=episode.subjects_count,
        language=words.language,
    )


def digest(*parts: str) -> str:
    """Return a stable identifier of `parts`: the same input gives the same one, in every process."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _who(episode: Episode, words: Words) -> str:
    if episode.account is not None:
        return words.say("who.account", account=episode.account)
    if episode.together and not episode.lead["source.ip"]:
        return words.say("who.together", accounts=len(episode.together))
    if episode.lead["source.ip"]:
        return words.say("who.address", address=episode.key.removeprefix("source.ip="))
    return words.name(f"who.{episode.lead['rule.id']}", episode.key)


def _message(episode: Episode, state: State, signal: Signal | None, closing: Closing, words: Words) -> str:
    if signal is not None:
        rule = signal["rule.name"] or signal["rule.id"]
        said = str(signal["signal.text"] or words.say("alert.met", who=_who(episode, words), rule=rule))
        level = LEVELS[episode.level]
        escalated = state == "escalated"
        return words.say("alert.escalated", level=words.name(f"level.{level}", level), said=said) if escalated else said
    evidence = episode.evidence
    return words.say(
        "alert.closed",
        who=_who(episode, words),
        why=words.say(f"closed.{closing.kind}", who=closing.who, reason=closing.reason.text if closing.reason else ""),
        signals=evidence.count,
        start=rfc3339(evidence.start),
        end=rfc3339(evidence.end),
        subjects=episode.subjects_count,
    )


def _next_step(episode: Episode, closing: Closing | None, words: Words) -> str:
    if closing is not None:
        return words.say(f"after.{closing.kind}", incident=episode.id)
    address = episode.lead["source.ip"]
    from_there = words.say("next.from", address=address) if address else ""
    what = "together" if episode.together else "address" if episode.account is None else "account"
    return words.say(f"next.{what}", account=episode.account, from_there=from_there)
