"""Keep the events that a rule reads, on disk: it is run over them again and again, and over nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from detector.detect.rules import Rule, Rules
from detector.detect.rules.fields import resolve
from detector.detect.rules.keys import Index
from detector.lab.tune.fired import Fired
from detector.schema import LATE, TIME

READ: Final = "tune.read"
"""Which of the rule's inputs an event is, a bit each; 0: it is read by what the rule counts only."""

ALERT: Final = "tune.alert"
"""Which of the alerts asked about an event is behind."""

_GROUP: Final = "tune.group"


class Spool:
    """Events in a folder, in their order. `inputs` are the rules whose events `rule` reads, by key: itself if single.

    Shapes: EVENT with LATE and READ.
    """

    def __init__(self, folder: Path, rule: Rule) -> None:
        self.rule = rule
        self.inputs = rule.correlation.refs if rule.correlation else (rule.key,)
        self.events = 0
        self._folder = folder
        self._parts: list[Path] = []

    def keep(self, events: pl.DataFrame, rules: Rules) -> None:
        """Keep those of the events observed last that a rule of single events held on, and those that came late."""
        single = {rule.key for rule in rules.catalogue if rule.tree is not None}
        rows = [held for key, held in rules.held.items() if key in single]
        late = np.flatnonzero(events[LATE].to_numpy())
        chosen: Index = np.unique(np.concatenate([late, *rows]))
        if not len(chosen):
            return
        kept = events.with_columns(self._read(rules.held, events.height))[chosen]
        path = self._folder / f"{len(self._parts):06d}.arrow"
        kept.write_ipc(path)
        self._parts.append(path)
        self.events += int((kept[READ] > 0).sum())

    def _read(self, held: Mapping[str, Index], height: int) -> pl.Series:
        marks = np.zeros(height, dtype=np.uint32)
        for bit, key in enumerate(self.inputs):
            marks[held.get(key, [])] |= np.uint32(1 << bit)
        return pl.Series(READ, marks)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the events kept, part by part."""
        for path in self._parts:
            yield pl.read_ipc(path)

    def behind(self, fired: Sequence[Fired]) -> pl.DataFrame:
        """Give the events behind firings: what the rule read of the group while the evidence lasted.

        Of a rule of single events those too that it would have fired on, had it not just fired.
        Shapes: n firings -> the columns of `frames` and ALERT, the place among the n.
        """
        spans = self._spans(fired)
        found: list[pl.DataFrame] = [next(self.frames()).clear().with_columns(pl.lit(0, pl.UInt32).alias(ALERT))]
        for part in self.frames():
            for bit in range(len(self.inputs)):
                read = part.filter(pl.col(READ) & (1 << bit) > 0).with_columns(self._group(bit).alias(_GROUP))
                met = read.join(spans, on=_GROUP, maintain_order="left")
                inside = pl.col("@timestamp").is_between("tune.start", "tune.end")
                found.append(met.filter(inside).select(found[0].columns))
        return pl.concat(found).unique([ALERT, "log.file.path", "log.offset"], maintain_order=True)

    def _spans(self, fired: Sequence[Fired]) -> pl.DataFrame:
        silent = timedelta(microseconds=0 if self.rule.correlation else max(0, self.rule.mute_us - 1))
        rows = [
            (place, group, one.start, one.at + silent)
            for place, one in enumerate(fired)
            for group in ((one.key,) if self._tells_group else one.users)
        ]
        schema = pl.Schema({ALERT: pl.UInt32(), _GROUP: pl.String(), "tune.start": TIME, "tune.end": TIME})
        return pl.DataFrame(rows, schema=schema, orient="row")

    @property
    def _tells_group(self) -> bool:
        """Whether an event tells its group by itself: not where a rule gives values on. Then accounts stand in."""
        groups = self.rule.correlation.groups.values() if self.rule.correlation else ()
        return all(resolve(column) is not None for columns in groups for column in columns)

    def _group(self, bit: int) -> pl.Expr:
        """Write an event's group the way that signals do."""
        correlation = self.rule.correlation
        if correlation is None:
            own = [pl.format("event={}:{}", "log.file.path", "log.offset")] if self.rule.mute_us == 0 else []
            return pl.concat_str(
                [*_parts(self.rule.custom.per, self.rule.custom.per), *own], separator=" ", ignore_nulls=True
            )
        if not self._tells_group:
            return pl.col("user.name")
        parts = _parts(correlation.group_names, correlation.groups[self.inputs[bit]])
        return pl.concat_str(parts, separator=" ") if parts else pl.lit("")


def _parts(names: Sequence[str], columns: Sequence[str]) -> list[pl.Expr]:
    found = [resolve(column) for column in columns]
    return [
        pl.format(name + "={}", column.expression().cast(pl.String))
        for name, column in zip(names, found, strict=True)
        if column is not None
    ]
