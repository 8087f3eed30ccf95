"""What an incident rests on: signals folded into one bounded, savable record."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from detector.emit.alert.record import Reason
from detector.schema import LEVELS, RISK

MAX_NAMES: Final = 100
"""Names of one sort an incident keeps, first come first kept: a SIEM's field takes no more with profit."""

MAX_REASONS: Final = 12

Signal = dict[str, Any]
"""One row of a SIGNAL frame. Signals are few: this is where columns end."""


def seen_at(signal: Signal) -> datetime:
    """Return when a signal could be known in event time: later than its event, where that came too late."""
    moment: datetime = signal.get("signal.came") or signal["@timestamp"]
    return moment


def level_of(signal: Signal) -> int:
    """Return the index in LEVELS that a signal reaches: by its rule's level or by its risk, whichever is higher."""
    by_risk = [index for index, level in enumerate(LEVELS) if (signal["signal.risk"] or 0.0) >= RISK[level]]
    named = LEVELS.index(signal["rule.level"]) if signal["rule.level"] in LEVELS else 0
    return max([named, *by_risk])


def reasons_of(signal: Signal) -> list[Reason]:
    """Return the signal's reasons; a rule that gives none is its own: the count that met its condition."""
    given = [reason_of(each) for each in signal["portal.reasons"] or ()]
    if given:
        return given
    text = signal["signal.text"] or signal["rule.name"] or signal["rule.id"]
    observed = None if signal["signal.count"] is None else float(signal["signal.count"])
    return [Reason(feature=signal["rule.id"], observed=observed, expected=None, unit="events", surprise=None,
                   history_days=None, baseline=None, text=text)]  # fmt: skip


def reason_of(each: dict[str, Any]) -> Reason:
    """Return a row of REASON, without numbers that no JSON can hold."""
    finite = {
        name: value if value is None or math.isfinite(value) else None
        for name, value in each.items()
        if name in ("observed", "expected", "surprise")
    }
    return Reason(**(each | finite | {"feature": each["feature"] or "", "text": each["text"] or ""}))


@dataclass(slots=True)
class Evidence:
    """Signals so far: their span, names, techniques, reasons. Bounded by MAX_NAMES and MAX_REASONS."""

    start: datetime
    end: datetime
    count: int = 0
    users: list[str] = field(default_factory=list)
    ips: list[str] = field(default_factory=list)
    techniques: list[str] = field(default_factory=list)
    tactics: list[str] = field(default_factory=list)
    reasons: dict[str, Reason] = field(default_factory=dict)

    def add(self, signal: Signal) -> None:
        """Take a signal in."""
        self.count += 1
        self.start = min(self.start, signal["signal.start"] or signal["@timestamp"])
        self.end = max(self.end, signal["@timestamp"])
        join(self.users, [signal["user.name"], *(signal["related.user"] or ())])
        join(self.ips, [signal["source.ip"], *(signal["related.ip"] or ())])
        join(self.techniques, signal["threat.technique.id"] or ())
        join(self.tactics, signal["threat.tactic.id"] or ())
        for reason in reasons_of(signal):
            known = self.reasons.get(reason.feature)
            if known is None or (reason.surprise or 0.0) >= (known.surprise or 0.0):
                self.reasons[reason.feature] = reason
        if len(self.reasons) > MAX_REASONS:
            self.reasons = {reason.feature: reason for reason in self.strongest()}

    def strongest(self) -> list[Reason]:
        """Return the reasons, most surprising first."""
        ranked = sorted(self.reasons.values(), key=lambda one: (-(one.surprise or 0.0), one.feature))
        return ranked[:MAX_REASONS]

    def as_tree(self) -> dict[str, Any]:
        """Return plain values, read back by `from_tree`."""
        return asdict(self) | {"start": self.start.isoformat(), "end": self.end.isoformat()}

    @classmethod
    def from_tree(cls, tree: dict[str, Any]) -> "Evidence":
        """Read what `as_tree` returned."""
        times = {name: datetime.fromisoformat(tree[name]) for name in ("start", "end")}
        return cls(**(tree | times | {"reasons": {name: Reason(**one) for name, one in tree["reasons"].items()}}))


def signal_to_json(signal: Signal) -> str:
    """Write a signal that waits as evidence."""
    return json.dumps(signal, default=datetime.isoformat)


def signal_from_json(text: str) -> Signal:
    """Read what `signal_to_json` wrote."""
    signal: Signal = json.loads(text)
    for name in ("@timestamp", "signal.start", "signal.came"):
        signal[name] = signal.get(name) and datetime.fromisoformat(signal[name])
    return signal


def join(names: list[str], more: Iterable[str | None]) -> None:
    """Add names that are not there yet, as long as there is room."""
    for name in more:
        if name is not None and name not in names and len(names) < MAX_NAMES:
            names.append(name)
