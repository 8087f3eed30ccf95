"""Say what a rule should tell whoever gets its alert, and does not: notes, no faults, as of Sigma's linters."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from detector.detect.rules.spec import Rule

SAID: Final = ("status", "description", "references", "level", "falsepositives")
"""Keys that Sigma leaves open and this pack asks for."""

LEAST_STEPS: Final = 2
"""Steps of a runbook: what to do at once, and what to look at then."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def lacking(rules: Iterable[Rule]) -> Iterator[str]:
    """Yield `file:line: rule 'title' lacks ...` for each rule that raises alerts and lacks something."""
    for rule in rules:
        if rule.output and (missing := list(_missing(rule))):
            yield f"{rule.path}:{rule.line}: rule {rule.title!r} lacks {', '.join(missing)}"


def _missing(rule: Rule) -> Iterator[str]:
    if not _UUID.fullmatch(rule.id):
        yield "an id (a UUID)"
    yield from (key for key in SAID if key not in rule.said)
    if not rule.techniques:
        yield "a tag attack.t...."
    if len(rule.runbook) < LEAST_STEPS:
        yield f"custom.runbook ({LEAST_STEPS} steps)"
    if not any(proof.alerts for proof in rule.tests):
        yield "a test that raises an alert"
    if all(proof.alerts for proof in rule.tests):
        yield "a test that nearly does (alerts: 0)"
