"""Hold a document on its way to a rule, and find the rules that a filter is for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sigma.correlations import SigmaCorrelationRule, SigmaRuleReference
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule, SigmaRuleBase

from detector.detect.rules.documents import Document
from detector.detect.rules.predicate import Tree
from detector.detect.rules.spec import Correlation, Custom, Filter
from detector.errors import Fault


@dataclass(slots=True, kw_only=True)
class Draft:
    """A document on its way to a rule; `mapped` if processing pipelines have a say in it."""

    document: Document
    parsed: SigmaRuleBase
    custom: Custom
    key: str
    mapped: bool
    tree: Tree | None = None
    filters: tuple[Filter, ...] = ()
    correlation: Correlation | None = None


class Filtering:
    """Finds the rules that a filter is for; `known` resolves what they are called to the keys of `drafts`."""

    def __init__(self, drafts: Mapping[str, Draft], known: Mapping[str, str]) -> None:
        self.drafts = drafts
        self.known = known
        self.faults: list[Fault] = []

    def meant(self, draft: Draft, parsed: SigmaFilter) -> Iterator[Draft]:
        """Yield the rules that a filter applies to."""
        rules = parsed.filter.rules
        found = [*self.drafts.values()] if isinstance(rules, str) else [*self._named(draft, rules)]
        if draft.custom.only_for:
            yield from self._counting(draft)
            return
        for target in found:
            if isinstance(target.parsed, SigmaRule) and target.parsed.logsource in parsed.logsource:
                yield target

    def _named(self, draft: Draft, references: Iterable[SigmaRuleReference]) -> Iterator[Draft]:
        for reference in references:
            target = self.drafts.get(self.known.get(reference.reference, ""))
            if target is None or isinstance(target.parsed, SigmaCorrelationRule):
                why = "no loaded file defines" if target is None else "is a correlation: name the rules it counts"
                message = f"refers to rule {reference.reference!r}, which {why}"
                self.faults.append(draft.document.fault(["filter", "rules"], message))
            else:
                yield target

    def _counting(self, draft: Draft) -> Iterator[Draft]:
        """Yield the correlations to which a filter is bound."""
        for name in draft.custom.only_for:
            target = self.drafts.get(self.known.get(name, ""))
            if target is None or not isinstance(target.parsed, SigmaCorrelationRule):
                why = "no loaded file defines" if target is None else "is no correlation: name it under filter.rules"
                self.faults.append(draft.document.fault(["custom", "for"], f"names rule {name!r}, which {why}"))
            else:
                yield target
