"""Find the rules that a configuration asks for, and set them as it says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from detector.config import Config, shipped
from detector.config import Rules as Settings
from detector.detect.rules.load import Loader
from detector.detect.rules.pipelines import Pipelines
from detector.detect.rules.spec import COUNTS, Correlation, Measure, Rule
from detector.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The rules that were found. Only where there is no fault are they fit to run.

    `doubtful` is what rules at fault are called, `unread` whether there are rules that nobody could read.
    """

    rules: tuple[Rule, ...]
    faults: list[Fault] = field(default_factory=list)
    doubtful: frozenset[str] = frozenset()
    unread: bool = False

    @property
    def called(self) -> dict[str, Rule]:
        """Each rule by all that it is called."""
        return {name: rule for rule in self.rules for name in (rule.key, rule.id, rule.name, rule.title) if name}

    def no_rule(self, name: str, how: str = "") -> str:
        """Say that there is none of that name, as far as can be told."""
        return f"no rule {how}{name!r}" + (" in what can be read" if self.unread else "")


def find(config: Config, extra_folders: Iterable[Path] = (), *, unread: bool = False) -> Found:
    """Read the shipped pack and the folders named, with every fault of them and of what `config` says of rules.

    `unread`: the configuration may name more folders, but nobody could read that.
    """
    own = [shipped("rules")] if config.rules.shipped else []
    loader = Loader(zone=config.calendar.timezone, pipelines=Pipelines(config.rules.pipelines))
    rules = loader.read([*config.rules.folders, *extra_folders], ours=own)
    doubtful, unread = frozenset(loader.doubtful), unread or loader.unread
    found = Found(rules=rules, faults=loader.faults, doubtful=doubtful, unread=unread)
    changed, faults = adjusted(found, config.rules)
    return replace(found, rules=changed, faults=[*found.faults, *faults])


def adjusted(found: Found, settings: Settings) -> tuple[tuple[Rule, ...], list[Fault]]:
    """Apply the configuration's overrides; faults for rules that do not exist or have no count."""
    called, faults = found.called, list[Fault]()
    changed = {rule.key: rule for rule in found.rules}
    for place, name in enumerate(settings.disabled):
        if name in called:
            key = called[name].key
            changed[key] = replace(changed[key], output=False)
        elif name not in found.doubtful:
            faults.append(settings.fault(found.no_rule(name), "disabled", place))
    for name, given in settings.thresholds.items():
        if name in found.doubtful:
            continue
        numbers = given if isinstance(given, tuple) else (given,)
        rule = called.get(name)
        if rule is None or rule.correlation is None or not rule.correlation.measures:
            why = found.no_rule(name) if rule is None else f"nothing is counted by rule {name!r}"
            faults.append(settings.fault(why, "thresholds", name))
        elif len(numbers) > len(rule.correlation.measures):
            why = f"rule {name!r} has {len(rule.correlation.measures)} thresholds, {len(numbers)} came"
            faults.append(settings.fault(why, "thresholds", name))
        else:
            changed[rule.key] = replace(changed[rule.key], correlation=_rebound(rule.correlation, numbers))
    return tuple(changed.values()), faults


def _rebound(correlation: Correlation, numbers: Sequence[float | None]) -> Correlation:
    """Put `numbers` in the place of the first bound of each measure; None, and what is not said, keeps it."""
    kept = correlation.measures[len(numbers) :]
    measures = tuple(
        measure if number is None else _bounded(measure, number)
        for measure, number in zip(correlation.measures, numbers, strict=False)
    )
    counts = (2 * one.bounds.least for one in measures if one.kind in COUNTS[:2])
    return replace(correlation, measures=(*measures, *kept), cap=max(correlation.cap, *counts, 1))


def _bounded(measure: Measure, number: float) -> Measure:
    absolute = bool(measure.bounds.pairs)
    bounds = measure.bounds if absolute else measure.times
    (operator, _), *rest = bounds.pairs
    bounds = replace(bounds, pairs=((operator, float(number)), *rest))
    return replace(measure, bounds=bounds) if absolute else replace(measure, times=bounds)
