"""What somebody judged: a rule, its alerts that were right, and those that were false; and what is proposed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from detector.clock import rfc3339
from detector.config import Config
from detector.detect.rules import Rule, Rules
from detector.errors import DetectorError
from detector.lab.truth import Alert
from detector.lab.tune.document import document, text
from detector.lab.tune.search import Candidate

SHOWN = 5
"""Alerts that a message names."""


class NoFilterError(DetectorError):
    """No filter exists, or none can be proved: an answer, and no fault of the user's."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A filter as YAML, and what is known of it.

    `lost` are alerts that it takes away beside those given, of the rule and of rules that count it. Where no log was
    read neither that nor how many events it mutes is known.
    """

    text: str
    candidate: Candidate | None
    dropped: int
    kept: int
    lost: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Alerts of one rule that are to stay and to go; `ignored` counts those given of other rules and of closings.

    `affected` are the rule and those that count it, by key: their alerts may change.
    """

    rule: Rule
    rules: Rules
    config: Config
    folders: tuple[Path, ...]
    keep: tuple[Alert, ...]
    drop: tuple[Alert, ...]
    reason: str
    until: date
    affected: frozenset[str]
    ignored: int

    @classmethod
    def of(
        cls,
        name: str,
        config: Config,
        folders: Sequence[Path],
        *,
        keep: Sequence[Alert],
        drop: Sequence[Alert],
        reason: str,
        until: date,
    ) -> "Judged":
        """Find the rule and sort the alerts. Raises: DetectorError where nothing, or the contrary, is asked."""
        rules = Rules.load(config, folders)
        rule = _one(rules.named(name), name)
        affected = _affected(rule, rules)
        ids = {one.id for one in rules.catalogue if one.key in affected}
        mine = [one for one in keep if one.rule in ids and one.state != "closed"]
        false = [one for one in drop if one.rule == rule.id and one.state != "closed"]
        if not false:
            raise DetectorError(f"--drop holds no alert of rule {rule.title!r} ({rule.id})")
        if both := [one for one in mine if one in false]:
            raise DetectorError(f"given both to --keep and to --drop: {named(both)}")
        return cls(
            rule=rule,
            rules=rules,
            config=config,
            folders=tuple(folders),
            keep=tuple(mine),
            drop=tuple(false),
            reason=reason,
            until=until,
            affected=affected,
            ignored=len(keep) + len(drop) - len(mine) - len(false),
        )

    @property
    def zone(self) -> str:
        """The zone whose hours a filter may ask for."""
        return self.config.calendar.timezone

    def speaking(self, rules: Rules) -> Rules:
        """Give the pack in which only the affected rules speak."""
        return Rules(
            [replace(one, output=one.output and one.key in self.affected) for one in rules.catalogue], self.config
        )

    def written(self, candidate: Candidate) -> str:
        """Write a candidate as a Sigma filter."""
        return text(document(candidate, self.rule, self.rules, reason=self.reason, until=self.until))

    def loaded(self, path: Path) -> Rules:
        """Load the pack with the filter in the file `path`; the affected rules speak."""
        return self.speaking(Rules.load(self.config, [*self.folders, path]))


def named(alerts: Sequence[Alert]) -> str:
    """Name some alerts by time and whom they are about."""
    return listed([f"{rfc3339(one.at)} {one.account or one.source or ''}".strip() for one in alerts])


def listed(texts: Iterable[str]) -> str:
    """Write the first texts, and how many more there are."""
    texts = list(texts)
    return ", ".join(texts[:SHOWN]) + (f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else "")


def _one(found: Sequence[Rule], name: str) -> Rule:
    speaking = [rule for rule in found if rule.output]
    if len(speaking) != 1:
        why = "raises no alerts of its own" if not speaking else f"means {len(speaking)} rules; give the id"
        raise DetectorError(f"rule {name!r} {why}")
    if not (speaking[0].name or "id" in speaking[0].said):
        raise DetectorError(f"rule {name!r} has neither id nor name, by which a filter could mean it")
    return speaking[0]


def _affected(rule: Rule, rules: Rules) -> frozenset[str]:
    """Give the keys of the rule and of all that count it; the catalogue has what is counted first."""
    keys = {rule.key}
    for one in rules.catalogue:
        if one.correlation is not None and keys & set(one.correlation.inputs):
            keys.add(one.key)
    return frozenset(keys)
