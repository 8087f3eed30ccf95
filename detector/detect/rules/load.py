"""Load rule files into records that are ready to run; collect every fault instead of stopping at the first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sigma.correlations import SigmaCorrelationRule
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule, SigmaRuleBase

from detector.detect.rules import attack, documents, sigma_parts
from detector.detect.rules.condition import Compiler, UnsupportedError
from detector.detect.rules.counting import Reader
from detector.detect.rules.custom import custom
from detector.detect.rules.documents import Document
from detector.detect.rules.predicate import Tree, some
from detector.detect.rules.spec import Correlation, Custom, Filter, Rule
from detector.errors import Fault, FaultsError


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A document on its way to a rule."""

    document: Document
    parsed: SigmaRuleBase
    custom: Custom
    key: str
    tree: Tree | None = None
    filters: tuple[Filter, ...] = ()
    correlation: Correlation | None = None


class Loader:
    """Loads folders of rules; `zone` is the local time that time modifiers read."""

    def __init__(self, *, zone: str) -> None:
        self.zone = zone
        self.faults: list[Fault] = []
        self.drafts: dict[str, _Draft] = {}
        self.filters: list[_Draft] = []
        self.known: dict[str, str] = {}

    def load(self, folders: Sequence[Path]) -> tuple[Rule, ...]:
        """Load every rule of `folders`, those that others refer to first. Raises: FaultsError with all faults."""
        for path in documents.files(folders):
            found, faults = documents.read(path)
            self.faults += faults
            for document in found:
                self._admit(document)
        for draft in self.drafts.values():
            self._complete(draft)
        self._apply_filters()
        ordered = self._ordered()
        if self.faults:
            raise FaultsError(self.faults)
        return tuple(self._rule(self.drafts[key]) for key in ordered)

    def _admit(self, document: Document) -> None:
        parsed, faults = sigma_parts.parse(document)
        extra, more = custom(document)
        self.faults += faults + more
        if parsed is None or faults:
            parsed_id = document.data.get("id") or document.data.get("name")
            if isinstance(parsed_id, str):  # so that rules which refer to it are not blamed as well
                self.known.update({str(name): parsed_id for key in ("id", "name") if (name := document.data.get(key))})
            return
        line = document.node.start_mark.line + 1
        key = str(parsed.id or parsed.name or f"{document.path}:{line}")
        draft = _Draft(document=document, parsed=parsed, custom=extra, key=key)
        if isinstance(parsed, SigmaFilter):
            self.filters.append(draft)
            return
        for kind, name in (("id", parsed.id), ("name", parsed.name)):
            if name and str(name) in self.known:
                first = self.drafts.get(self.known[str(name)])
                where = f", first in {first.document.path}" if first else ""
                self.faults.append(document.fault([kind], f"{kind} {name} is taken{where}"))
            elif name:
                self.known[str(name)] = key
        self.drafts.setdefault(key, draft)

    def _complete(self, draft: _Draft) -> None:
        if isinstance(draft.parsed, SigmaCorrelationRule):
            given = {other.key: other.custom.previous for other in self.drafts.values()}
            reader = Reader(draft.document, draft.custom, self.known, given)
            draft.correlation = reader.read(draft.parsed)
            self.faults += reader.faults
        elif isinstance(draft.parsed, SigmaRule):
            draft.tree = self._tree(draft, draft.parsed.detection, ("detection", "condition"))

    def _tree(self, draft: _Draft, detection: Any, where: sigma_parts.Loc) -> Tree | None:
        compiler = Compiler(zone=self.zone, placeholders=draft.custom.placeholders)
        try:
            trees = [compiler.compile(condition.parsed) for condition in detection.parsed_condition]
        except UnsupportedError as fault:
            found = [*sigma_parts.item_faults(draft.document, str(where[0]), compiler.check)]
            self.faults += found or [sigma_parts.located(draft.document, fault, where[:1])]
        except sigma_parts.MALFORMED as fault:
            self.faults.append(sigma_parts.located(draft.document, fault, where))
        else:
            return some(trees)
        return None

    def _apply_filters(self) -> None:
        for draft in self.filters:
            parsed = draft.parsed
            if not isinstance(parsed, SigmaFilter):
                continue
            tree = self._tree(draft, parsed.filter, ("filter", "condition"))
            if tree is None:
                continue
            found = Filter(title=parsed.title, tree=tree)
            for target in self._filtered(draft, parsed):
                target.filters = (*target.filters, found)

    def _filtered(self, draft: _Draft, parsed: SigmaFilter) -> Iterator[_Draft]:
        """Yield the rules that a filter applies to."""
        if isinstance(parsed.filter.rules, str):
            named = list(self.drafts.values())
        else:
            named = []
            for reference in parsed.filter.rules:
                target = self.drafts.get(self.known.get(reference.reference, ""))
                if target is None or isinstance(target.parsed, SigmaCorrelationRule):
                    why = "no loaded file defines" if target is None else "is a correlation: name the rules it counts"
                    message = f"refers to rule {reference.reference!r}, which {why}"
                    self.faults.append(draft.document.fault(["filter", "rules"], message))
                else:
                    named.append(target)
        if draft.custom.only_for:
            yield from self._counting(draft)
            return
        for target in named:
            if isinstance(target.parsed, SigmaRule) and target.parsed.logsource in parsed.logsource:
                yield target

    def _counting(self, draft: _Draft) -> Iterator[_Draft]:
        """Yield the correlations to which a filter is bound."""
        for name in draft.custom.only_for:
            target = self.drafts.get(self.known.get(name, ""))
            if target is None or not isinstance(target.parsed, SigmaCorrelationRule):
                why = "no loaded file defines" if target is None else "is no correlation: name it under filter.rules"
                self.faults.append(draft.document.fault(["custom", "for"], f"names rule {name!r}, which {why}"))
            else:
                yield target

    def _ordered(self) -> list[str]:
        """Order keys so that a rule comes after those it refers to; a cycle is a fault."""
        ordered: list[str] = []
        state: dict[str, int] = {}

        def visit(key: str, path: tuple[str, ...]) -> None:
            draft = self.drafts.get(key)
            if draft is None or state.get(key) == 2:
                return
            if state.get(key) == 1:
                names = " -> ".join(self.drafts[one].parsed.title for one in (*path[path.index(key) :], key))
                self.faults.append(draft.document.fault(["correlation", "rules"], f"refers to itself: {names}"))
                return
            state[key] = 1
            for ref in draft.correlation.inputs if draft.correlation else ():
                visit(ref, (*path, key))
            state[key] = 2
            ordered.append(key)

        for key in self.drafts:
            visit(key, ())
        return ordered

    def _rule(self, draft: _Draft) -> Rule:
        parsed, document = draft.parsed, draft.document
        tags = tuple(str(tag) for tag in parsed.tags)
        return Rule(
            key=draft.key,
            id=draft.key if parsed.id or parsed.name else document.path.stem,
            name=parsed.name,
            title=parsed.title,
            level=str(parsed.level) if parsed.level else "medium",
            status=str(parsed.status) if parsed.status else "",
            description=parsed.description or "",
            references=tuple(map(str, parsed.references or ())),
            tags=tags,
            falsepositives=tuple(map(str, parsed.falsepositives or ())),
            version=draft.custom.version or str(parsed.modified or parsed.date or ""),
            path=document.path,
            line=document.node.start_mark.line + 1,
            custom=draft.custom,
            output=self._is_output(draft),
            techniques=attack.techniques(tags),
            tactics=attack.tactics(tags),
            tree=draft.tree,
            filters=draft.filters,
            correlation=draft.correlation,
            said=frozenset(key for key, value in document.data.items() if value),
        )

    def _is_output(self, draft: _Draft) -> bool:
        """A rule that correlations count is theirs only, unless one says `generate` or it says `output`."""
        if draft.custom.output is not None:
            return draft.custom.output
        counting = [
            other.parsed
            for other in self.drafts.values()
            if other.correlation is not None and draft.key in other.correlation.inputs
        ]
        return not counting or any(isinstance(one, SigmaCorrelationRule) and one.generate for one in counting)


def adjusted(
    rules: Sequence[Rule], *, disabled: Sequence[str], thresholds: Mapping[str, float]
) -> tuple[tuple[Rule, ...], list[Fault]]:
    """Apply the configuration's overrides; faults for rules that do not exist or have no count."""
    faults: list[Fault] = []
    by_name = {name: rule for rule in rules for name in (rule.key, rule.id, rule.name, rule.title) if name}
    changed = {rule.key: rule for rule in rules}
    for name in disabled:
        if name not in by_name:
            faults.append(Fault("configuration", 1, f"rules.disabled: no rule {name!r}"))
        else:
            key = by_name[name].key
            changed[key] = replace(changed[key], output=False)
    for name, number in thresholds.items():
        rule = by_name.get(name)
        if rule is None or rule.correlation is None or not rule.correlation.measures:
            why = "no rule" if rule is None else "nothing is counted by rule"
            faults.append(Fault("configuration", 1, f"rules.thresholds: {why} {name!r}"))
        else:
            changed[rule.key] = replace(changed[rule.key], correlation=_rebound(rule.correlation, number))
    return tuple(changed.values()), faults


def _rebound(correlation: Correlation, number: float) -> Correlation:
    first, *others = correlation.measures
    (operator, _), *rest = first.bounds.pairs
    bounds = replace(first.bounds, pairs=((operator, float(number)), *rest))
    cap = max(correlation.cap, 2 * bounds.least)
    return replace(correlation, measures=(replace(first, bounds=bounds), *others), cap=cap)
