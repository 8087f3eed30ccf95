"""Load rule files into records that are ready to run; collect every fault instead of stopping at the first."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from sigma.correlations import SigmaCorrelationRule
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule

from detector.detect.rules import attack, documents, sigma_parts
from detector.detect.rules.allow import end_us
from detector.detect.rules.condition import Compiler, UnsupportedError
from detector.detect.rules.counting import Reader
from detector.detect.rules.custom import custom
from detector.detect.rules.documents import Document
from detector.detect.rules.draft import Draft, Filtering
from detector.detect.rules.pipelines import Pipelines
from detector.detect.rules.predicate import Tree, some
from detector.detect.rules.spec import Filter, Rule
from detector.errors import Fault


class Loader:
    """Loads folders of rules.

    `zone` is the local time that time modifiers read; `pipelines` transform all rules but those of `ours`.
    """

    def __init__(self, *, zone: str, pipelines: Pipelines | None = None) -> None:
        self.zone = zone
        self.pipelines = Pipelines() if pipelines is None else pipelines
        self.faults: list[Fault] = [*self.pipelines.faults]
        self.drafts: dict[str, Draft] = {}
        self.filters: list[Draft] = []
        self.known: dict[str, str] = {}
        self.doubtful: set[str] = set()
        """What rules at fault are called: others that name them are not to blame."""
        self.unread = False
        """Whether a file could not be read: nobody knows which rules stand there."""

    def read(self, folders: Sequence[Path], *, ours: Sequence[Path] = ()) -> tuple[Rule, ...]:
        """Read every rule, those that others refer to first. Look at `faults`: those at fault are not fit to run."""
        for part, mapped in ((ours, False), (folders, self.pipelines.present)):
            for path in documents.files(part):
                found, faults = documents.read(path)
                self.faults += faults
                self.unread |= bool(faults)
                for document in found:
                    self._admit(document, mapped=mapped)
        for draft in self.drafts.values():
            before = len(self.faults)
            if self._readable(draft):
                self._complete(draft)
            if len(self.faults) > before or not self._readable(draft):
                self._doubt(draft.document)
        self._apply_filters(filter(self._readable, self.filters))
        return tuple(self._rule(self.drafts[key]) for key in self._ordered())

    def _doubt(self, document: Document) -> None:
        names = {str(name) for key in ("id", "name", "title") if (name := document.data.get(key))}
        self.doubtful |= names | {document.path.stem}

    def _admit(self, document: Document, *, mapped: bool) -> None:
        parsed, faults = sigma_parts.parse(document, mapped=mapped)
        extra, more = custom(document)
        self.faults += faults + more
        if faults or more:
            self._doubt(document)
        if parsed is None or faults:
            parsed_id = document.data.get("id") or document.data.get("name")
            if isinstance(parsed_id, str):  # so that rules which refer to it are not blamed as well
                self.known.update({str(name): parsed_id for key in ("id", "name") if (name := document.data.get(key))})
            return
        line = document.node.start_mark.line + 1
        key = str(parsed.id or parsed.name or f"{document.path}:{line}")
        draft = Draft(document=document, parsed=parsed, custom=extra, key=key, mapped=mapped)
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

    def _readable(self, draft: Draft) -> bool:
        """Whether a rule's fields are known: not where the pipelines that bring them into ours are at fault."""
        return not (draft.mapped and self.pipelines.faults)

    def _complete(self, draft: Draft) -> None:
        if isinstance(draft.parsed, SigmaCorrelationRule):
            if draft.mapped:
                self._apply_pipelines(draft, draft.parsed)
            given = {other.key: other.custom.previous for other in self.drafts.values()}
            reader = Reader(draft.document, draft.custom, self.known, given)
            draft.correlation = reader.read(draft.parsed)
            self.faults += reader.faults
        elif isinstance(draft.parsed, SigmaRule):
            draft.tree = self._tree(draft, draft.parsed, "detection")

    def _apply_pipelines(self, draft: Draft, parsed: SigmaCorrelationRule) -> None:
        try:
            self.pipelines.apply(parsed)
        except UnsupportedError as fault:
            self.faults.append(sigma_parts.located(draft.document, fault, ("correlation",)))

    def _tree(self, draft: Draft, rule: SigmaRule, section: str) -> Tree | None:
        compiler = Compiler(zone=self.zone, placeholders=draft.custom.placeholders)

        def compiled(rule: SigmaRule) -> Tree:
            if draft.mapped:
                self.pipelines.apply(rule)
            return some([compiler.compile(condition.parsed) for condition in rule.detection.parsed_condition])

        try:
            return compiled(rule)
        except UnsupportedError as fault:
            self.faults += sigma_parts.blamed(draft.document, section, fault, compiled, mapped=draft.mapped)
        except sigma_parts.MALFORMED as fault:
            self.faults.append(sigma_parts.located(draft.document, fault, (section, "condition")))
        return None

    def _apply_filters(self, drafts: Iterable[Draft]) -> None:
        filtering = Filtering(self.drafts, self.known)
        for draft in drafts:
            parsed = draft.parsed
            if not isinstance(parsed, SigmaFilter):
                continue
            tree = self._tree(draft, sigma_parts.as_rule(parsed), "filter")
            if tree is None:
                continue
            reason, until = draft.custom.reason, draft.custom.until
            found = Filter(
                title=parsed.title + (f": {reason}" if reason else ""),
                tree=tree,
                until_us=end_us(until, ZoneInfo(self.zone)) if until else None,
            )
            for target in filtering.meant(draft, parsed):
                target.filters = (*target.filters, found)
        self.faults += filtering.faults

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

    def _rule(self, draft: Draft) -> Rule:
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

    def _is_output(self, draft: Draft) -> bool:
        """A rule that correlations count is theirs only, unless one says `generate` or it says `output`."""
        if draft.custom.output is not None:
            return draft.custom.output
        counting = [
            other.parsed
            for other in self.drafts.values()
            if other.correlation is not None and draft.key in other.correlation.inputs
        ]
        return not counting or any(isinstance(one, SigmaCorrelationRule) and one.generate for one in counting)
