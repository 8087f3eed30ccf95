"""Run the tests that stand in rule files: a few events in, so many alerts out; report them as JUnit XML."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import polars as pl

from detector.clock import rfc3339
from detector.config import Config
from detector.detect.rules.custom import duration_us
from detector.detect.rules.engine import Rules
from detector.detect.rules.fields import DERIVED, resolve
from detector.detect.rules.spec import Proof, Rule
from detector.errors import Fault
from detector.schema import EVENT, LATE

MAX_SHOWN: Final = 3
"""Alerts that the message of a failed test names."""

MONDAY: Final = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""When the events of a test begin: a Monday morning, nine o'clock in Paris."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one test of a rule came to.

    `fired` says of each alert when it fired and for whom, `problem` what kept the test from running.
    """

    rule: Rule
    proof: Proof
    fired: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the rule raised as many alerts as the test says."""
        return self.problem is None and len(self.fired) == self.proof.alerts

    @property
    def fault(self) -> Fault:
        """Say where the test stands and what it came to."""
        came = "passed" if self.passed else self.problem or f"expected {_alerts(self.proof.alerts)}, {self._came()}"
        return Fault(str(self.rule.path), self.proof.line, f"{self.rule.title!r}, test {self.proof.name!r}: {came}")

    def _came(self) -> str:
        shown = [*self.fired[:MAX_SHOWN], *(["..."] if len(self.fired) > MAX_SHOWN else [])]
        return f"got {len(self.fired)}" + (f" ({'; '.join(shown)})" if shown else "")


def run_tests(rules: Rules, only: Iterable[Rule] | None = None) -> list[Result]:
    """Run every test of every rule in the catalogue, or of some, each against its rule alone."""
    chosen = rules.catalogue if only is None else only
    return [_run(rules.catalogue, rule, proof) for rule in chosen for proof in rule.tests]


def _alerts(count: int) -> str:
    return f"{count or 'no'} alert{'' if count == 1 else 's'}"


def _run(catalogue: Sequence[Rule], rule: Rule, proof: Proof) -> Result:
    try:
        events = frame(proof.events)
    except ValueError as fault:
        return Result(rule=rule, proof=proof, problem=str(fault))
    got = Rules(_alone(catalogue, rule), Config()).observe(events)
    fired = (f"at {rfc3339(at)} {key}".strip() for at, key in got.select("@timestamp", "signal.key").iter_rows())
    return Result(rule=rule, proof=proof, fired=tuple(fired))


def _alone(catalogue: Sequence[Rule], rule: Rule) -> list[Rule]:
    """Give `rule` as the only one that speaks, with those it refers to."""
    return [replace(one, output=one.key == rule.key) for one in catalogue]


def frame(events: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Make a frame of a test's events; what a test does not say is null. Raises: ValueError.

    `@timestamp` is an offset from the event before (`+10s`) or a moment (`2026-03-02T08:00:00Z`); it tells the local
    day and hour. `repeat` makes so many of an event, `every` so far apart, with `{i}` in its values counting from 0.
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
    local = pl.col("@timestamp").dt.convert_time_zone(Config().calendar.timezone)
    hour = (local.dt.weekday().cast(pl.Int16) - 1) * 24 + local.dt.hour()
    return made.sort("@timestamp", maintain_order=True).with_columns(
        pl.col("portal.local_date").fill_null(local.dt.date()),
        pl.col("portal.hour_of_week").fill_null(hour.cast(pl.Int16)),
        pl.lit(False).alias(LATE),
    )


def _target(name: str) -> str:
    column = resolve(name)
    if column is None or not column.logged or column.name in DERIVED:
        raise ValueError(f"a test cannot set the field {name!r}")
    return column.name


def _unrolled(events: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    moment = MONDAY
    for event in events:
        times = event.get("repeat", 1)
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
            ElementTree.SubElement(case, "failure", message=str(result.fault))
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
