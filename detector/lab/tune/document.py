"""Write a filter as the Sigma document that the loader reads."""

import uuid
from datetime import date
from typing import Any, Final

import yaml

from detector.detect.rules import Rule, Rules
from detector.detect.rules.documents import read
from detector.lab.tune.search import Candidate

_NAMESPACE: Final = uuid.UUID("6f0f3f6a-6c1b-4d55-9f3c-2b6b2f6d6a01")


def document(candidate: Candidate, rule: Rule, rules: Rules, *, reason: str, until: date) -> dict[str, Any]:
    """Give the filter's document; the same filter of the same rule has the same id."""
    selections = {
        "selection" if len(candidate.selections) == 1 else f"selection_{place}": {
            atom.field: atom.written[0] if len(atom.written) == 1 else list(atom.written) for atom in selection
        }
        for place, selection in enumerate(candidate.selections, 1)
    }
    condition = "not selection" if len(selections) == 1 else "not 1 of selection_*"
    single = _single(rule, rules)
    custom: dict[str, Any] = {"reason": reason, "until": until}
    if rule.correlation is not None:
        custom["for"] = rule.key
    return {
        "title": f"False alerts of {rule.title!r}",
        "id": str(uuid.uuid5(_NAMESPACE, f"{rule.key} {candidate.selections}")),
        "status": "experimental",
        "description": "Proposed by `detector rules tune`.",
        "logsource": _logsource(single[0]),
        "filter": {"rules": [one.key for one in single], **selections, "condition": condition},
        "custom": custom,
    }


def _single(rule: Rule, rules: Rules) -> list[Rule]:
    """Give the rules of single events that a rule rests on: those that a Sigma filter may name."""
    if rule.correlation is None:
        return [rule]
    by_key = {one.key: one for one in rules.catalogue}
    found = [one for key in rule.correlation.refs for one in _single(by_key[key], rules)]
    return list({one.key: one for one in found}.values())


def _logsource(rule: Rule) -> dict[str, Any]:
    """Read the log source that a rule names: a filter must name it too."""
    (found,) = (one for one in read(rule.path)[0] if one.node.start_mark.line + 1 == rule.line)
    return dict(found.data["logsource"])


def text(document: dict[str, Any]) -> str:
    """Write a document as YAML."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
