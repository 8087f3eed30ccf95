"""Prove a filter by running the rule again: over the events that it reads, and at last over the whole logs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl

from detector.errors import DetectorError
from detector.lab.replay import Replay
from detector.lab.truth import Alert
from detector.lab.tune.fired import Fired, firing, told
from detector.lab.tune.judged import Judged, NoFilterError, Proposal, listed, named
from detector.lab.tune.search import Candidate, Search
from detector.lab.tune.spool import Spool
from detector.telemetry import Telemetry

MOST_TRIED: Final = 25
"""Filters that are run, the best first, before it is said that none will do."""


MOST_OTHERS: Final = 1000
"""Alerts that nobody judged, the latest ones, that filters are kept away from while they are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What fired before, and what of that is to go and to stay."""

    before: frozenset[Fired]
    drop: frozenset[Fired]
    keep: frozenset[Fired]

    def fault(self, after: frozenset[Fired]) -> str | None:
        """Say what is wrong with what fires after; None if all that is to go is gone, and nothing else has moved."""
        for what, wrong in (
            ("it leaves {} of the alerts to drop", self.drop & after),
            ("it takes {} of the alerts to keep", self.keep - after),
            ("it moves alerts instead of taking them away: {} fire that did not before", after - self.before),
        ):
            if wrong:
                return f"{what.format(len(wrong))}: {listed(map(str, sorted(wrong, key=_time)))}"
        return None


def tune(judged: Judged, replay: Replay, telemetry: Telemetry) -> Proposal:
    """Read the logs twice: for the events behind the alerts, and for the proof.

    Raises: NoFilterError when no short filter will do; DetectorError for alerts that the logs do not give.
    """
    with TemporaryDirectory(prefix="detector-tune-") as folder:
        path = Path(folder) / "filter.yml"
        spool = Spool(Path(folder), judged.rule)
        before = _read(judged, replay, spool, telemetry)
        drop, keep = _found(judged.drop, before, "--drop"), _found(judged.keep, before, "--keep")
        verdicts = Verdicts(before=frozenset(before), drop=drop, keep=keep)
        found, first_fault = _search(judged, spool, verdicts), None
        for candidate in found[:MOST_TRIED]:
            fault = verdicts.fault(_run(judged, candidate, path, spool.frames()))
            if fault is None:
                return _proved(judged, candidate, path, replay, verdicts)
            first_fault = first_fault or fault
        tried = min(len(found), MOST_TRIED)
        raise NoFilterError(f"none of the {tried} filters tried will do; of the best: {first_fault}")


def _read(judged: Judged, replay: Replay, spool: Spool, telemetry: Telemetry) -> list[Fired]:
    rules = judged.speaking(judged.rules)
    before: list[Fired] = []
    for events in replay.events(telemetry):
        if not events.is_empty():
            before += firing(rules, [events])
            spool.keep(events, rules)
    return before


def _found(alerts: Sequence[Alert], before: Sequence[Fired], option: str) -> frozenset[Fired]:
    found, missing = told(alerts, before)
    if missing:
        raise DetectorError(
            f"{len(missing)} of {len(alerts)} alerts of {option} do not come out of these logs: {named(missing)};"
            " required all the logs they came from, and the same configuration and rules"
        )
    return frozenset(found)


def _search(judged: Judged, spool: Spool, verdicts: Verdicts) -> list[Candidate]:
    drop = sorted(verdicts.drop, key=_time)
    mine = {one for one in verdicts.before if one.rule == judged.rule.id}
    search = Search(
        spool,
        judged.zone,
        dropped=spool.behind(drop),
        kept=spool.behind(sorted(verdicts.keep & mine, key=_time)),
        others=spool.behind(sorted(mine - verdicts.drop - verdicts.keep, key=_time)[-MOST_OTHERS:]),
    )
    found = search.candidates()
    if not found:
        alike = [str(drop[place]) for place in search.inseparable()]
        which = (
            f"those behind {listed(alike)} are like those behind alerts to keep" if alike else "any would be too broad"
        )
        raise NoFilterError(f"no short filter tells the events behind the alerts to drop from the others: {which}")
    return found


def _run(judged: Judged, candidate: Candidate, path: Path, frames: Iterable[pl.DataFrame]) -> frozenset[Fired]:
    path.write_text(judged.written(candidate), "utf-8")
    return frozenset(firing(judged.loaded(path), frames))


def _proved(judged: Judged, candidate: Candidate, path: Path, replay: Replay, verdicts: Verdicts) -> Proposal:
    """Run the filter over the logs themselves, as they are collected."""
    after = _run(judged, candidate, path, replay.events(Telemetry()))
    if fault := verdicts.fault(after):
        raise NoFilterError(f"the filter holds on the events that the rule reads, but not on the logs: {fault}")
    titles = {rule.id: rule.title for rule in judged.rules.catalogue}
    lost = sorted(verdicts.before - after - verdicts.drop, key=_time)
    return Proposal(
        text=judged.written(candidate),
        candidate=candidate,
        dropped=len(verdicts.drop),
        kept=len(verdicts.keep),
        lost=tuple(f"{titles[one.rule]}: {one}" for one in lost),
    )


def _time(fired: Fired) -> tuple[object, str, str]:
    return fired.at, fired.rule, fired.key
