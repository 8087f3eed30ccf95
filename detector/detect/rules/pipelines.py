"""Read processing pipelines: they bring rules that were written for another taxonomy into ours, before all else."""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from sigma.correlations import SigmaCorrelationRule
from sigma.policy.profiles import TrustedPolicy
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.resolver import ProcessingPipelineResolver
from sigma.rule import SigmaRule

from detector.detect.rules import documents
from detector.detect.rules.condition import UnsupportedError
from detector.detect.rules.documents import Document
from detector.detect.rules.sigma_parts import MALFORMED, located
from detector.errors import Fault

KNOWN: Final = ("name", "priority", "vars", "transformations", "allowed_backends")

FOREIGN: Final = {
    "postprocessing": "works on the text of queries, and there are none here",
    "finalizers": "works on the text of queries, and there are none here",
    "query_expression_placeholders": "writes queries of another system",
    "file_placeholders": "reads values from outside: put them under vars",
    "http_placeholders": "reads values from outside: put them under vars",
    "command_placeholders": "reads values from outside: put them under vars",
}
"""Parts of Sigma's pipelines that have no meaning here, and why."""


class Pipelines:
    """Processing pipelines of pySigma, one after the other by their priority.

    `present` if there are any; `faults` is what is wrong with them.
    """

    def __init__(self, files: Sequence[Path] = ()) -> None:
        self.present = bool(files)
        self.faults: list[Fault] = []
        found = {str(path): pipeline for path in files if (pipeline := self._read(path)) is not None}
        self._merged = ProcessingPipelineResolver(dict(found)).resolve(list(found))

    def apply(self, rule: SigmaRule | SigmaCorrelationRule) -> None:
        """Transform a rule in place. Raises: `UnsupportedError` when a transformation refuses it."""
        try:
            self._merged.apply(rule)
        except MALFORMED as fault:
            raise UnsupportedError(f"a processing pipeline refuses it: {Exception.__str__(fault)}") from None

    def _read(self, path: Path) -> ProcessingPipeline | None:
        found, faults = documents.read(path)
        for document in found:
            faults += _faults(document)
        if not faults and len(found) != 1:
            faults.append(Fault(str(path), 1, f"one processing pipeline is required, {len(found)} came"))
        self.faults += faults
        if faults:
            return None
        try:
            return ProcessingPipeline.from_dict(deepcopy(found[0].data), policy=TrustedPolicy)
        except MALFORMED as fault:
            self.faults.append(located(found[0], fault, ()))
            return None


def _faults(document: Document) -> Iterator[Fault]:
    for key in document.data:
        if key in FOREIGN:
            yield document.fault([key], f"{key} {FOREIGN[key]}")
        elif key not in KNOWN:
            yield document.fault([str(key)], f"unknown key {key!r}, a pipeline may have {', '.join(KNOWN)}")
    steps = document.data.get("transformations", [])
    if not isinstance(steps, list):
        yield document.fault(["transformations"], "transformations is a list")
    else:
        yield from _of_steps(document, steps)


def _of_steps(document: Document, steps: Iterable[Any]) -> Iterator[Fault]:
    for place, step in enumerate(steps):
        kind = step.get("type") if isinstance(step, dict) else None
        if kind in FOREIGN:
            yield document.fault(["transformations", place], f"{kind} {FOREIGN[kind]}")
            continue
        try:
            ProcessingItem.from_dict(deepcopy(step), policy=TrustedPolicy)
        except MALFORMED as fault:
            yield located(document, fault, ("transformations", place))
