"""Prove a filter from alerts alone, where that can be done: a rule of single events, and fields that alerts carry.

A rule of single events fires, then is silent for the account and address it fired for. A filter that asks for these
alone takes away all events of such a group or none: no alert can move, and none that it does not name can change.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl

from detector.clock import rfc3339
from detector.detect.rules import Rule
from detector.emit.episode import digest
from detector.lab.truth import Alert
from detector.lab.tune.atoms import common
from detector.lab.tune.judged import Judged, NoFilterError, Proposal, named
from detector.lab.tune.search import Candidate, apart, length
from detector.schema import EVENT, conform

CARRIED: Final = ("user.name", "source.ip")
"""What an alert carries of its event without a doubt."""


def tune_from_alerts(judged: Judged) -> Proposal:
    """Propose a filter without reading a log. Raises: NoFilterError where that proves nothing, or none exists."""
    rule = judged.rule
    fields = {name for name in CARRIED if name in rule.custom.per}
    if why := _unprovable(judged, fields):
        raise NoFilterError(f"{why}. Give the logs that the alerts came from")
    drop, keep = _events(judged.drop), _events(judged.keep)
    atoms = [atom for atom in common(drop, judged.zone) if atom.column in fields]
    found = min(apart(atoms, keep, judged.zone), key=length, default=None)
    if found is None:
        told = " or ".join(sorted(fields))
        raise NoFilterError(
            f"by {told} the alerts to drop cannot be told from those to keep. Give the logs: they tell more"
        )
    text = judged.written(Candidate(selections=(found,)))
    with TemporaryDirectory(prefix="detector-tune-") as folder:
        path = Path(folder) / "filter.yml"
        path.write_text(text, "utf-8")
        judged.loaded(path)  # what the loader refuses is no filter
    return Proposal(
        text=text,
        candidate=None,
        dropped=len(judged.drop),
        kept=len(judged.keep),
        lost=None,
    )


def _unprovable(judged: Judged, fields: Collection[str]) -> str | None:
    """Say why alerts alone prove nothing of a rule."""
    rule = judged.rule
    if rule.correlation is not None:
        return (
            f"rule {rule.title!r} counts events, and a filter takes them away before they are counted: whether the"
            " alerts to keep still fire cannot be told from the alerts"
        )
    if rule.mute_us == 0 or not fields:
        return f"the alerts of rule {rule.title!r} do not carry what it falls silent by"
    if others := [one for one in judged.keep if one.rule != rule.id]:
        return f"alerts to keep are of rules that count {rule.title!r}: {named(others)}"
    if doubtful := [one for one in (*judged.drop, *judged.keep) if not _certain(one, rule)]:
        return f"of these alerts it cannot be told whether their account is that of the event: {named(doubtful)}"
    return None


def _certain(alert: Alert, rule: Rule) -> bool:
    """Whether the alert's account is that of the event: its id, or its incident's, is made of it."""
    at = rfc3339(alert.at)
    carried = {"user.name": alert.account, "source.ip": alert.source}
    key = " ".join(f"{name}={carried.get(name)}" for name in rule.custom.per if carried.get(name) is not None)
    opened_by = digest(f"user.name={alert.account}", rule.id, at)[:20]
    return alert.id == digest(rule.id, at, key)[:32] or alert.incident == opened_by


def _events(alerts: Sequence[Alert]) -> pl.DataFrame:
    """Make of alerts what they carry of their events. Shapes: n alerts -> n rows in EVENT."""
    rows = [{"@timestamp": one.at, "user.name": one.account, "source.ip": one.source} for one in alerts]
    schema = {name: EVENT[name] for name in ("@timestamp", *CARRIED)}
    return conform(pl.DataFrame(rows, schema=schema), EVENT)
