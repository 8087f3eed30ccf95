"""Run the rules over the stream of events: Sigma on columns, in event time, with memory that can be saved."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from detector.clock import monotonic_s
from detector.config import Config
from detector.detect.arrival import as_they_came
from detector.detect.rules.allow import Allowances, read
from detector.detect.rules.batch import Batch
from detector.detect.rules.correlate import Correlator, Match
from detector.detect.rules.fields import resolve
from detector.detect.rules.firing import Firing, fire
from detector.detect.rules.found import find
from detector.detect.rules.keys import Index, Mask, codes, combine, text
from detector.detect.rules.matcher import Answers, Matcher, holds
from detector.detect.rules.muted import Muted
from detector.detect.rules.names import Names
from detector.detect.rules.predicate import leaves
from detector.detect.rules.speak import signals
from detector.detect.rules.spec import Filter, Rule
from detector.errors import DetectorError, FaultsError
from detector.language import Words
from detector.schema import SIGNAL, empty

BEGINNING_US = -(2**62)
DAY_US = 86_400_000_000


class Rules:
    """A pack of rules with their memory.

    - `catalogue`: every rule, in the order in which they are evaluated
    - `muted`: events kept from rules, by the reason of the allow-list or the title of the filter; `muted_latest`:
      the last of them
    - `notes`: what is allowed but worth knowing, such as a field that no log carries
    - `seconds`, `matches`: time spent and rows matched, by rule key
    - `shared_s`: time spent on what no rule has for itself: the questions, the allow-lists
    - `held`: by rule key, the rows of the batch observed last on which the rule holds
    - `names`: the texts that windows refer to by hashes
    """

    def __init__(self, catalogue: Sequence[Rule], config: Config) -> None:
        self.catalogue = tuple(catalogue)
        self.notes = tuple(_notes(self.catalogue))
        self.seconds: dict[str, float] = {}
        self.matches: Counter[str] = Counter()
        self.shared_s = 0.0
        self.held: dict[str, Index] = {}
        self._end_us = BEGINNING_US
        self._words = Words.of(config.language)
        self._wanted = self._needed()
        self._muted = Muted()
        self._allow = Allowances(config.allow, self.catalogue, config.zone, self._muted)
        filters = [one.tree for rule in self._wanted for one in rule.filters]
        self._matcher = Matcher([*(rule.tree for rule in self._wanted if rule.tree), *filters])
        most, retain_us = config.state.max_rows_per_window, config.state.retain_days * DAY_US
        self.names = Names()
        self._correlators = {
            rule.key: Correlator(rule, rule.correlation, self.names, max_rows=most, retain_us=retain_us)
            for rule in self._wanted
            if rule.correlation
        }
        single = [rule for rule in self._wanted if rule.correlation is None and rule.output]
        self._firing = {rule.key: Firing(rule.mute_us) for rule in single}
        self._late = {rule.key: Firing(rule.mute_us) for rule in single}

    @classmethod
    def load(cls, config: Config, extra_folders: Sequence[Path] = ()) -> "Rules":
        """Load the shipped pack and the folders named. Raises: FaultsError with every fault of every file."""
        found = find(config, extra_folders)
        if found.faults:
            raise FaultsError(found.faults)
        return cls(found.rules, config)

    def named(self, *names: str) -> list[Rule]:
        """Give the rules of these ids, names or titles; all of them for none. Raises: DetectorError."""
        found = [rule for rule in self.catalogue if not names or {rule.key, rule.id, rule.name, rule.title} & {*names}]
        known = {called for rule in found for called in (rule.key, rule.id, rule.name, rule.title)}
        if missing := [name for name in names if name not in known]:
            raise DetectorError(f"no rule {', '.join(map(repr, missing))}; `detector rules list` names them all")
        return found

    @property
    def muted(self) -> dict[str, int]:
        """Events kept from rules so far, by reason."""
        return dict(self._muted.count)

    @property
    def muted_latest(self) -> dict[str, list[dict[str, Any]]]:
        """The last events kept from rules, by reason: for which rule, when, whose, and where the line stands."""
        return {reason: list(events) for reason, events in self._muted.latest.items()}

    @property
    def evicted(self) -> dict[str, int]:
        """Rows dropped from windows because there were too many, by rule key."""
        return {key: one.carry.evicted for key, one in self._correlators.items() if one.carry.evicted}

    @property
    def rows(self) -> int:
        """Rows that the windows hold now."""
        return sum(len(one.carry) for one in self._correlators.values())

    def _needed(self) -> list[Rule]:
        """Give the rules that are output, and those they refer to, in the order of the catalogue."""
        needed: set[str] = set()
        for rule in reversed(self.catalogue):
            if rule.output or rule.key in needed:
                needed |= {rule.key, *(rule.correlation.inputs if rule.correlation else ())}
        return [rule for rule in self.catalogue if rule.key in needed]

    def observe(self, events: pl.DataFrame) -> pl.DataFrame:
        """Look at the next events, in event time order; rows marked `portal.late` meet single-event rules only.

        Shapes: `schema.EVENT` and `portal.late` -> `schema.SIGNAL`, one row a rule that speaks, in the order in which
        they came.
        """
        self.held = {}
        if not events.height or not self._wanted:
            return empty(SIGNAL)
        begun = monotonic_s()
        batch = Batch(events, self._end_us)
        self._allow.look(batch)
        answers = self._matcher.answer(events)
        self.shared_s += monotonic_s() - begun
        found: list[pl.DataFrame] = []
        for rule in self._wanted:
            begun = monotonic_s()
            observe = self._counted if rule.tree is None else self._single
            matches = observe(rule, batch, answers)
            if rule.output and matches:
                rows = pl.Series("row", [match.row for match in matches])
                found.append(signals(rule, matches, events, self._words).with_columns(rows))
            self.matches[rule.key] += len(batch.matched[rule.key])
            self.seconds[rule.key] = self.seconds.get(rule.key, 0.0) + monotonic_s() - begun
        begun = monotonic_s()
        self.names.learn(batch)
        if self.names.grown:
            self.names.prune(self._referred)
        self.shared_s += monotonic_s() - begun
        self._end_us, self.held = batch.end_us, batch.matched
        return _in_order(found) if found else empty(SIGNAL)

    def _single(self, rule: Rule, batch: Batch, answers: Answers) -> list[Match]:
        truth = self._truth(rule, batch, answers)
        batch.matched[rule.key] = np.flatnonzero(truth if batch.all_live else truth & batch.live)
        if rule.key not in self._firing:
            return []
        rows = self._speaking(rule, batch, batch.matched[rule.key])
        late = np.zeros(0, np.int64) if batch.all_live else np.flatnonzero(truth & ~batch.live)
        firing = self._late[rule.key]
        for row, key in zip(late.tolist(), self._keys(rule, batch, late), strict=True):
            if firing.late(key, int(batch.time[row])):
                rows.append((row, key))
        return [_single_match(batch, row, key) for row, key in rows]

    def _truth(self, rule: Rule, batch: Batch, answers: Answers) -> Mask:
        if rule.tree is None:
            raise ValueError(f"{rule.title} is a correlation")
        truth = holds(rule.tree, answers)
        for one in rule.filters:
            passed = _passed(one, batch, answers)
            self._muted.note(one.title, rule, batch, truth & ~passed)
            truth = truth & passed
        return self._allow.kept(rule, batch, truth)

    def _keys(self, rule: Rule, batch: Batch, rows: Index) -> list[tuple[str | None, ...]]:
        columns = [text(batch.column(name)[rows]).alias(name) for name in rule.custom.per]
        return pl.DataFrame(columns).rows() if columns else [()] * len(rows)

    def _speaking(self, rule: Rule, batch: Batch, rows: Index) -> list[tuple[int, tuple[str | None, ...]]]:
        """Choose the rows at which a single-event rule fires, with the key of each."""
        if not len(rows):
            return []
        firing = self._firing[rule.key]
        numbers, heads = codes(combine([batch.hashed(name)[rows] for name in rule.custom.per], len(rows)))
        order = np.argsort(numbers, kind="stable")
        ends = np.cumsum(np.bincount(numbers))
        spoken = []
        for key, end, begin in zip(self._keys(rule, batch, rows[heads]), ends, np.append(0, ends), strict=False):
            mine = rows[order[begin:end]]
            spoken += [(int(mine[at]), key) for at in fire(firing, key, batch.time[mine])]
        firing.forget(batch.end_us)
        return spoken

    def _counted(self, rule: Rule, batch: Batch, answers: Answers) -> list[Match]:
        correlator = self._correlators[rule.key]
        matches = correlator.observe(batch, self._hidden(rule, batch, answers))
        correlator.firing.forget(batch.end_us)
        return matches

    def _hidden(self, rule: Rule, batch: Batch, answers: Answers) -> Mask | None:
        """Mark the rows that allow-lists and filters keep from a correlation."""
        hidden = self._allow.hidden(rule, batch)
        for one in rule.filters:
            kept_out = ~_passed(one, batch, answers)
            self._muted.note(one.title, rule, batch, kept_out & read(rule, batch))
            hidden = kept_out if hidden is None else hidden | kept_out
        return hidden

    def _referred(self, name: str) -> Iterator[pl.Series]:
        tables = (one.carry.table for one in self._correlators.values())
        yield from (table[f"h:{name}"] for table in tables if f"h:{name}" in table.columns)

    def snapshot(self) -> dict[str, bytes]:
        """Give everything remembered, as Arrow IPC and JSON."""
        return dict(self.parts())

    def parts(self) -> Iterator[tuple[str, bytes]]:
        """Give the same part by part: together, the windows of a large portal's rules take a gigabyte."""
        self.names.prune(self._referred)
        yield from self.names.snapshot()
        yield from ((f"window/{key}", one.carry.dump()) for key, one in self._correlators.items())
        memory = {
            "end_us": self._end_us,
            "fingerprints": {rule.key: fingerprint(rule) for rule in self._wanted},
            "correlations": {key: one.firing.dump(self._end_us) for key, one in self._correlators.items()},
            "single": {key: one.dump(self._end_us) for key, one in self._firing.items()},
            "late": {key: one.dump() for key, one in self._late.items()},
            "muted": self._muted.dump(),
            "evicted": {key: one.carry.evicted for key, one in self._correlators.items()},
        }
        yield "memory", json.dumps(memory).encode()

    def restore(self, saved: dict[str, bytes]) -> None:
        """Take back what `snapshot` gave; a rule that has changed since starts afresh."""
        if "memory" not in saved:
            return
        memory = json.loads(saved["memory"])
        self._end_us = memory["end_us"]
        self._muted.load(memory["muted"])
        self.names.restore(saved)
        same = {rule.key for rule in self._wanted if memory["fingerprints"].get(rule.key) == fingerprint(rule)}
        for key, one in self._correlators.items():
            if key in same:
                one.carry.load(saved[f"window/{key}"], self.names)
                one.carry.evicted = memory["evicted"].get(key, 0)
                one.firing.load(memory["correlations"][key])
        for name, group in (("single", self._firing), ("late", self._late)):
            for key in same & set(memory[name]) & set(group):
                group[key].load(memory[name][key])


def _in_order(found: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Join the signals of all rules. Shapes: SIGNAL and the `row` of each -> SIGNAL."""
    return as_they_came(pl.concat(found).sort("row", "rule.id").drop("row"))


def _passed(one: Filter, batch: Batch, answers: Answers) -> Mask:
    """Mark the rows that a filter lets through: all of them once it has ended."""
    passed = holds(one.tree, answers)
    return passed if one.until_us is None else passed | (batch.time >= one.until_us)


def fingerprint(rule: Rule) -> str:
    """Tell two versions of a rule apart by what they match."""
    shape = repr((rule.tree, rule.filters, rule.correlation, rule.mute_us, rule.custom.per))
    return hashlib.sha256(shape.encode()).hexdigest()[:16]


def _single_match(batch: Batch, row: int, key: tuple[str | None, ...]) -> Match:
    user, address = batch.column("user.name")[row], batch.column("source.ip")[row]
    return Match(
        row=row,
        key=key,  # type: ignore[arg-type]
        count=1.0,
        start_us=int(batch.time[row]),
        users=() if user is None else (user,),
        addresses=() if address is None else (address,),
        came_us=None if batch.live[row] else int(batch.reached[row]),
    )


def _notes(rules: Iterable[Rule]) -> Iterable[str]:
    for rule in rules:
        columns = {leaf.column for tree in (rule.tree,) if tree for leaf in leaves(tree)}
        for name in sorted(columns):
            column = resolve(name)
            if column and not column.logged:
                yield f"{rule.path}:{rule.line}: rule {rule.title!r} asks for {name}, which no access log carries"
