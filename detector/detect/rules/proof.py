"""Run the tests that stand in rule files: a few events in, so many alerts out; report them as JUnit XML."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import polars as pl

from detector.config import Config
from detector.detect.rules.custom import duration_us
from detector.detect.rules.engine import Rules
from detector.detect.rules.fields import DERIVED, resolve
from detector.detect.rules.spec import Proof, Rule
from detector.schema import EVENT, LATE

MONDAY: Final = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""When the events of a test begin: a Monday morning, nine o'clock in Paris."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one test of a rule came to; `got` is the number of alerts, `problem` what kept it from running."""

    rule: Rule
    proof: Proof
    got: int
    problem: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the rule raised as many alerts as the test says."""
        return self.problem is None and self.got == self.proof.alerts

    def __str__(self) -> str:
        where = f"{self.rule.path}:{self.proof.line}: {self.rule.title!r}, test {self.proof.name!r}"
        if self.passed:
            return f"{where}: passed"
        return f"{where}: {self.problem or f'expected {self.proof.alerts} alerts, got {self.got}'}"


def run_tests(rules: Rules) -> list[Result]:
    """Run every test of every rule in the catalogue, each against its rule alone."""
    return [_run(rules.catalogue, rule, proof) for rule in rules.catalogue for proof in rule.tests]


def untested(rules: Rules) -> list[Rule]:
    """Give the rules that speak without a test that matches and a test that nearly does."""
    return [
        rule
        for rule in rules.catalogue
        if rule.output
        and not (any(proof.alerts for proof in rule.tests) and any(not proof.alerts for proof in rule.tests))
    ]


def _run(catalogue: Sequence[Rule], rule: Rule, proof: Proof) -> Result:
    try:
        events = frame(proof.events)
    except ValueError as fault:
        return Result(rule=rule, proof=proof, got=0, problem=str(fault))
    got = Rules(_alone(catalogue, rule), Config()).observe(events)
    return Result(rule=rule, proof=proof, got=got.height)


def _alone(catalogue: Sequence[Rule], rule: Rule) -> list[Rule]:
    """Give `rule` as the only one that speaks, with those it refers to."""
    return [replace(one, output=one.key == rule.key) for one in catalogue]


def frame(events: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Make a frame of a test's events; what a test does not say is null. Raises: ValueError.

    `@timestamp` is an offset from the event before (`+10s`) or a moment (`2026-03-02T08:00:00Z`); `repeat`
    makes so many of an event, `every` so far apart, with `{i}` in its values counting from 0.
    """
    columns: dict[str, list[Any]] = {name: [] for name in EVENT}
    for place, event in enumerate(_unrolled(events)):
        row = {_target(name): value for name, value in event.items()}
        row.setdefault("log.offset", place)
        for name, dtype in EVENT.items():
            value = row.get(name)
            columns[name].append(str(value) if value is not None and dtype == pl.String else value)
    try:
        made = pl.DataFrame(columns, schema=EVENT)
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as fault:
        raise ValueError(f"a value does not fit its field: {fault}") from None
    return made.sort("@timestamp", maintain_order=True).with_columns(pl.lit(False).alias(LATE))


def _target(name: str) -> str:
    column = resolve(name)
    if column is None or not column.logged or column.name in DERIVED:
        raise ValueError(f"a test cannot set the field {name!r}")
    return column.name


def _unrolled(events: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    moment = MONDAY
    for event in events:
        times = int(event.get("repeat", 1))
        every = timedelta(microseconds=duration_us(event.get("every", "1s")))
        for i in range(times):
            if i == 0:
                moment = _moment(event.get("@timestamp"), moment)
            else:
                moment += every
            values = {name: _filled(value, i) for name, value in event.items() if name not in {"repeat", "every"}}
            yield {**values, "@timestamp": moment}


def _filled(value: Any, i: int) -> Any:
    return value.replace("{i}", str(i)) if isinstance(value, str) else value


def _moment(value: Any, before: datetime) -> datetime:
    if value is None:
        return before + timedelta(seconds=1)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    text = str(value)
    if text.startswith("+"):
        return before + timedelta(microseconds=duration_us(text[1:]))
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def write_junit(results: Sequence[Result], path: Path) -> None:
    """Write the results as JUnit XML, one test case a test."""
    failures = sum(not result.passed for result in results)
    suite = ElementTree.Element("testsuite", name="rules", tests=str(len(results)), failures=str(failures))
    for result in results:
        attributes = {"classname": result.rule.id, "name": f"{result.rule.title}: {result.proof.name}"}
        case = ElementTree.SubElement(suite, "testcase", attributes, file=str(result.rule.path))
        if not result.passed:
            ElementTree.SubElement(case, "failure", message=str(result))
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
